/**
 * What a client of objects does: one lane for each load, with a session of its own that it opens again when it is lost.
 *
 * What a lane holds when its session is lost is not given back by it; what came of it is the judge's business. Read
 * next: `loads.ts`, `voice.ts`, `object-judge.ts`.
 */
import { setTimeout as rest } from 'node:timers/promises'
import {
  Counter,
  Lock,
  isError,
  orderKey,
  type Client,
  type Held,
  type Job,
  type ObjectSession,
  type Stat,
  type Transaction,
  type Value,
} from '../../../index.ts'
import type { TransactionStep } from '../../../testing/models.ts'
import type { Prng } from '../../harness/prng.ts'
import type { Fence } from './fence.ts'
import { pathOf, roundAt, type LoadName } from './loads.ts'
import { now, record, type Told } from './voice.ts'

/** What a lane works with. `key` names something once and for all. */
export interface Lane {
  readonly client: Client
  readonly session: ObjectSession
  readonly sessionName: string
  readonly prng: Prng
  readonly fence: Fence
  key(): string
}

/** Some operations of one load; as many as `weight` says, about. */
export type Turn = (lane: Lane) => Promise<void>

const CALL_MS = 3_000
const CALL = { timeoutMs: CALL_MS } as const
const KEYS = ['k0', 'k1'] as const

/** What each load does in a turn, by its name. */
export const turns: Readonly<Record<Exclude<LoadName, 'log'>, { readonly operations: number; readonly turn: Turn }>> = {
  counter: { operations: 1, turn: count },
  lock: { operations: 2, turn: lockAndRelease },
  fence: { operations: 4, turn: writeFenced },
  queue: { operations: 2, turn: putOrTake },
  tree: { operations: 1, turn: changeTree },
  txn: { operations: 1, turn: transact },
}

/**
 * A linearizable read is after the last entry of the space that its view has applied, and before the next one. (The
 * view's own position may be higher, where what follows is none of the space.)
 */
export const readPlace = (client: Client): number => client.digest().position + 0.5

async function count({ client, session, prng }: Lane): Promise<void> {
  const round = roundAt('counter', now())
  const counter = await session.open(Counter, pathOf('counter', round), CALL)
  const isRead = prng.chance(0.3)
  await record({
    load: 'counter',
    round,
    input: isRead ? 0 : 1,
    run: async () => {
      if (!isRead) return [await counter.add({ by: 1 }, CALL)]
      await client.sync(CALL)
      return [counter.state.value]
    },
  })
}

// ---- locks

/** What is held. `lives` aborts with the session that holds it. */
interface Hold {
  readonly held: Held
  readonly holder: string
  readonly lives: AbortSignal
}

/** Acquires one of the round's locks. What is acquired is known by its holder. */
async function acquired(
  { session, sessionName, key: name, prng }: Lane,
  load: 'lock' | 'fence',
  round: number,
  key: string,
): Promise<Hold | undefined> {
  const holder = name()
  const path = `${pathOf(load, round)}/${key}`
  const tries = load === 'lock' && prng.chance(0.3)
  let held: Held | undefined
  await record({
    load,
    round,
    input: { op: 'acquire', key, holder, session: sessionName },
    waits: true,
    run: async () => {
      held = tries ? await session.tryLock(path, CALL) : await session.lock(path, CALL)
      return held === undefined ? [false] : [held.token, held.token]
    },
  })
  return held === undefined ? undefined : { held, holder, lives: session.signal }
}

/**
 * Gives it back. It is over for sure where the view shows no such hold any more; where its session was lost that was
 * so before, and when is for the facts of the session to say.
 */
async function released(
  { session, sessionName }: Lane,
  load: 'lock' | 'fence',
  round: number,
  key: string,
  { held, holder, lives }: Hold,
): Promise<void> {
  const lock = await session.open(Lock, held.path, CALL)
  await record({
    load,
    round,
    input: { op: 'release', key, holder, session: sessionName },
    run: async () => {
      await held.release()
      const isUnknown = lives.aborted || lock.tables.holders.has(orderKey(held.hold))
      if (isUnknown) throw new Error('nobody knows whether it was given back')
      return [null]
    },
  }).catch((thrown: unknown) => {
    if (isError(thrown)) throw thrown
  })
}

async function lockAndRelease(lane: Lane): Promise<void> {
  const round = roundAt('lock', now())
  const key = lane.prng.pick(KEYS)
  const hold = await acquired(lane, 'lock', round, key)
  if (hold === undefined) return
  await rest(lane.prng.integer(0, 30))
  await released(lane, 'lock', round, key, hold)
}

