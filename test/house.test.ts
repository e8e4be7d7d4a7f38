/**
 * How the sources look: lines end at 120 columns, and a file of more than 500 lines says in its head why it is long.
 *
 * The formatter sees to the rest (`npm run check`). Read next: `../CONTRIBUTING.md`.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'

const root = join(import.meta.dirname, '..')
const COLUMNS = 120
const LINES = 500

const sources = globSync(['*.{ts,json}', '{log,sequencer,objects,testing,tools,test,examples}/**/*.{ts,js,json}'], {
  cwd: root,
}).filter((path) => path !== 'package-lock.json')
const linesOf = (path: string): string[] => readFileSync(join(root, path), 'utf8').trimEnd().split('\n')

test('no line is longer than 120 columns', (t) => {
  t.true(sources.length > 300)
  const long = sources.flatMap((path) =>
    linesOf(path).flatMap((line, i) => (line.length > COLUMNS ? [`${path}:${i + 1}`] : [])),
  )
  t.deepEqual(long, [])
})

test('a file of more than 500 lines says why in its head', (t) => {
  const long = sources.filter((path) => linesOf(path).length > LINES)
  const silent = long.filter(
    (path) =>
      !linesOf(path)
        .slice(0, 40)
        .some((line) => line.startsWith(' * Long: ')),
  )
  t.deepEqual(silent, [])
})
