/**
 * How fast a space plays: `node test/objects/bench.ts`. One line a case: entries a second, microseconds an entry.
 *
 * Read next: `../../objects/runtime/space.ts`.
 */
import { performance } from 'node:perf_hooks'
import { number, object } from 'superstruct'
import type { Entry } from '../../log/entry.ts'
import { encodeEntry, readEntry } from '../../log/entry.ts'
import { systemClock } from '../../log/io/clock.ts'
import { limits } from '../../log/limits.ts'
import { StreamOrder } from '../../log/playback/stream-order.ts'
import type { StreamEvents } from '../../log/playback/stream-player.ts'
import { ObjectClient } from '../../objects/client.ts'
import { Counter } from '../../objects/counter/type.ts'
import { defineObject } from '../../objects/define-object.ts'
import { Queue } from '../../objects/queue/type.ts'
import { orderKey, type AnyObjectType } from '../../objects/runtime/object-type.ts'
import { encodeOp, encodeTarget } from '../../objects/runtime/entry.ts'
import { encodeInput } from '../../objects/runtime/input.ts'
import type { SpaceLog } from '../../objects/runtime/space-log.ts'
import { Space } from '../../objects/runtime/space.ts'
import { View } from '../../objects/runtime/view.ts'
import { encodeOpen } from '../../sequencer/session-entry.ts'

const ENTRIES = 300_000
const SESSIONS = 16
/** The kind of an entry that opens a session. */
const OPEN = 1
const bounds = { seed: 1, entryBytesMax: 1 << 20, streamsMax: 64 }

const Drafted = defineObject({
  name: 'bench.drafted',
  version: 1,
  state: object({ value: number() }),
  initial: () => ({ value: 0 }),
  ops: (op) => ({
    add: op(object({ by: number() }), (draft, { by }) => {
      draft.value += by
      return draft.value
    }),
  }),
})

const openingOf = (name: string): Uint8Array =>
  encodeOpen({ name, timeoutMs: 10_000, ids: [], types: [], process: '0123456789abcdef' })

/** Entries as a player gives them: decoded from bytes, each with its `previous`. */
function entriesOf(payloads: readonly Uint8Array[]): Entry[] {
  return payloads.map((payload, position) => {
    // Sessions open on the stream of all sessions too.
    const streams = payload[1] === OPEN ? [0, 1] : [1]
    const previous = streams.map(() => position - 1)
    return readEntry(
      encodeEntry(bounds.seed, { position, epoch: 1, writer: 1, logTime: position, streams, previous }, payload),
      bounds,
    )
  })
}

function ops(
  type: { name: string; version: number },
  count: number,
  objects: number,
  op: string,
  input: (i: number) => unknown,
): Uint8Array[] {
  const opens = Array.from({ length: SESSIONS }, (_, i) => openingOf(`session-${i}`))
  const targets = Array.from({ length: objects }, (_, i) =>
    encodeTarget({ type: type.name, version: type.version, op }, `/hits/${i}`),
  )
  return [
    ...opens,
    ...Array.from({ length: count }, (_, i) =>
      encodeOp(i % SESSIONS, Math.floor(i / SESSIONS), {
        target: targets[i % objects] ?? new Uint8Array(0),
        input: encodeInput(input(i)).bytes,
      }),
    ),
  ]
}

const RUNS = 5

function measure(
  name: string,
  type: AnyObjectType,
  all: readonly Entry[],
  play: (space: Space, entries: readonly Entry[]) => string,
): void {
  const runs = Array.from({ length: RUNS }, () => {
    const space = new Space()
    space.register(type)
    const started = performance.now()
    const digest = play(space, all)
    return { ms: performance.now() - started, digest }
  })
  const best = Math.min(...runs.map(({ ms }) => ms))
  console.log(
    `${name.padEnd(48)} ${Math.round((all.length / best) * 1000)
      .toLocaleString('en')
      .padStart(10)}/s ${((best / all.length) * 1000).toFixed(2).padStart(8)} us  ${runs[0]?.digest}`,
  )
}

const direct = (space: Space, all: readonly Entry[]): string => {
  for (const entry of all) space.apply(entry)
  return space.digest().digest
}
const ordered = (space: Space, all: readonly Entry[]): string => {
  const order = new StreamOrder(1, 0)
  for (const entry of all) for (const due of order.offer(entry)) space.apply(due)
  return space.digest().digest
}

const add = (i: number): unknown => ({ by: i % 7 })
const one = entriesOf(ops(Counter, ENTRIES, 1, 'add', add))
const many = entriesOf(ops(Counter, ENTRIES, 10_000, 'add', add))
measure('counter.add, 1 object', Counter, one, direct)
measure('counter.add, 10,000 objects', Counter, many, direct)
measure('counter.add, 1 object, StreamOrder', Counter, one, ordered)
measure('counter.add, 10,000 objects, StreamOrder', Counter, many, ordered)
measure(
  'drafted add (immer, superstruct), 1 object',
  Drafted,
  entriesOf(ops(Drafted, ENTRIES / 10, 1, 'add', add)),
  direct,
)
measure('queue, take and ack of 32, 6,400 items', Queue, entriesOf(queued()), direct)