/** Holds a lock for long, and writes what it protects without a look at it: tokens alone keep others' writes. */
async function writeFenced(lane: Lane): Promise<void> {
  const round = roundAt('fence', now())
  const key = lane.prng.pick(KEYS)
  const hold = await acquired(lane, 'fence', round, key)
  if (hold === undefined) return
  const { token } = hold.held
  const name = `${round}/${key}`
  const passes = async (run: () => number | undefined): Promise<number | undefined> => {
    let found: number | undefined
    await record({
      load: 'fence',
      round,
      input: { op: 'write', key, token },
      run: () => {
        found = run()
        return Promise.resolve<Told>([found !== undefined])
      },
    })
    return found
  }
  try {
    const value = await passes(() => lane.fence.read(name, token))
    await rest(lane.prng.integer(20, 120))
    if (value !== undefined) await passes(() => lane.fence.write(name, token, value + 1))
  } catch (thrown) {
    // Another one has the table for longer than is waited for.
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'SQLITE_BUSY')) throw thrown
  }
  await released(lane, 'fence', round, key, hold)
}

// ---- queues

/** The place of a put is in the name that it gives its item. */
const placeOfItem = (id: string): number => Number(id.split(':')[1])

async function putOrTake(lane: Lane): Promise<void> {
  const { session, sessionName, prng, key: name } = lane
  const round = roundAt('queue', now())
  const queue = await session.queue(pathOf('queue', round))
  const item = name()
  if (prng.chance(0.4)) {
    await record({
      load: 'queue',
      round,
      input: { op: 'put', key: 'q', item, session: sessionName },
      run: async () => [true, placeOfItem(await queue.put(item, CALL))],
    })
    return
  }
  await takeOne(lane, round, prng.chance(0.2) ? 400 : undefined)
}

/** Takes an item and acknowledges it, gives it back, or keeps it. Answers whether there was one. */
export async function takeOne(
  { session, sessionName, prng, key: name }: Pick<Lane, 'session' | 'sessionName' | 'prng' | 'key'>,
  round: number,
  waitsMs: number | undefined,
  acksAlways = false,
): Promise<boolean> {
  const queue = await session.queue(pathOf('queue', round))
  const taker = name()
  const jobs: Job<Value>[] = []
  await record({
    load: 'queue',
    round,
    input: { op: 'take', key: 'q', taker, session: sessionName },
    waits: true,
    run: async () => {
      jobs.push(...(waitsMs === undefined ? await queue.tryTake(CALL) : await queue.take({ timeoutMs: waitsMs })))
      const [job] = jobs
      return job === undefined ? [null] : [job.value, job.token]
    },
  }).catch((thrown: unknown) => {
    // Nothing came in time, as it may be.
    if (waitsMs === undefined || !isError(thrown, 'TIMEOUT')) throw thrown
  })
  const [job] = jobs
  if (job === undefined) return false
  const choice = acksAlways ? 0 : prng.next()
  if (choice > 0.97) return true
  const op = choice < 0.85 ? 'ack' : 'back'
  await record({
    load: 'queue',
    round,
    input: { op, key: 'q', taker, item: job.value, session: sessionName },
    run: async () => {
      await (op === 'ack' ? job.ack() : job.nack())
      return [true]
    },
    refused: (code) => (code === 'NOT_HELD' ? [false] : undefined),
  })
  return true
}

// ---- trees

const refusals: Readonly<Record<string, Told>> = {
  NODE_EXISTS: ['exists'],
  NO_NODE: ['absent'],
  BAD_VERSION: ['version'],
}
/** Of a tree without a base. */
const placeOfStat = ({ mzxid }: Stat): number => mzxid - 1

