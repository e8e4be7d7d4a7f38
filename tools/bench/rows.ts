/**
 * The rows of the bench: what is asked of which system.
 *
 * Read next: `systems.ts` (who runs them), `specials.ts` (rows that are no closed loop), `main.ts`.
 */
import type { Shape } from './cluster.ts'
import type { ObjectLoad } from './measure.ts'

/** A closed loop. `peers`: ZooKeeper, etcd and NATS have the like of it; `floor`: our floor has. */
export interface Row {
  readonly name: string
  readonly load: 'append' | 'readLinearizable' | 'readLocal' | 'counter' | 'tokens' | 'sessionEnd' | ObjectLoad
  /** Callers; of `sessionEnd` the sessions that end in a round. */
  readonly outstanding: number
  readonly bytes: number
  readonly shape: Shape
  /** Client processes that share the callers. */
  readonly processes: number
  readonly floor: boolean
  readonly peers: boolean
  /** What is compared: the median latency or the rate. */
  readonly figure: 'latency' | 'rate'
}

const USUAL: Shape = { chains: 1, unix: false }
const BYTES = 128

function row(name: string, load: Row['load'], outstanding: number, more: Partial<Row> = {}): Row {
  return {
    name,
    load,
    outstanding,
    bytes: BYTES,
    shape: USUAL,
    processes: 1,
    floor: false,
    peers: false,
    figure: outstanding === 1 ? 'latency' : 'rate',
    ...more,
  }
}

const both = { floor: true, peers: true }
const peers = { peers: true }

/** Sessions that end in a round. */
const SESSION_ENDS = 200
/** One caller, and 64 at a time. */
const aloneAndMany = (name: string, load: ObjectLoad): readonly Row[] =>
  [1, 64].map((outstanding) => row(`${name}.${outstanding}`, load, outstanding, peers))

/** All closed loops, in the order of the table. */
export const rows: readonly Row[] = [
  row('append.sequential', 'append', 1, both),
  row('append.64', 'append', 64, both),
  row('append.256', 'append', 256, both),
  row('append.1024', 'append', 1024, both),
  row('append.64.4KiB', 'append', 64, { bytes: 4 << 10 }),
  row('append.64.256KiB', 'append', 64, { bytes: 256 << 10 }),
  row('append.sequential.unix', 'append', 1, { shape: { chains: 1, unix: true } }),
  row('append.1024.unix', 'append', 1024, { shape: { chains: 1, unix: true } }),
  row('append.1024.chains2', 'append', 1024, { shape: { chains: 2, unix: false } }),
  row('append.1024.chains3', 'append', 1024, { shape: { chains: 3, unix: false } }),
  row('read.linearizable.1', 'readLinearizable', 1, peers),
  row('read.linearizable.256', 'readLinearizable', 256, peers),
  row('read.local', 'readLocal', 256, peers),
  row('token', 'tokens', 256),
  row('token.apart', 'tokens', 256),
  row('counter.1', 'counter', 1, { ...peers, figure: 'rate' }),
  row('counter.4', 'counter', 4, peers),
  row('counter.16', 'counter', 16, peers),
  row('counter.4.processes', 'counter', 4, { processes: 4 }),
  row('counter.16.processes', 'counter', 16, { processes: 4 }),
  row('queue.1', 'queue', 1, { ...peers, figure: 'rate' }),
  row('queue.4', 'queue', 4, peers),
  row('queue.16', 'queue', 16, peers),
  row('queue.4.processes', 'queue', 4, { processes: 4 }),
  row('queue.16.processes', 'queue', 16, { processes: 4 }),
  row('extension.counter.1', 'extensionCounter', 1, { figure: 'rate' }),
  row('extension.counter.16', 'extensionCounter', 16),
  row('extension.queue.1', 'extensionQueue', 1, { figure: 'rate' }),
  row('extension.queue.16', 'extensionQueue', 16),
  row('txn.counter.16', 'txnCounter', 16),
  row('lock.2', 'lock', 2, peers),
  row('lock.8', 'lock', 8, peers),
  row('lock.2.processes', 'lock', 2, { processes: 2 }),
  row('lock.8.processes', 'lock', 8, { processes: 4 }),
  ...aloneAndMany('tree.create-delete', 'createDelete'),
  ...aloneAndMany('tree.multi', 'multi'),
  ...aloneAndMany('tree.ephemeral', 'ephemeral'),
  ...aloneAndMany('txn.2-objects', 'txn'),
  row('session.end', 'sessionEnd', SESSION_ENDS, { ...peers, figure: 'latency' }),
]
