/**
 * Drafts: a value changed as if in place, the value itself untouched.
 *
 * An instance of immer of our own: settings of the program's do not reach into apply, and freezing is left to
 * `values.ts`. Read next: `records.ts`, `bound-type.ts`.
 */
import { Immer, type Draft } from 'immer'

const immer = new Immer({ autoFreeze: false })

/** Gives the value that `recipe` made of a draft of `base`; `base` itself when it changed nothing. */
export const produce = <T>(base: T, recipe: (draft: Draft<T>) => void): T => immer.produce(base, recipe)
