/**
 * Random histories of queues: what is asked, how it is looked at, and what must hold of it whatever the model says.
 *
 * Read next: `model-run.ts`, `queue-model.ts`.
 */
import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import type { Space } from '../../objects.ts'
import { Queue } from '../../objects/queue/type.ts'
import { anyPick, pickOf, settledOf, type Known, type Subject, type Watch, type Watched } from './model-run.ts'
import { QueueModel, type QueueAsked } from './queue-model.ts'

type Picks = { readonly picks: readonly number[]; readonly strict: boolean; readonly isOld: boolean }
type Kept<K> = Extract<QueueAsked, { op: K }>
/** An op whose items are yet to be chosen. */
export type QueuePlan =
  | Kept<'put'>
  | Kept<'take'>
  | { readonly op: 'ack'; readonly input: Picks }
  | { readonly op: 'nack'; readonly input: Picks & { readonly ms: number } }
  | { readonly op: 'bury'; readonly input: Picks & { readonly ms: number } }
  | { readonly op: 'extend'; readonly input: Picks & { readonly ms: number } }
  | { readonly op: 'remove'; readonly input: { readonly pick: number } }
  | { readonly op: 'requeue'; readonly input: { readonly pick: number } }

const item = fc.record({
  value: fc.constantFrom('a', 1, null),
  id: fc.constantFrom(null, null, null, 'x', 'y', 'z'),
  priority: fc.constantFrom(0, 0, 0, 1, 65_535),
  delayMs: fc.constantFrom(0, 0, 0, 10, 1_000),
  maxAttempts: fc.constantFrom(0, 0, 1, 2),
})
const picks = {
  picks: fc.array(anyPick, { minLength: 1, maxLength: 3 }),
  strict: fc.boolean(),
  isOld: fc.constantFrom(false, false, false, true),
}
const opOf = <K extends string>(...kinds: K[]): fc.Arbitrary<K> => fc.constantFrom(...kinds)

