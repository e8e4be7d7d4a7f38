/**
 * The loads of NATS JetStream: publish at the stream's leader, direct get of a key, and the counter that the server
 * keeps.
 *
 * Every stream is a file on three servers. There is no linearizable read: a direct get is answered by any replica,
 * and the leader answers without asking a majority whether it still is one. Read next: `loads.ts`.
 */
import type { Missing } from '../measure.ts'
import { nth, Sessions, VALUE, type ClientSetup, type Loads } from './loads.ts'
import { loadPackages, type Bucket, type StreamInfo } from './nats-packages.ts'
import * as recipes from './nats-recipes.ts'

const MANAGE_MS = 20_000
const STREAM = 'bench'
const BUCKET = 'bench'
const COUNTER = 'counter'
const NO_SESSIONS: Missing = { missing: 'no sessions: a key may have a time to live, but nobody owns it' }
const NO_READS: Missing = { missing: 'no linearizable read: a leader answers without asking whether it still is one' }

/** Opens the loads of three NATS servers. */
export async function natsLoads({ addresses, packages = '.' }: ClientSetup): Promise<Loads> {
  const { transport, jetstream, kv } = loadPackages(packages)
  const connections = new Sessions(addresses, (address) => transport.connect({ servers: address, reconnect: false }))
  const { streams, consumers } = await jetstream.jetstreamManager(await connections.at(0), { timeout: MANAGE_MS })
  const file = { storage: 'file', num_replicas: 3 }
  await streams.add({ name: STREAM, subjects: [STREAM], ...file })
  await streams.add({ name: COUNTER, subjects: [COUNTER], ...file, allow_msg_counter: true, allow_direct: true })
  await streams.add({ name: recipes.QUEUE, subjects: [recipes.QUEUE], retention: 'workqueue', ...file })
  await consumers.add(recipes.QUEUE, { durable_name: recipes.TAKERS, ack_policy: 'explicit' })
  await streams.add({ name: recipes.ATOMIC, subjects: [`${recipes.ATOMIC}.>`], ...file, allow_atomic: true })
  const created = await new kv.Kvm(await connections.at(0)).create(BUCKET, {
    storage: 'file',
    replicas: 3,
    history: 1,
    allow_direct: true,
  })
  await created.put('key', VALUE)
  const leader = async (stream: string): Promise<number> => leaderOf(stream, await streams.info(stream))
  const bucketAt = async (server: number): Promise<Bucket> =>
    new kv.Kvm(await connections.at(server)).open(BUCKET, { allow_direct: true })
  const streamOf = async (name: string) => jetstream.jetstream(await connections.at(await leader(name)))
  const waiters = new Map<number, ReturnType<typeof recipes.lockWaiters>>()
  return {
    ended: NO_SESSIONS,
    prepare: async (name, outstanding) => {
      switch (name) {
        case 'append': {
          const stream = await streamOf(STREAM)
          return { run: () => stream.publish(STREAM, VALUE) }
        }
        case 'readLinearizable':
          return NO_READS
        case 'readLocal': {
          const follower = ((await leader(`KV_${BUCKET}`)) + 1) % addresses.length
          const bucket = await bucketAt(follower)
          return { run: () => bucket.get('key') }
        }
        case 'queue': {
          const streams_ = (await connections.first(outstanding)).map((one) => jetstream.jetstream(one))
          const takers = streams_.map(async (stream) => {
            return { stream, consumer: await stream.consumers.get(recipes.QUEUE, recipes.TAKERS) }
          })
          return recipes.queue(await Promise.all(takers))
        }
        case 'lock': {
          const open = async () => {
            const all = await connections.first(outstanding)
            return recipes.lockWaiters(await Promise.all(all.map((one) => new kv.Kvm(one).open(BUCKET, {}))))
          }
          const known = waiters.get(outstanding) ?? open()
          waiters.set(outstanding, known)
          return recipes.lock(await known)
        }
        case 'createDelete':
          return recipes.createDelete(await bucketAt(await leader(`KV_${BUCKET}`)))
        case 'multi':
          return recipes.multi(await streamOf(recipes.ATOMIC), () => transport.headers(), outstanding)
        case 'txn':
          return recipes.txn(await streamOf(recipes.ATOMIC), () => transport.headers(), outstanding)
        case 'ephemeral':
          return NO_SESSIONS
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

/** Server `n2` is number 1. */
function leaderOf(stream: string, { cluster }: StreamInfo): number {
  if (cluster?.leader === undefined || cluster.leader === '') {
    throw new Error(`no server leads the stream ${stream} now`)
  }
  return Number(cluster.leader.slice(1)) - 1
}
