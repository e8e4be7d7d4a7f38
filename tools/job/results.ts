/**
 * The results of a job as an object: the hash of every finished file, each once.
 *
 * A worker writes them in the transaction that acknowledges the items of these files: either both happen or neither.
 * So a file whose worker died behind its hash is hashed again, but has one result. Read next: `worker.ts`,
 * `../../objects/transaction.ts`.
 */
import { array, integer, min, number, object, string } from 'superstruct'
import { defineObject } from '../../objects/define-object.ts'

const count = min(integer(), 0)
/** `attempt`: how often the file had been given to a worker when it was finished, 1 for the first time. */
const result = { hash: string(), bytes: count, attempt: count }
const Result = object({ path: string(), ...result })

/** The results of one job. The small value counts the finished files and their bytes. */
export const Results = defineObject({
  name: 'job.results',
  version: 1,
  state: object({ files: count, bytes: count }),
  initial: () => ({ files: 0, bytes: 0 }),
  tables: { files: object({ ...result, session: number() }) },
  ops: (op) => ({
    /** Adds what the calling session has found; all or none. Answers how many files are finished. */
    add: op(object({ results: array(Result) }), (draft, { results }, { tables, session, reject }) => {
      for (const { path, hash, bytes, attempt } of results) {
        if (tables.files.has(path)) reject('the file has a result already', { path })
        tables.files.set(path, { hash, bytes, attempt, session })
        draft.bytes += bytes
      }
      draft.files += results.length
      return draft.files
    }),
  }),
})