/** Any op of a queue. */
export const anyQueuePlan: fc.Arbitrary<QueuePlan> = fc.oneof(
  {
    weight: 7,
    arbitrary: fc.record({
      op: opOf('put'),
      input: fc.record({ items: fc.array(item, { minLength: 1, maxLength: 3 }) }),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      op: opOf('take'),
      input: fc.record({
        n: fc.constantFrom(1, 1, 2, 5),
        visibilityMs: fc.constantFrom(0, 0, 10, 1_000),
        remove: fc.constantFrom(false, false, false, true),
        wait: fc.constantFrom(true, true, false),
      }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: opOf('ack'), input: fc.record(picks) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: opOf('nack', 'nack', 'bury', 'extend'),
      input: fc.record({ ...picks, ms: fc.constantFrom(0, 0, 10, 1_000) }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: opOf('remove', 'requeue'), input: fc.record({ pick: anyPick }) }) },
)

interface Receipt {
  readonly id: string
  readonly token: number
}
const isReceipt = (value: unknown): value is Receipt =>
  typeof value === 'object' && value !== null && 'attempt' in value && 'token' in value
const receiptsIn = (values: readonly unknown[]): Receipt[] => values.flat(3).filter(isReceipt)

function resolve(planned: QueuePlan, { values }: Known): QueueAsked {
  if (planned.op === 'put' || planned.op === 'take') return planned
  if (planned.op === 'remove' || planned.op === 'requeue') {
    const ids = values.flat(2).flatMap((one) => (typeof one === 'string' && one !== 'ok' ? [one] : []))
    return { op: planned.op, input: { id: pickOf(ids.slice(-8), planned.input.pick) ?? 'none' } }
  }
  const { input } = planned
  const given = receiptsIn(values).slice(-6)
  const items = input.picks.map((pick): Receipt => {
    const { id, token } = pickOf(given, pick) ?? { id: 'none', token: 1 }
    return { id, token: input.isOld ? Math.max(0, token - 1) : token }
  })
  const receipts = { items, strict: input.strict }
  if (planned.op === 'ack') return { op: 'ack', input: receipts }
  const { ms } = planned.input
  if (planned.op === 'nack') return { op: 'nack', input: { ...receipts, delayMs: ms, reason: 'no' } }
  if (planned.op === 'extend') return { op: 'extend', input: { ...receipts, visibilityMs: ms } }
  return { op: 'bury', input: { ...receipts, reason: null } }
}

/** What a queue holds, in the words of its model. */
function view(space: Space, path: string): unknown {
  if (space.object(path) === undefined) return undefined
  const { ready, delayed, dead, taken, takers, ids } = Queue.bind(space.journal).read(path).tables
  const [readyRows, delayedRows, deadRows, takenRows] = [ready, delayed, dead, taken].map((one) => [...one.range()])
  const others = [...(readyRows ?? []), ...(delayedRows ?? []), ...(deadRows ?? [])]
  const byName = (a: readonly [string, unknown], b: readonly [string, unknown]): number => (a[0] < b[0] ? -1 : 1)
  return {
    ready: readyRows?.map(([name]) => name),
    delayed: delayedRows?.map(([name]) => name),
    dead: deadRows?.map(([name]) => name),
    taken: [...taken.range()].map(([name, { session, token, op, attempts }]) => {
      return { name, session, token, op, attempts }
    }),
    reasons: others.toSorted(byName).map(([, { reason }]) => reason),
    attempts: [...others, ...(takenRows ?? [])].toSorted(byName).map(([, { attempts }]) => attempts),
    takers: [...takers.range()].map(([key, row]) => ({ op: Number(key), ...row })),
    done: [...ids.range()].filter(([, { name }]) => name === null).map(([id]) => id),
  }
}

/** What must hold of every queue, judged by what callers are told. */
function watch(): Watch<QueueAsked> {
  const told = new Told()
  return (space, entry) => {
    told.learn(entry)
    for (const path of told.paths) told.requireKept(space, path)
    for (const object of space.objects()) requireSound(space, object.path)
  }
}

/** What callers have been told of the items of each queue; items are named by their names only. */
class Told {
  /** Items that were put and are not done, by path, and when each may be given out. */
  readonly #kept = new Map<string, Map<string, number>>()
  readonly #takes = new Map<number, { path: string; remove: boolean }>()
  readonly #receipts = new Set<string>()

  get paths(): Iterable<string> {
    return this.#kept.keys()
  }

  /** What was put, then what was given out, then what is done: all of that may stand in one entry. */
  learn({ played, asked, results }: Watched<QueueAsked>): void {
    const all = asked.map((one, nth) => ({ ...one, result: [results?.[nth]].flat() }))
    for (const one of all) {
      if (results !== undefined && one.kind === 'drop') this.#keptAt(one.path).clear()
      if (one.kind !== 'own') continue
      const {
        asked: { op, input },
        path,
        result,
      } = one
      const puts = op === 'put' ? input.items : []
      for (const [nth, { delayMs }] of puts.entries()) this.#put(path, result[nth], played.time + delayMs)
      if (op === 'take') this.#takes.set(played.position, { path, remove: input.remove })
    }
    for (const [op, settled] of settledOf(played)) {
      if (typeof settled === 'object' && 'value' in settled) {
        this.#given(this.#takes.get(op), receiptsIn([settled.value]), played.time)
      }
    }
    for (const one of all) {
      if (one.kind !== 'own' || results === undefined) continue
      const {
        asked: { op, input },
        path,
        result,
      } = one
      if (op === 'take') this.#given({ path, remove: input.remove }, receiptsIn(result), played.time)
      if (op === 'remove') this.#keptAt(path).delete(input.id)
      const acks = op === 'ack' ? input.items.filter((_, nth) => result[nth] === 'ok') : []
      for (const { id } of acks) this.#keptAt(path).delete(id)
    }
  }

  #keptAt(path: string): Map<string, number> {
    const kept = this.#kept.get(path) ?? new Map<string, number>()
    this.#kept.set(path, kept)
    return kept
  }

  #put(path: string, name: unknown, from: number): void {
    if (typeof name === 'string' && name.includes(':')) this.#keptAt(path).set(name, from)
  }

  #given(take: { path: string; remove: boolean } | undefined, receipts: readonly Receipt[], time: number): void {
    const { path, remove } = take ?? { path: '', remove: false }
    const kept = this.#kept.get(path)
    for (const { id, token } of receipts) {
      ok(!this.#receipts.has(`${path} ${id} ${token}`), 'O8: two takes of an item share a token')
      this.#receipts.add(`${path} ${id} ${token}`)
      ok((kept?.get(id) ?? 0) <= time, 'O13: an item is given out before its delay is over')
      if (remove) kept?.delete(id)
    }
  }

  requireKept(space: Space, path: string): void {
    const { ready, delayed, dead, taken } = Queue.bind(space.journal).read(path).tables
    for (const name of this.#kept.get(path)?.keys() ?? []) {
      const places = [ready, delayed, dead, taken].filter((table) => table.has(name)).length
      deepStrictEqual(places, 1, `O8: item ${name} is in one place`)
    }
  }
}

function requireSound(space: Space, path: string): void {
  const { ready, taken, takers } = Queue.bind(space.journal).read(path).tables
  if (takers.size > 0) deepStrictEqual(ready.size, 0, 'O8: nobody waits while there is something')
  for (const [, { session }] of [...taken.range(), ...takers.range()]) {
    ok(space.session(session) !== undefined, 'O5: what an ended session had is gone')
  }
}

/** Queues under random histories. */
export const queueSubject: Subject<QueuePlan, QueueAsked> = {
  type: Queue,
  model: (said) => new QueueModel(said),
  resolve,
  view,
  watch,
}
