/**
 * What people build with NATS JetStream: a work queue, a lock and nodes as keys of a bucket, atomic batches.
 *
 * The lock is a key that whoever writes it next behind its delete has; nobody frees it when its holder dies, because
 * there are no sessions. There are no trees: nobody looks for a parent. Read next: `nats-loads.ts`,
 * `../object-loads.ts` (ours).
 */
import type { Operation } from '../measure.ts'
import { nth, VALUE } from './loads.ts'
import type { Batch, Bucket, Consumer, JetStream, MessageHeaders } from './nats-packages.ts'

/** The stream of the queue, with its consumer. */
export const QUEUE = 'queue'
export const TAKERS = 'takers'
const LOCK = 'lock'
const TAKE_MS = 5_000
const EXPECTED = 'Nats-Expected-Last-Subject-Sequence'

/**
 * A publish, a pull of one, and an acknowledgement that the server confirms: the first two sent together, the last with
 * those of the next call.
 */
export function queue(callers: readonly { readonly stream: JetStream; readonly consumer: Consumer }[]): Operation {
  const acked = callers.map(() => Promise.resolve(true))
  return {
    run: async (caller) => {
      const { stream, consumer } = nth(callers, caller)
      const pulled = consumer.next({ expires: TAKE_MS })
      let [, message] = await Promise.all([stream.publish(QUEUE, VALUE), pulled, acked[caller]])
      while (message === null) message = await consumer.next({ expires: TAKE_MS })
      acked[caller] = message.ackAck().then((isAcked) => {
        if (!isAcked) throw new Error('an item was not acknowledged')
        return isAcked
      })
    },
    clean: () => Promise.all(acked),
  }
}

/** One who waits for the lock: what stands there last, and who is told. */
class Waiter {
  readonly bucket: Bucket
  /** The revision of the last delete; undefined while somebody holds it. */
  free: number | undefined
  #told: (() => void) | undefined

  constructor(bucket: Bucket, free: number) {
    this.bucket = bucket
    this.free = free
  }

  async watch(): Promise<void> {
    for await (const { operation, revision } of await this.bucket.watch({ key: LOCK })) {
      this.free = operation === 'PUT' ? undefined : revision
      if (this.free !== undefined) this.#told?.()
    }
  }

  async acquire(): Promise<void> {
    for (;;) {
      const revision = this.free
      this.free = undefined
      if (revision !== undefined && (await this.#isTaken(revision))) return
      if (this.free !== undefined) continue
      await new Promise<void>((resolve) => {
        this.#told = resolve
      })
    }
  }

  async #isTaken(revision: number): Promise<boolean> {
    try {
      await this.bucket.update(LOCK, VALUE, revision)
      return true
    } catch (thrown) {
      if (thrown instanceof Error && thrown.message.includes('wrong last sequence')) return false
      throw thrown
    }
  }
}

/** Waiters over a lock that is free, one for each bucket. */
export async function lockWaiters(buckets: readonly Bucket[]): Promise<Waiter[]> {
  const [first] = buckets
  await first?.put(LOCK, VALUE)
  await first?.delete(LOCK)
  const revision = (await first?.get(LOCK))?.revision ?? 0
  const waiters = buckets.map((bucket) => new Waiter(bucket, revision))
  for (const waiter of waiters) void waiter.watch()
  return waiters
}

/** Acquires and releases. */
export function lock(waiters: readonly Waiter[]): Operation {
  let holders = 0
  return {
    run: async (caller) => {
      const waiter = nth(waiters, caller)
      await waiter.acquire()
      if (++holders !== 1) throw new Error(`${holders} hold the lock`)
      holders--
      await waiter.bucket.delete(LOCK)
    },
  }
}

let nodes = 0
/** Names that never were there: a create behind a delete would be three calls. */
export function createDelete(bucket: Bucket): Operation {
  return {
    run: async () => {
      const key = `node-${nodes++}`
      await bucket.create(key, VALUE)
      await bucket.delete(key)
    },
  }
}

/** Messages that are stored together or not at all, each if the last of its subject has that sequence. */
async function together(
  stream: JetStream,
  headers: () => MessageHeaders,
  messages: readonly { readonly subject: string; readonly last: number; readonly isDelete?: boolean }[],
): Promise<number[]> {
  let batch: Batch | undefined
  for (const [i, { subject, last, isDelete = false }] of messages.entries()) {
    const head = headers()
    head.set(EXPECTED, String(last))
    if (isDelete) head.set('KV-Operation', 'DEL')
    const value = isDelete ? undefined : VALUE
    if (batch === undefined) batch = await stream.startBatch(subject, value, { headers: head })
    else if (i < messages.length - 1) batch.add(subject, value, { headers: head })
    else {
      const { seq, count } = await batch.commit(subject, value, { headers: head })
      return messages.map((_, nth_) => seq - count + 1 + nth_)
    }
  }
  throw new Error('a batch is of two messages or more')
}

/** A stream, the subjects of which begin with its name. */
export interface Named {
  readonly name: string
  readonly stream: JetStream
}

const of = (streams: readonly Named[], caller: number): Named => nth(streams, caller % streams.length)

/** Two keys are created and two deleted, marked as a bucket marks its deletes. */
export async function multi(
  streams: readonly Named[],
  headers: () => MessageHeaders,
  callers: number,
): Promise<Operation> {
  const round = nodes++
  const pair = (caller: number, turn: number): string[] =>
    [0, 1].map((i) => `${of(streams, caller).name}.m-${round}-${caller}-${turn}-${i}`)
  const create = (caller: number, turn: number) => pair(caller, turn).map((subject) => ({ subject, last: 0 }))
  const turns = Array.from({ length: callers }, () => 0)
  const seen = await Promise.all(
    turns.map((_, caller) => together(of(streams, caller).stream, headers, create(caller, 0))),
  )
  return {
    run: async (caller) => {
      const turn = nth(turns, caller)
      turns[caller] = turn + 1
      const last = nth(seen, caller)
      seen[caller] = await together(of(streams, caller).stream, headers, [
        ...create(caller, turn + 1),
        ...pair(caller, turn).map((subject, i) => ({ subject, last: nth(last, i), isDelete: true })),
      ])
    },
  }
}

/** Nobody else changes them, so that the sequences of the last call are those that stand there. */
export function txn(streams: readonly Named[], headers: () => MessageHeaders, callers: number): Operation {
  const round = nodes++
  const pair = (caller: number): string[] =>
    ['from', 'to'].map((name) => `${of(streams, caller).name}.${name}-${round}-${caller}`)
  const seen = Array.from({ length: callers }, (): readonly number[] => [0, 0])
  return {
    run: async (caller) => {
      const last = nth(seen, caller)
      const messages = pair(caller).map((subject, i) => ({ subject, last: nth(last, i) }))
      seen[caller] = await together(of(streams, caller).stream, headers, messages)
    },
  }
}
