/**
 * Plants one bug while sources are loaded: `SIRTAKI_BUG=NAME node --import ./test/bugs/plant.ts test/sim/main.ts ...`
 *
 * No file is changed. Worker threads and child processes inherit the hook where they inherit `--import`. A patch whose
 * text is not found exactly once ends the process loudly: it no longer applies. Read next: `catalogue.ts`, `main.ts`.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { bugs, editsOf, type Bug, type Edit } from './catalogue.ts'

const root = new URL('../../', import.meta.url)

/** The text of a source with its edits made. @throws Error when one of them no longer applies. */
export function planted(name: string, file: string, edits: readonly Edit[]): string {
  let text = readFileSync(new URL(file, root), 'utf8')
  for (const { find, replace } of edits) {
    const found = text.split(find).length - 1
    if (found !== 1) throw new Error(`bug ${name} no longer applies: its text occurs ${found} times in ${file}`)
    text = text.replace(find, () => replace)
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
  const texts = new Map([...byFile(bug)].map(([file, edits]) => [new URL(file, root).href, planted(bug.name, file, edits)]))
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
