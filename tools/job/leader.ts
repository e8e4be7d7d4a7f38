/**
 * What the leader of a job does: cuts the folder into items, waits for their results, publishes what came out.
 *
 *     elected ─ cut, lot by lot ─ all results are there ─ publish ─ resign
 *         └ killed anywhere: its session ends, the next one is elected and goes on from the report
 *
 * Every step is a transaction that requires the term: one that was stopped and wakes up too late changes nothing. Read
 * next: `report.ts`, `worker.ts`.
 */
import type { Term } from '../../objects/lock/election.ts'
import type { ObjectSession } from '../../objects/object-session.ts'
import { combinedDigest, filesBelow } from './files.ts'
import type { WorkerOrder } from './messages.ts'
import type { JobObjects } from './objects.ts'

/** Files that become items in one transaction. */
const CUT_FILES = 500

/** Leads for one term. @throws SirtakiError `NOT_HELD` when the term is over; `ABORTED` with `signal`. */
export async function lead(
  session: ObjectSession,
  { root, without }: WorkerOrder,
  { objects, term, signal }: { readonly objects: JobObjects; readonly term: Term; readonly signal: AbortSignal },
): Promise<void> {
  const { report } = objects
  const ends = AbortSignal.any([term.signal, signal])
  const files = await filesBelow(root, without)
  await report.sync({ signal: ends })
  while (!report.cut.isWhole) await cut(session, files, { objects, term, ends })
  await finished(objects, ends)
  if (report.result === undefined) await publish(session, objects, term)
}

interface Leading {
  readonly objects: JobObjects
  readonly term: Term
  readonly ends: AbortSignal
}

/** Makes items of the next files: the report says which those are. */
async function cut(session: ObjectSession, files: readonly string[], { objects, term, ends }: Leading): Promise<void> {
  const { items, report } = objects
  await session.transaction(
    (tx) => {
      const { last, files: known } = report.cut
      const from = known === 0 ? 0 : files.findIndex((path) => path > last)
      const lot = from < 0 ? [] : files.slice(from, from + CUT_FILES)
      const end = lot.at(-1) ?? last
      tx.requires(term.held)
      if (lot.length > 0) tx.do(items, 'put', { items: lot.map(itemOf) })
      report.noteCut(tx, {
        last: end,
        files: known + lot.length,
        isWhole: lot.length === 0 || end === files.at(-1),
      })
    },
    { signal: ends },
  )
}

const itemOf = (value: string) => ({ value, id: null, priority: 0, delayMs: 0, maxAttempts: 0 })

/** Settles when every item has its result. @throws what aborted `ends`. */
async function finished({ results, report }: JobObjects, ends: AbortSignal): Promise<void> {
  const watch = results.watch({ signal: ends, onGap: 'resync' })
  while (results.state.files < report.cut.files) {
    const { done } = await watch.next()
    if (done === true) break
  }
  await watch.return?.()
  ends.throwIfAborted()
}

async function publish(session: ObjectSession, { results, report }: JobObjects, term: Term): Promise<void> {
  await session.transaction((tx) => {
    const { files, bytes } = tx.get(results)
    const found = [...results.tables.files.range()].map(([path, { hash }]) => ({ path, hash }))
    tx.requires(term.held)
    report.publish(tx, { digest: combinedDigest(found), files, bytes })
  })
}