async function changeTree({ client, session, sessionName, prng, key: name }: Lane): Promise<void> {
  const round = roundAt('tree', now())
  const tree = await session.tree(pathOf('tree', round))
  const isOwned = prng.chance(0.3)
  const key = isOwned ? prng.pick(['e0', 'e1', 'e2']) : prng.pick(KEYS)
  const path = `/${key}`
  const what = prng.next()
  const value = name()
  const version = prng.chance(0.5) ? (tree.exists(path)?.version ?? 0) : undefined
  const asked = version === undefined ? {} : { version }
  const all = { load: 'tree', round, refused: (code: string) => refusals[code] } as const
  if (what < 0.35) {
    const input = { op: 'read', key }
    const run = async (): Promise<Told> => {
      await client.sync(CALL)
      const node = tree.get(path)
      return [node === undefined ? null : { value: node.value, version: node.stat.version }, readPlace(client)]
    }
    await record({ ...all, input, run })
  } else if (what < 0.55) {
    const owner = isOwned ? { owner: sessionName } : {}
    const input = { op: 'create', key, value, ...owner, session: sessionName }
    const run = async (): Promise<Told> => {
      await tree.create(path, value, { ephemeral: isOwned, ...CALL })
      return [0]
    }
    await record({ ...all, input, run })
  } else if (what < 0.85) {
    const input = { op: 'set', key, value, ...asked, session: sessionName }
    const run = async (): Promise<Told> => {
      const stat = await tree.set(path, value, { ...asked, ...CALL })
      return [stat.version, placeOfStat(stat)]
    }
    await record({ ...all, input, run })
  } else {
    const input = { op: 'delete', key, ...asked, session: sessionName }
    const run = async (): Promise<Told> => {
      await tree.delete(path, { ...asked, ...CALL })
      return [-1]
    }
    await record({ ...all, input, run })
  }
}

// ---- transactions

const ACCOUNTS = ['a', 'b', 'c', 'd'] as const

async function transact({ client, session, prng }: Lane): Promise<void> {
  const round = roundAt('txn', now())
  const handles = new Map<string, Awaited<ReturnType<typeof openCounter>>>()
  for (const key of ACCOUNTS) handles.set(key, await openCounter(session, `${pathOf('txn', round)}/${key}`))
  const handleOf = (key: string) => {
    const handle = handles.get(key)
    if (handle === undefined) throw new Error(`there is no ${key}`)
    return handle
  }
  const [x, y] = [prng.pick(ACCOUNTS), prng.pick(ACCOUNTS)]
  const steps = x === y ? ACCOUNTS.map((key): TransactionStep => ({ op: 'read', key })) : stepsOn(x, y, prng, handleOf)
  let place: number | undefined
  const run = async (): Promise<Told> => {
    const answers = await session.transaction((tx) => {
      place = readPlace(client)
      return steps.map((step, nth) => taken(tx, step, steps[nth + 1], handleOf))
    }, CALL)
    const told = answers.map((answer) => (typeof answer === 'object' ? (answer?.value ?? null) : answer))
    return steps.every(({ op }) => op === 'read') && place !== undefined ? [told, place] : [told]
  }
  const refused = (code: string): Told | undefined => (code === 'MISMATCH' ? ['refused'] : undefined)
  await record({ load: 'txn', round, input: steps, run, refused })
}

const openCounter = (session: ObjectSession, path: string) => session.open(Counter, path, CALL)
type CounterHandle = Awaited<ReturnType<typeof openCounter>>

/** Steps on two accounts: from one to the other, both to one value, or both if one of them is what it was. */
function stepsOn(x: string, y: string, prng: Prng, handleOf: (key: string) => CounterHandle): TransactionStep[] {
  const value = prng.integer(1, 1e9)
  const kind = prng.next()
  if (kind < 0.4) {
    return [
      { op: 'read', key: x },
      { op: 'read', key: y },
      { op: 'add', key: x, by: -1 },
      { op: 'add', key: y, by: 1 },
    ]
  }
  if (kind < 0.75) {
    return [
      { op: 'read', key: x },
      { op: 'write', key: x, value },
      { op: 'write', key: y, value },
    ]
  }
  return [
    { op: 'expect', key: x, value: handleOf(x).state.value },
    { op: 'write', key: x, value },
    { op: 'write', key: y, value: value + 1 },
  ]
}

/** Does one step; what it answers is there when the transaction has committed. */
function taken(
  tx: Transaction,
  step: TransactionStep,
  next: TransactionStep | undefined,
  handleOf: (key: string) => CounterHandle,
): { readonly value: number } | number | null {
  const handle = handleOf(step.key)
  switch (step.op) {
    case 'read':
      return tx.get(handle).value
    case 'add':
      return tx.do(handle, 'add', { by: step.by })
    case 'expect':
      // The write that follows is to the same counter, and is done in the same op.
      tx.do(handle, 'compareAndSet', { expect: Number(step.value), value: Number(next?.op === 'write' && next.value) })
      return null
    case 'write':
      tx.do(handle, 'set', { value: Number(step.value) })
      return null
    default:
      return step satisfies never
  }
}
