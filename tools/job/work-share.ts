/**
 * Work shared out among sessions: files to be hashed, each claimed by one session at a time, each finished once.
 *
 *     add ─ open ─ claim ─ claimed ─ finish ─ done
 *              └── giveBack ──┘
 *
 * Open files stand in a queue of numbered places, [head, tail); the claims of a session are rows that begin with its
 * position. So every op touches only what it changes, however many files there are. Read next:
 * `../../objects/define-object.ts`.
 */
import { array, enums, integer, literal, min, nullable, number, object, size, string } from 'superstruct'
import { defineObject } from '../../objects/define-object.ts'

/** Files that one claim can take: what one dead worker can hold up. */
export const CLAIM_MAX = 1_024

const count = min(integer(), 0)
/** By path. `session` has claimed or finished it; `hash` and `bytes` are what it found. */
const File = object({
  state: enums(['open', 'claimed', 'done']),
  session: nullable(number()),
  hash: nullable(string()),
  bytes: count,
})
const Result = object({ path: string(), hash: string(), bytes: count })

/** What `claim` and `giveBack` look a session's claims up by: ';' is the sign behind ':'. */
const claimsOf = (session: number): { from: string; to: string } => ({ from: `${session}:`, to: `${session};` })

/** The object of the main job. `open`, `claimed` and `done` count files, `bytes` those of the finished ones. */
export const WorkShare = defineObject({
  name: 'sirtaki.work-share',
  version: 1,
  state: object({ open: count, claimed: count, done: count, bytes: count, head: count, tail: count }),
  initial: () => ({ open: 0, claimed: 0, done: 0, bytes: 0, head: 0, tail: 0 }),
  tables: { files: File, queue: string(), claims: literal(true) },
  ops: (op) => ({
    /** Puts files at the end of the queue; those known already are left alone. Answers how many were new. */
    add: op(object({ paths: array(string()) }), (draft, { paths }, { tables }) => {
      let added = 0
      for (const path of paths) {
        if (tables.files.has(path)) continue
        tables.files.set(path, { state: 'open', session: null, hash: null, bytes: 0 })
        tables.queue.set(String(draft.tail++), path)
        added++
      }
      draft.open += added
      return added
    }),

    /** Takes up to `max` open files for the calling session, the longest waiting first. */
    claim: op(object({ max: size(integer(), 1, CLAIM_MAX) }), (draft, { max }, { tables, session }) => {
      const paths: string[] = []
      while (paths.length < max && draft.head < draft.tail) {
        const place = String(draft.head++)
        const path = tables.queue.get(place)
        if (path === undefined) continue
        tables.queue.delete(place)
        tables.files.set(path, { state: 'claimed', session, hash: null, bytes: 0 })
        tables.claims.set(claimsOf(session).from + path, true)
        paths.push(path)
      }
      draft.open -= paths.length
      draft.claimed += paths.length
      return paths
    }),

    /** Tells what became of files that the calling session has claimed; all or none. Answers how many are done. */
    finish: op(object({ results: array(Result) }), (draft, { results }, { tables, session, reject }) => {
      for (const { path, hash, bytes } of results) {
        if (!tables.claims.delete(claimsOf(session).from + path)) {
          reject('the session has not claimed this file', { path })
        }
        tables.files.set(path, { state: 'done', session, hash, bytes })
        draft.bytes += bytes
      }
      draft.claimed -= results.length
      draft.done += results.length
      return draft.done
    }),

    /** Puts the claims of a session that died back to the end of the queue. Answers how many there were. */
    giveBack: op(object({ session: count }), (draft, { session }, { tables }) => {
      const { from, to } = claimsOf(session)
      let given = 0
      for (const [key] of tables.claims.range(from, to)) {
        const path = key.slice(from.length)
        tables.claims.delete(key)
        tables.files.set(path, { state: 'open', session: null, hash: null, bytes: 0 })
        tables.queue.set(String(draft.tail++), path)
        given++
      }
      draft.claimed -= given
      draft.open += given
      return given
    }),
  }),
})
