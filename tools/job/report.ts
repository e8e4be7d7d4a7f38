/**
 * The report of a job as an object: how far its leader has cut the folder into items, and in the end the result.
 *
 * A leader that takes over goes on where the last one stopped: what is cut is written in the transaction that puts the
 * items. Read next: `leader.ts`.
 */
import { boolean, integer, min, nullable, object, string } from 'superstruct'
import { defineObject } from '../../objects/define-object.ts'

const count = min(integer(), 0)
const Outcome = object({ digest: string(), files: count, bytes: count })

/** The report of one job. `last`: the last path that is an item; `isWhole`: there are no more behind it. */
export const Report = defineObject({
  name: 'job.report',
  version: 1,
  state: object({ last: string(), files: count, isWhole: boolean(), result: nullable(Outcome) }),
  initial: () => ({ last: '', files: 0, isWhole: false, result: null }),
  ops: (op) => ({
    /** Notes that more files have become items, up to `last`. Answers how many there are. */
    cut: op(object({ last: string(), files: count, isWhole: boolean() }), (draft, { last, files, isWhole }, ctx) => {
      if (draft.isWhole) ctx.reject('the folder is cut already', { last: draft.last })
      draft.files += files
      draft.last = last
      draft.isWhole = isWhole
      return draft.files
    }),
    /** Publishes the result, once. */
    publish: op(Outcome, (draft, outcome, { reject }) => {
      if (draft.result !== null) reject('the result is published already')
      draft.result = outcome
    }),
  }),
})
