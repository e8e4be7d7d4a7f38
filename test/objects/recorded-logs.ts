/**
 * Logs with entries of all kinds, the same in each run: random histories of a fixed seed, and odd entries by hand.
 *
 * Read next: `replay.ts` (who plays them), `model-run.ts`.
 */
import fc from 'fast-check'
import type { Entry } from '../../log/entry.ts'
import { Counter } from '../../objects.ts'
import { encodeOp, encodeTarget } from '../../objects/runtime/entry.ts'
import { encodeInput } from '../../objects/runtime/input.ts'
import { encodeSkip } from '../../objects/runtime/skip-entry.ts'
import { TreeType } from '../../objects/tree/type.ts'
import { encodeSessions, encodeTick } from '../../sequencer/session-entry.ts'
import { anyLockPlan, lockSubject } from './lock-histories.ts'
import { EPOCH, MachineDriver } from './machine-driver.ts'
import { recordRandom } from './model-run.ts'
import { anyQueuePlan, queueSubject } from './queue-histories.ts'
import { Notes, recordedTypes, type RecordedEntry } from './replay.ts'

const SEED = 20_261_129

/** One log. */
export interface RecordedLog {
  readonly name: string
  readonly entries: readonly RecordedEntry[]
}

/** All logs. */
export function recordLogs(): RecordedLog[] {
  const random = { seed: SEED, numRuns: 25 }
  const named = (name: string, logs: readonly (readonly Entry[])[]): RecordedLog[] =>
    logs.map((entries, i) => ({ name: `${name} ${i}`, entries: entries.map(plainOf) }))
  return [
    ...named('locks', recordRandom(anyLockPlan, lockSubject, random)),
    ...named('queues', recordRandom(anyQueuePlan, queueSubject, random)),
    ...named('trees', [trees()]),
    ...named('notes', [notes()]),
    ...named('odd', [odd()]),
  ]
}

const plainOf = ({ position, epoch, logTime, streams, payload }: Entry): RecordedEntry => ({
  position,
  epoch,
  logTime,
  streams: streams.map(({ stream }) => stream),
  payload: Buffer.from(payload).toString('hex'),
})

/** Nodes made, changed and deleted by sessions that come and go. */
function trees(): Entry[] {
  const driver = new MachineDriver(recordedTypes)
  driver.tick()
  const path = fc
    .array(fc.constantFrom('a', 'b', 'ä'), { minLength: 1, maxLength: 3 })
    .map((parts) => `/${parts.join('/')}`)
  const data = fc.option(fc.uint8Array({ maxLength: 12 }))
  const action = fc.oneof(
    fc.record({
      op: fc.constant('create'),
      input: fc.record({ path, data, ephemeral: fc.boolean(), sequential: fc.boolean() }),
    }),
    fc.record({ op: fc.constant('setData'), input: fc.record({ path, data, version: fc.constantFrom(-1, 0, 1) }) }),
    fc.record({ op: fc.constant('delete'), input: fc.record({ path, version: fc.constantFrom(-1, 0) }) }),
  )
  let session = driver.open()
  fc.sample(action, { seed: SEED, numRuns: 300 }).forEach(({ op, input }, i) => {
    driver.after(7).op(session, TreeType, '/tree', op, input)
    if (i % 40 !== 39) return
    driver.end(session, { clean: i % 80 === 39 })
    session = driver.open()
  })
  return driver.entries
}

/** Fractions, texts in other letters, refusals and failures. */
function notes(): Entry[] {
  const driver = new MachineDriver(recordedTypes)
  driver.tick()
  const session = driver.open()
  const words = fc.sample(fc.string({ unit: 'grapheme', maxLength: 8 }), { seed: SEED, numRuns: 200 })
  const numbers = fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }), {
    seed: SEED,
    numRuns: 200,
  })
  words.forEach((word, i) => {
    driver.op(session, Notes, '/notes', 'add', { word, n: (numbers[i] ?? 0) + 0 })
    if (i % 3 === 0) driver.op(session, Notes, '/notes', 'drop', words[i - 3] ?? 'none')
  })
  for (const digits of [0, 7, 100, 101, -1]) driver.op(session, Notes, '/notes', 'digits', digits)
  for (const json of ['{"b":1,"2":0,"a":[1e21,-0]}', '[', '""']) driver.op(session, Notes, '/notes', 'trip', json)
  return driver.entries
}

/** Every kind of entry, and what is none; the digest points of a position that is far from 0. */
function odd(): Entry[] {
  const driver = new MachineDriver(recordedTypes)
  driver.tick()
  const session = driver.open({ name: 'käse', ids: [['digest', 'ann:1']], types: [['test.notes', 1]] })
  const add = { target: encodeTarget({ ...named(Counter), op: 'add' }, '/hits'), input: encodeInput({ by: 2 }).bytes }
  const claim = { position: 4_096, low: 1, high: 2 }
  const extras = [
    {},
    { key: 'one' },
    { key: 'one' },
    { ids: [['x509', 'bob'] as const] },
    { claim },
    { claim, key: 'two', ids: [] },
  ]
  for (const one of extras) driver.entry(encodeOp(session.incarnation, session.number++, add, one))
  driver.transaction(session, [
    { type: Counter, path: '/hits', op: 'add', input: { by: 1 } },
    { type: Notes, path: '/notes', op: 'add', input: { word: 'x', n: 1 } },
    { type: null, path: '/hits', op: '$unchanged', input: [] },
  ])
  driver.run(session, { type: null, path: '/.sirtaki', op: '$activate', input: { type: 'test.notes', version: 1 } })
  driver.run(session, { type: { name: 'test.unknown', version: 1 }, path: '/unknown', op: 'do', input: {} })
  driver.run(session, { type: { name: 'sirtaki.counter', version: 2 }, path: '/hits', op: 'add', input: { by: 1 } })
  driver.empty(session)
  driver.again()
  driver.entry(encodeTick(EPOCH, 1_800_000_000_000))
  driver.resume(session)
  driver.entry(encodeSessions({ asOf: 3, part: 0, parts: 1, sessions: [] }))
  driver.entry(encodeSkip({ position: 3, object: '/hits' }), [2])
  driver.entry(Uint8Array.of(2, 2, 0, 0))
  driver.entry(new TextEncoder().encode('text of another program'))
  driver.op(session, Counter, '/hits', 'add', { by: 5 })
  driver.end(session)
  return driver.entries
}

const named = ({ name, version }: { readonly name: string; readonly version: number }) => ({ type: name, version })
