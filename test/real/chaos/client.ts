/**
 * A client of the load as a process: `URL NUMBER ROLE RATE LOADS [BLOBS]`. Says `ready`; told `go` it works and says
 * its history; ends when it is told `stop` or `final`, or its input ends.
 *
 * `load` appends, reads, reads streams and tails, and adds to counters, about RATE operations a second by lanes that
 * each wait for one operation at a time. `keeper` reads every stream from its beginning to the end, a part at a time,
 * and, told `trim`, trims from then on what it has read; told `final` it reads all that is kept once more, and finishes
 * what clients of objects left. Instants are nanoseconds of the machine's monotonic clock, which all processes share.
 * Read next: `history.ts`, `recorder.ts`, `object-client.ts`.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as rest } from 'node:timers/promises'
import { connect, Counter, type HeldLog } from '../../../index.ts'
import { crc32Of } from '../../../log/bytes/hash.ts'
import { openBlobs } from '../../../log/io/blobs.ts'
import type { Entry } from '../../../log/entry.ts'
import { Prng } from '../../harness/prng.ts'
import { STREAMS } from './history.ts'
import { isLoadName, pathOf, roundAt } from './loads.ts'
import { flush, now, say, tellError } from './voice.ts'
import { Witness } from './witness.ts'

const [, , url = '', number = '', role = '', rate = '', loadsText = '', store = ''] = process.argv
const loads = loadsText.split(',').filter(isLoadName)
const hasObjects = loads.some((name) => name !== 'log')
const blobs = store === '' ? undefined : openBlobs(store)
const client = await connect(url, { name: `${role} ${number}`, timeoutMs: 30_000, blobs, sessionTimeoutMs: 60_000 })
const log = client.log

/** Ends of pieces are kept short of this, so that one line stays a small one. */
const READ_POSITIONS = 2_000
const READ_POSITIONS_MAX = 64_000
const PAYLOAD_BYTES = 120
const KEEPER_PAUSE_MS = 8_000
const TRIM_EVERY = 3
const FINAL_MS = 120_000
const TIMEOUT_MS = 5_000
/** Values of one process; each process has its own. */
const VALUES = 1e9

let running = true
let trims = false
let values = 0
let tail = 0

/**
 * The value that an entry carries; entries of objects get a name of their own, since a session may append one op twice.
 */
function valueOf({ payload, position }: Entry): string {
  const text = new TextDecoder().decode(payload.subarray(0, 20))
  return (
    /^#\d+ /.exec(text)?.[0].slice(1, -1) ?? `x${crc32Of(payload, 0, payload.byteLength, 0).toString(16)}@${position}`
  )
}

async function append(prng: Prng): Promise<void> {
  const value = Number(number) * VALUES + ++values
  const stream = prng.pick(STREAMS)
  const call = now()
  try {
    const { position } = await log.append(new TextEncoder().encode(`#${value} `.padEnd(PAYLOAD_BYTES, '.')), {
      streams: [stream],
      timeoutMs: TIMEOUT_MS,
    })
    say('append', call, now(), value, stream, position)
  } catch (thrown) {
    say('append', call, '-', value, stream, '-')
    throw thrown
  }
}

async function read(prng: Prng): Promise<void> {
  const position = Math.max(0, tail - prng.integer(0, 300))
  const call = now()
  const result = await log.read(position, { timeoutMs: TIMEOUT_MS })
  if (result.kind !== 'unwritten') {
    say('read', call, now(), position, result.kind, result.kind === 'data' ? valueOf(result.entry) : '-')
  }
}

async function readTail(): Promise<void> {
  const call = now()
  const found = await log.tail({ timeoutMs: TIMEOUT_MS })
  say('tail', call, now(), found.tail)
  tail = Math.max(tail, found.tail)
}

async function readStream(prng: Prng): Promise<void> {
  const to = tail
  const from = Math.max(0, to - prng.integer(1, 200))
  if (from < to) await readPart(prng.pick(STREAMS), from, to)
}

async function readPart(stream: number, from: number, to: number): Promise<number> {
  const call = now()
  const entries = await log.readStream({ stream, from, to, timeoutMs: TIMEOUT_MS })
  say('stream', call, now(), stream, from, to, ...entries.flatMap((entry) => [entry.position, valueOf(entry)]))
  return entries.length
}

/**
 * Adds to the counter of the round, or reads it: each round has a counter of its own, so that each can be judged by
 * itself.
 */
async function count(prng: Prng): Promise<void> {
  const call = now()
  const round = roundAt('counter', call)
  const counter = await client.open(Counter, pathOf('counter', round), { timeoutMs: TIMEOUT_MS })
  if (prng.chance(0.3)) {
    await counter.sync({ timeoutMs: TIMEOUT_MS })
    const { value } = counter.state
    say('count', call, now(), round, 0, value)
    return
  }
  try {
    const answer = await counter.add({ by: 1 }, { timeoutMs: TIMEOUT_MS })
    say('count', call, now(), round, 1, answer)
  } catch (thrown) {
    say('count', call, '-', round, 1, '-')
    throw thrown
  }
}