await viewed('counter.add, 1 object, View + StreamOrder', one)
await viewed('counter.add, 10,000 objects, View + StreamOrder', many)
await called('counter.add, 64 calls in flight, 1 session', 64)
await called('counter.add, 1,024 calls in flight, 1 session', 1_024)

/** A log that decides at once, a turn's appends in one microtask. */
function instantLog(): { log: SpaceLog; order: StreamOrder; deliver: (due: readonly Entry[]) => void } {
  const order = new StreamOrder(1, 0)
  let position = 0
  let events: StreamEvents | undefined
  const deliver = (due: readonly Entry[]): void => {
    events?.deliver(due)
    events?.reached(order.next)
  }
  const log: SpaceLog = {
    overloaded: () => undefined,
    clock: systemClock,
    random: { next: () => 0.5, id: () => '0' },
    limits,
    append: (_payload, { streams }) =>
      Promise.resolve({ position, epoch: 1, logTime: 0, streams, previous: [position++ - 1] }),
    tail: () => Promise.resolve({ tail: position, logTime: 0 }),
    heartbeat: (incarnations) =>
      Promise.resolve({ epoch: 1, logTime: 0, tail: position, confirmed: incarnations.map(() => true) }),
    play: (stream, told) => {
      if (stream === 1) events = told
      return {
        offer: (entry) => {
          deliver(order.offer(entry))
        },
        playTo: () => Promise.resolve(),
        close: () => undefined,
      }
    },
  }
  return { log, order, deliver }
}

async function viewed(name: string, all: readonly Entry[]): Promise<void> {
  // A view begins to play once it has read the skips: so it is made before the clock runs.
  const views = await Promise.all(
    Array.from({ length: RUNS }, async () => {
      const log = instantLog()
      const view = new View(log.log, 1, [Counter])
      await new Promise((resolve) => setImmediate(resolve))
      return { ...log, view }
    }),
  )
  measure(name, Counter, all, (_space, entries) => {
    const { view, order, deliver } = views.pop() ?? noView()
    for (const entry of entries) deliver(order.offer(entry))
    const { digest } = view.digest()
    view.close()
    return digest
  })
}

function noView(): never {
  throw new Error('a run more than there are views')
}

async function called(name: string, inFlight: number): Promise<void> {
  const client = new ObjectClient(instantLog().log, { types: [Counter] })
  const hits = await client.open(Counter, '/hits')
  const started = performance.now()
  const rounds = Math.floor(100_000 / inFlight)
  for (let i = 0; i < rounds; i++) await Promise.all(Array.from({ length: inFlight }, () => hits.add({ by: 1 })))
  const ms = performance.now() - started
  console.log(
    `${name.padEnd(48)} ${Math.round(((rounds * inFlight) / ms) * 1000)
      .toLocaleString('en')
      .padStart(10)}/s ${((ms / rounds / inFlight) * 1000).toFixed(2).padStart(8)} us  ${hits.state.value}`,
  )
}

/** 6,400 items put in lots of 400, taken and acknowledged in lots of 32 by 16 sessions. */
function queued(): Uint8Array[] {
  const part = (op: string, input: unknown) => ({
    target: encodeTarget({ type: Queue.name, version: Queue.version, op }, '/items'),
    input: encodeInput(input).bytes,
  })
  const item = (i: number) => {
    return { value: `lib/file-${i}.js`, id: null, priority: 0, delayMs: 0, maxAttempts: 0 }
  }
  const next = Array.from({ length: SESSIONS }, () => 0)
  const turn = (session: number): number => {
    const nth = next[session] ?? 0
    next[session] = nth + 1
    return nth
  }
  const all = next.map((_, i) => openingOf(`worker-${i}`))
  const ids: string[] = []
  for (let i = 0; i < 6_400; i += 400) {
    for (let place = 0; place < 400; place++) {
      ids.push(`00000:${orderKey(all.length)}:${String(place).padStart(4, '0')}`)
    }
    all.push(encodeOp(0, turn(0), part('put', { items: Array.from({ length: 400 }, (_, j) => item(i + j)) })))
  }
  for (let i = 0; i < 200; i++) {
    const session = i % SESSIONS
    const token = all.length
    all.push(encodeOp(session, turn(session), part('take', { n: 32, visibilityMs: 0, remove: false, wait: false })))
    const items = ids.slice(i * 32, i * 32 + 32).map((id) => ({ id, token }))
    all.push(encodeOp(session, turn(session), part('ack', { items, strict: true })))
  }
  return all
}
