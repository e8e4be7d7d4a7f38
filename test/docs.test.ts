/**
 * What the pages say and what the sources say hold together: rules that are cited are defined, those that are defined
 * are cited, and the files that pages name are there.
 *
 * Read next: `../docs/rules.md`, `../docs/words.md`.
 */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'

const root = join(import.meta.dirname, '..')
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

const sources = globSync('{log,sequencer,objects,tools,test}/**/*.{ts,js,pml}', { cwd: root }).filter(
  (path) => !path.includes('node_modules') && path !== join('test', 'docs.test.ts'),
)
const pages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...globSync('docs/*.md', { cwd: root })]

/** Ids of rules in a text, also those of a range such as `L1-L3`. */
function idsIn(text: string): Set<string> {
  const ids = new Set([...text.matchAll(/(?<![\w.-])([LQYOCEP]\d{1,2})(?!\w|\.\d)/g)].map((match) => match[1] ?? ''))
  for (const [, letter = '', from, to] of text.matchAll(/([LQYOCEP])(\d{1,2})(?:-| to )\1(\d{1,2})/g)) {
    for (let number = Number(from); number <= Number(to); number++) ids.add(`${letter}${number}`)
  }
  return ids
}

const cited = new Set(sources.flatMap((path) => [...idsIn(textOf(path))]))
const defined = [...textOf('docs/rules.md').matchAll(/^\*\*([LQYOCEP]\d{1,2}) /gm)].map((match) => match[1] ?? '')

test('every rule that is cited is defined, once', (t) => {
  t.deepEqual(
    [...cited].filter((id) => !defined.includes(id)),
    [],
  )
  t.deepEqual(
    defined.filter((id, at) => defined.indexOf(id) !== at),
    [],
  )
  t.true(defined.length > 70)
})

test('every rule that is defined is cited', (t) => {
  t.deepEqual(
    defined.filter((id) => !cited.has(id)),
    [],
  )
})

test('pages cite no rule that is not defined', (t) => {
  t.deepEqual(
    pages.flatMap((path) =>
      [...idsIn(textOf(path))].filter((id) => !defined.includes(id)).map((id) => `${path}: ${id}`),
    ),
    [],
  )
})

test('every file that a page names is there', (t) => {
  const named = /`((?:log|sequencer|objects|tools|test|docs)\/[\w./-]+\.(?:ts|js|md|pml|txt))`/g
  const missing = pages.flatMap((path) =>
    [...textOf(path).matchAll(named)]
      .map((match) => match[1] ?? '')
      .filter((file) => !existsSync(join(root, file)))
      .map((file) => `${path}: ${file}`),
  )
  t.deepEqual(missing, [])
})

test('every file that a comment names is there', (t) => {
  const named = /`((?:\.\.?\/)?[\w./-]+\.(?:ts|md|pml))`/g
  const missing = sources.flatMap((path) =>
    [...textOf(path).matchAll(named)]
      .map((match) => match[1] ?? '')
      .filter((file) => !existsSync(join(root, path, '..', file)) && !existsSync(join(root, file)))
      .map((file) => `${path}: ${file}`),
  )
  t.deepEqual(missing, [])
})

test('nothing cites a page that is not in the repository', (t) => {
  t.deepEqual(
    [...sources, ...pages].filter((path) => /\bDESIGN\b/.test(textOf(path))),
    [],
  )
})