/** One operation after the other, `perSecond` of them as long as they are quick. */
async function lane(name: string, perSecond: number, operate: (prng: Prng) => Promise<void>): Promise<void> {
  const prng = new Prng(`${number}/${name}`)
  while (running) {
    const started = performance.now()
    try {
      await operate(prng)
    } catch (thrown) {
      tellError(name, thrown)
    }
    await rest(Math.max(1, (1_000 / perSecond) * prng.between(0.5, 1.5) - (performance.now() - started)))
  }
}

async function load(): Promise<void> {
  const share = Number(rate)
  const several = (
    lanes: number,
    name: string,
    part: number,
    operate: (prng: Prng) => Promise<void>,
  ): Promise<void>[] => Array.from({ length: lanes }, (_, i) => lane(`${name}-${i}`, (share * part) / lanes, operate))
  const isLog = loads.includes('log')
  await Promise.all([
    // Whether the cluster serves is seen by appends: some there are always.
    ...several(8, 'append', isLog ? 0.5 : 0.2, append),
    ...(isLog
      ? [
          ...several(3, 'read', 0.24, read),
          ...several(2, 'tail', 0.12, readTail),
          ...several(1, 'stream', 0.02, readStream),
        ]
      : []),
    ...(loads.includes('counter') ? several(3, 'count', 0.12, count) : []),
  ])
}

/** Reads all streams in [from, to), trying until it can. @throws the last error when it is time. */
async function readAll(from: number, to: number, deadline: number): Promise<void> {
  for (let start = from, positions = READ_POSITIONS; start < to;) {
    const end = Math.min(to, start + positions)
    let found = 0
    for (const stream of STREAMS) found += await untilRead(stream, start, end, deadline)
    // What epochs have skipped is passed in ever longer steps.
    positions = found === 0 ? Math.min(2 * positions, READ_POSITIONS_MAX) : READ_POSITIONS
    start = end
  }
}

async function untilRead(stream: number, from: number, to: number, deadline: number): Promise<number> {
  for (;;) {
    try {
      return await readPart(stream, from, to)
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown
      tellError('keep', thrown)
      await rest(100)
    }
  }
}

/**
 * Reads what is older than a pause of its own, and trims what it read long ago: the views of the counters are far
 * beyond.
 */
async function keep(): Promise<void> {
  const readTo = [0]
  for (let turns = 1; running; turns++) {
    try {
      await readTail()
      const to = tail
      for (const end = performance.now() + KEEPER_PAUSE_MS; running && performance.now() < end;) await rest(100)
      if (!running) break
      await readAll(readTo.at(-1) ?? 0, to, Infinity)
      readTo.push(to)
      await holdFrom(to)
      const before = trims && turns % TRIM_EVERY === 0 ? (readTo.at(-1 - TRIM_EVERY) ?? 0) : 0
      if (before > 0) await trim(before)
    } catch (thrown) {
      tellError('keep', thrown)
      await rest(100)
    }
  }
}

let kept = 0
let held: HeldLog | undefined

/** Others trim: what was not read yet is held, and what was read is given free. */
async function holdFrom(position: number): Promise<void> {
  if (blobs === undefined) return
  const before = held
  held = await client.hold({ position, name: 'keeper', timeoutMs: TIMEOUT_MS })
  kept = position
  await before?.release()
}

async function trim(before: number): Promise<void> {
  const call = now()
  try {
    await log.trim(before, { timeoutMs: TIMEOUT_MS })
    say('trim', call, now(), before)
  } catch (thrown) {
    say('trim', call, '-', before)
    throw thrown
  } finally {
    kept = Math.max(kept, before)
  }
}

/** Reads everything that is kept. */
async function readBack(): Promise<void> {
  const deadline = performance.now() + FINAL_MS
  for (let found = false; !found;) {
    try {
      await readTail()
      found = true
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown
      tellError('keep', thrown)
    }
  }
  await readAll(kept, tail, deadline)
}

const witness = role === 'keeper' && hasObjects ? new Witness(client) : undefined
let began = now()
writeSync(1, 'ready\n')
let working: Promise<unknown> = Promise.resolve()
let isFinal = false
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'go') {
    began = now()
    if (role === 'keeper') await holdFrom(0)
    working = role === 'keeper' ? keep() : load()
    void witness?.follow()
    void witness?.tellDigests()
  }
  if (line === 'trim') trims = true
  if (line === 'final') isFinal = true
  if (line === 'final' || line === 'stop') break
}
running = false
await working
if (isFinal) {
  await witness?.sessionsAreOver()
  await witness?.finish(loads, began, now())
  await readBack()
}
say('done')
flush()
process.exit(0)
