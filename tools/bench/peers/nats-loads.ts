/**
 * The loads of NATS JetStream: publish at the stream's leader, direct get of a key, and the counter that the server
 * keeps.
 *
 * Every stream is a file on three servers. There is no linearizable read: a direct get is answered by any replica,
 * and the leader answers without asking a majority whether it still is one. Read next: `loads.ts`.
 */
import type { Missing, ObjectLoad, Operation } from '../measure.ts'
import { nth, Sessions, VALUE, type ClientSetup, type Loads } from './loads.ts'
import {
  loadPackages,
  type Bucket,
  type Connection,
  type Manager,
  type Packages,
  type StreamInfo,
} from './nats-packages.ts'
import * as recipes from './nats-recipes.ts'

const MANAGE_MS = 20_000
const STREAM = 'bench'
const BUCKET = 'bench'
const COUNTER = 'counter'
/** A stream takes 50 batches at a time: two take those of all callers. */
const ATOMIC = ['atomic0', 'atomic1']
const NO_SESSIONS: Missing = { missing: 'no sessions: a key may have a time to live, but nobody owns it' }
const NO_READS: Missing = { missing: 'no linearizable read: a leader answers without asking whether it still is one' }

/** Opens the loads of three NATS servers. */
export async function natsLoads({ addresses, packages = '.' }: ClientSetup): Promise<Loads> {
  const loaded = loadPackages(packages)
  const { transport, jetstream, kv } = loaded
  const connections = new Sessions(addresses, (address) => transport.connect({ servers: address, reconnect: false }))
  const manager = await jetstream.jetstreamManager(await connections.at(0), { timeout: MANAGE_MS })
  const { streams } = manager
  const file = { storage: 'file', num_replicas: 3 }
  await streams.add({ name: STREAM, subjects: [STREAM], ...file })
  await streams.add({ name: COUNTER, subjects: [COUNTER], ...file, allow_msg_counter: true, allow_direct: true })
  await addStreams(manager, file)
  const created = await new kv.Kvm(await connections.at(0)).create(BUCKET, {
    storage: 'file',
    replicas: 3,
    history: 1,
    allow_direct: true,
  })
  await created.put('key', VALUE)
  const leader = async (stream: string): Promise<number> => leaderOf(stream, await streams.info(stream))
  const recipe = natsRecipes(loaded, leader)
  return {
    ended: NO_SESSIONS,
    prepare: async (name, outstanding) => {
      switch (name) {
        case 'append': {
          const stream = jetstream.jetstream(await connections.at(await leader(STREAM)))
          return { run: () => stream.publish(STREAM, VALUE) }
        }
        case 'readLinearizable':
          return NO_READS
        case 'readLocal': {
          const follower = ((await leader(`KV_${BUCKET}`)) + 1) % addresses.length
          const bucket = await new kv.Kvm(await connections.at(follower)).open(BUCKET, { allow_direct: true })
          return { run: () => bucket.get('key') }
        }
        case 'queue':
        case 'lock':
          return recipe(name, outstanding, await connections.first(Math.max(outstanding, addresses.length)))
        case 'createDelete':
        case 'multi':
        case 'txn':
        case 'ephemeral':
          return recipe(name, outstanding, await connections.first(addresses.length))
        case 'counter':
        default: {
          const callers = (await connections.first(outstanding)).map((connection) => jetstream.jetstream(connection))
          const headers = transport.headers()
          headers.set('Nats-Incr', '1')
          const total = async (): Promise<number> =>
            Number((await streams.getMessage(COUNTER, { last_by_subj: COUNTER }))?.json().val ?? 0)
          return { run: (caller) => nth(callers, caller).publish(COUNTER, undefined, { headers }), total }
        }
      }
    },
  }
}

/** Streams of the recipes. */
async function addStreams({ streams, consumers }: Manager, file: object): Promise<void> {
  await streams.add({ name: recipes.QUEUE, subjects: [recipes.QUEUE], retention: 'workqueue', ...file })
  await consumers.add(recipes.QUEUE, { durable_name: recipes.TAKERS, ack_policy: 'explicit' })
  for (const name of ATOMIC) await streams.add({ name, subjects: [`${name}.>`], ...file, allow_atomic: true })
}

/** Gives the recipe of a load for so many callers, over connections of which the first are one for each server. */
function natsRecipes({ transport, jetstream, kv }: Packages, leader: (stream: string) => Promise<number>) {
  const waiters = new Map<number, ReturnType<typeof recipes.lockWaiters>>()
  const headers = () => transport.headers()
  const bucketOf = (connection: Connection): Promise<Bucket> =>
    new kv.Kvm(connection).open(BUCKET, { allow_direct: true })
  return async (
    load: ObjectLoad,
    callers: number,
    connections: readonly Connection[],
  ): Promise<Operation | Missing> => {
    const own = connections.slice(0, callers)
    const atLeader = async (stream: string): Promise<Connection> => nth(connections, await leader(stream))
    const atomics = () =>
      Promise.all(ATOMIC.map(async (name) => ({ name, stream: jetstream.jetstream(await atLeader(name)) })))
    switch (load) {
      case 'queue': {
        const takers = own.map(async (connection) => {
          const stream = jetstream.jetstream(connection)
          return { stream, consumer: await stream.consumers.get(recipes.QUEUE, recipes.TAKERS) }
        })
        return recipes.queue(await Promise.all(takers))
      }
      case 'lock': {
        const known = waiters.get(callers) ?? Promise.all(own.map(bucketOf)).then(recipes.lockWaiters)
        waiters.set(callers, known)
        return recipes.lock(await known)
      }
      case 'createDelete':
        return recipes.createDelete(await bucketOf(await atLeader(`KV_${BUCKET}`)))
      case 'multi':
        return recipes.multi(await atomics(), headers, callers)
      case 'txn':
        return recipes.txn(await atomics(), headers, callers)
      case 'ephemeral':
      default:
        return NO_SESSIONS
    }
  }
}

/** Server `n2` is number 1. */
function leaderOf(stream: string, { cluster }: StreamInfo): number {
  if (cluster?.leader === undefined || cluster.leader === '') {
    throw new Error(`no server leads the stream ${stream} now`)
  }
  return Number(cluster.leader.slice(1)) - 1
}
