/**
 * What the engine comes to, on every host: its name, 40 images, and the outcomes of the corpora with their fuel.
 *
 * A change of the table is a change of the format: what an extension in a log came to yesterday it must come to
 * tomorrow. So it takes another engine, with another name. (The image of a recipe follows the text of the recipe, and a
 * hash of a corpus its programs: these change with them.) The new table is printed by
 *
 *     node test/objects/extensions/corpus-run.ts --all > test/objects/extensions/golden.json
 *
 * Read next: `corpora.ts`, `engine.test.ts`.
 */
import type { Findings } from './corpora.ts'
import table from './golden.json' with { type: 'json' }

/** The table. */
export const golden: Findings = table

/** All that `npm test` runs on each host: 10,000 programs are for `corpus-run.ts --all`. */
const { programs10000: _, ...quick } = golden
export const goldenQuick: Findings = quick
