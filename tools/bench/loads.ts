/**
 * What a client process of the bench can be asked to do to a cluster. Connections and sessions are kept between rounds.
 *
 * Read next: `client.ts` (the process), `rows.ts` (who asks for what), `open-loop.ts`.
 */
import { LogClient } from '../../log/client/client.ts'
import { parseClusterAddress } from '../../log/client/connect.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { limits } from '../../log/limits.ts'
import { Identity } from '../../log/wire/control.ts'
import { encodeFrame } from '../../log/wire/frame.ts'
import { kinds, readGrant, writeToken } from '../../log/wire/messages.ts'
import { Peers } from '../../log/wire/peers.ts'
import { ObjectClient } from '../../objects/client.ts'
import { Counter } from '../../objects/counter/type.ts'
import { connectLog, type ConnectedLog } from '../../sequencer/connect.ts'
import { measure, measured, measuredOnce, type Measured } from './measure.ts'
import { openLoop, type OpenLoop } from './open-loop.ts'

const STREAM = 29
const LOCAL_READS = 1_000
/** Appends that wait while a log is written for a reader. */
const WRITE_OUTSTANDING = 4_096
const HANDLES_MAX = 10_000

const logs = new Map<string, Promise<ConnectedLog>>()
/** The client of an address, kept. */
export const connected = (address: string): Promise<ConnectedLog> => {
  const known = logs.get(address) ?? connectLog(address, { name: 'bench' })
  logs.set(address, known)
  return known
}

type Increment = (caller: number) => Promise<unknown>
const counters = new Map<string, Promise<Increment>>()
/** Sessions that add to one counter, as many as callers. */
function incrementer(address: string, sessions: number): Promise<Increment> {
  const key = `${sessions} ${address}`
  const known = counters.get(key) ?? makeIncrementer(address, sessions)
  counters.set(key, known)
  return known
}

async function makeIncrementer(address: string, count: number): Promise<Increment> {
  const objects = new ObjectClient((await connected(address)).client)
  const handles = await Promise.all(
    Array.from({ length: count }, async () => (await objects.session()).open(Counter, `/bench/${count}`)),
  )
  return async (caller) => handles[caller]?.add({ by: 1 })
}

const views = new Map<string, Promise<{ sync(): Promise<void>; read(): number }>>()
function viewOf(address: string): Promise<{ sync(): Promise<void>; read(): number }> {
  const known = views.get(address) ?? makeView(address)
  views.set(address, known)
  return known
}

async function makeView(address: string): Promise<{ sync(): Promise<void>; read(): number }> {
  const objects = new ObjectClient((await connected(address)).client)
  const handle = await objects.open(Counter, '/bench/read')
  await handle.add({ by: 1 })
  return { sync: () => handle.sync(), read: () => handle.state.value }
}

/** Appends of `bytes` bytes on one stream. */
export async function append(
  address: string,
  { outstanding, ms, bytes }: { outstanding: number; ms: number; bytes: number },
): Promise<Measured> {
  const { client } = await connected(address)
  const payload = new Uint8Array(bytes).fill(7)
  const streams = [STREAM]
  return measure(outstanding, ms, () => client.append(payload, { streams }))
}

/** Increments of one counter, each caller with a session of its own. */
export async function counter(address: string, outstanding: number, ms: number): Promise<Measured> {
  return measure(outstanding, ms, await incrementer(address, outstanding))
}

/** Linearizable reads: play to the proved tail, then look at the state. */
export async function readLinearizable(address: string, outstanding: number, ms: number): Promise<Measured> {
  const { sync, read } = await viewOf(address)
  return measure(outstanding, ms, async () => {
    await sync()
    return read()
  })
}

/** Reads of the view's own state. Timed in groups of a thousand: one takes less than the clock's look. */
export async function readLocal(address: string, ms: number): Promise<Measured> {
  const { read } = await viewOf(address)
  const times: number[] = []
  let sum = 0
  const start = performance.now()
  for (let now = start; now - start < ms; now = performance.now()) {
    for (let i = 0; i < LOCAL_READS; i++) sum += read()
    times.push((performance.now() - now) / LOCAL_READS)
  }
  if (sum <= 0) throw new Error('the view has no state')
  const { perSecond, ...latencies } = measured(times, performance.now() - start)
  return { ...latencies, perSecond: perSecond * LOCAL_READS }
}

interface TokenCall {
  readonly stream: number
  resolve(position: number): void
  reject(error: Error): void
}

/**
 * Token requests for one position each, every caller's on a stream of its own; `address` is the sequencer's. Those of
 * one turn travel in one frame, as an appender sends them, or else (`apart`) each in its own, as if each came from
 * another client.
 */
