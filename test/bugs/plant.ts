/**
 * Plants one bug while sources are loaded: `SIRTAKI_BUG=NAME node --import ./test/bugs/plant.ts test/sim/main.ts ...`
 *
 * No file is changed. A patch is matched without regard to formatting. Worker threads and child processes inherit the
 * hook where they inherit `--import`. A patch whose text is not found exactly once ends the process loudly: it no
 * longer applies. Read next: `catalogue.ts`, `main.ts`.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { bugs, editsOf, type Bug, type Edit } from './catalogue.ts'

const root = new URL('../../', import.meta.url)

/**
 * A text without what a formatter decides: white space, and a comma behind the last of a list. `at`: where each
 * character stood.
 */
interface Bare {
  readonly text: string
  readonly at: readonly number[]
}

/** Takes the formatting off a text. */
function bareOf(text: string): Bare {
  const at: number[] = []
  let bare = ''
  for (const { 0: character, index } of text.matchAll(/[^\s;]/g)) {
    if (')]}'.includes(character) && bare.endsWith(',')) {
      bare = bare.slice(0, -1)
      at.pop()
    }
    bare += character
    at.push(index)
  }
  return { text: bare, at }
}

/** Where a text begins and ends in another one that may be formatted otherwise, as often as it occurs there. */
export function occurrences(text: string, find: string): readonly { readonly from: number; readonly to: number }[] {
  const source = bareOf(text)
  const sought = bareOf(find).text
  const found: { from: number; to: number }[] = []
  for (let start = source.text.indexOf(sought); start >= 0; start = source.text.indexOf(sought, start + 1)) {
    found.push({ from: source.at[start] ?? 0, to: (source.at[start + sought.length - 1] ?? 0) + 1 })
  }
  return found
}

/** The text of a source with its edits made. @throws Error when one of them no longer applies. */
export function planted(name: string, file: string, edits: readonly Edit[]): string {
  let text = readFileSync(new URL(file, root), 'utf8')
  for (const { find, replace } of edits) {
    const [place, ...others] = occurrences(text, find)
    if (place === undefined || others.length > 0) {
      const times = place === undefined ? 0 : others.length + 1
      throw new Error(`bug ${name} no longer applies: its text occurs ${times} times in ${file}`)
    }
    text = text.slice(0, place.from) + replace + text.slice(place.to)
  }
  return text
}

/** Makes all edits of a bug, without loading anything. Gives what is wrong with them, `undefined` when they apply. */
export function misfit(bug: Bug): string | undefined {
  try {
    for (const [file, edits] of byFile(bug)) planted(bug.name, file, edits)
    return undefined
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

const byFile = (bug: Bug): Map<string, Edit[]> => Map.groupBy(editsOf(bug), (edit) => edit.file)

function plant(bug: Bug): void {
  const texts = new Map(
    [...byFile(bug)].map(([file, edits]) => [new URL(file, root).href, planted(bug.name, file, edits)]),
  )
  registerHooks({
    load(url, context, next) {
      const source = texts.get(url)
      return source === undefined ? next(url, context) : { format: 'module-typescript', source, shortCircuit: true }
    },
  })
}

const name = process.env['SIRTAKI_BUG']
if (name !== undefined) {
  const bug = bugs.find((one) => one.name === name)
  if (bug === undefined) throw new Error(`there is no bug called ${name}`)
  plant(bug)
}