export async function tokens(
  address: string,
  { outstanding, ms, apart }: { outstanding: number; ms: number; apart: boolean },
): Promise<Measured> {
  let request = 0
  const peers = new Peers({
    ports: systemPorts(),
    limits,
    name: 'bench',
    cluster: () => null,
    nextRequest: () => ++request,
    learnt: () => undefined,
  })
  const peer = peers.at(address)
  const { epoch } = await peer.control('identify', {}, Identity)
  const ask = (calls: readonly TokenCall[]): void => {
    const number = ++request
    peer.call(
      'token',
      number,
      encodeFrame(
        kinds.token,
        0,
        number,
        writeToken({ epoch, runs: calls.map(({ stream }) => ({ count: 1, streams: [stream] })) }),
      ),
      (error, answer) => {
        const from = error === undefined ? readGrant(answer).from : 0
        calls.forEach((call, i) => {
          if (error === undefined) call.resolve(from + i)
          else call.reject(error)
        })
      },
    )
  }
  let queue: TokenCall[] = []
  const flush = (): void => {
    const calls = queue
    queue = []
    if (apart) for (const call of calls) ask([call])
    else ask(calls)
    peer.flush()
  }
  try {
    return await measure(
      outstanding,
      ms,
      (caller) =>
        new Promise((resolve, reject) => {
          if (queue.length === 0) queueMicrotask(flush)
          queue.push({ stream: caller, resolve, reject })
        }),
    )
  } finally {
    peers.close()
  }
}

/** Writes a log of counter ops over `records` counters, each in turn. */
export async function writeOps(address: string, ops: number, records: number): Promise<void> {
  const { client } = await connected(address)
  await using objects = new ObjectClient(client)
  const open = (record: number): Promise<{ add(input: { by: number }): Promise<number> }> =>
    objects.open(Counter, `/bench/record-${record}`)
  // A handle for each of a million records would take a gigabyte.
  const handles = await Promise.all(Array.from({ length: Math.min(records, HANDLES_MAX) }, (_, i) => open(i)))
  for (let from = 0; from < ops; from += WRITE_OUTSTANDING) {
    await Promise.all(
      Array.from({ length: Math.min(WRITE_OUTSTANDING, ops - from) }, async (_, i) => {
        const record = (from + i) % records
        return (handles[record] ?? (await open(record))).add({ by: 1 })
      }),
    )
  }
}

/** Writes entries that no view plays. */
export async function writeEntries(address: string, entries: number, bytes: number): Promise<void> {
  const { client } = await connected(address)
  const payload = new Uint8Array(bytes).fill(7)
  const streams = [STREAM]
  let left = entries
  await Promise.all(
    Array.from({ length: WRITE_OUTSTANDING }, async () => {
      while (left-- > 0) await client.append(payload, { streams })
    }),
  )
}

/** Plays everything into a fresh view of a fresh client; `ops` is how much there is. */
export async function play(address: string, ops: number): Promise<Measured> {
  const start = performance.now()
  await using log = await connectLog(address, { name: 'reader' })
  await using objects = new ObjectClient(log.client, { types: [Counter] })
  await objects.sync({ timeoutMs: 120_000 })
  return measuredOnce(performance.now() - start, ops)
}

/** How long one append takes, also where it has to wait for a sequencer. */
export async function firstAppend(address: string): Promise<Measured> {
  const { client } = await connected(address)
  const start = performance.now()
  await client.append(new Uint8Array(8), { streams: [STREAM], timeoutMs: 30_000 })
  return measuredOnce(performance.now() - start, 1)
}

/**
 * Appends started by the clock. `stallMs`: this process blocks for so long between a token and its store, every second.
 */
export async function openLoad(
  address: string,
  options: { rate: number; ms: number; bytes: number; stallMs: number },
): Promise<OpenLoop> {
  const client = options.stallMs > 0 ? stallingClient(address, options.stallMs) : (await connected(address)).client
  const payload = new Uint8Array(options.bytes).fill(7)
  const streams = [STREAM]
  try {
    return await openLoop({ rate: options.rate, ms: options.ms }, () =>
      client.append(payload, { streams, timeoutMs: 10_000 }),
    )
  } finally {
    if (options.stallMs > 0) await client.close()
  }
}

/** A client whose event loop stands still in the worst moment: when it has positions and nothing is stored there. */
function stallingClient(address: string, stallMs: number): LogClient {
  let next = performance.now() + 500
  return new LogClient({
    limits,
    name: 'stalling',
    addresses: parseClusterAddress(address),
    ports: {
      ...systemPorts(),
      failpoint: (name) => {
        if (name !== 'append.granted' || performance.now() < next) return
        const until = performance.now() + stallMs
        while (performance.now() < until);
        next = until + 1_000 - stallMs
      },
    },
  })
}
