/**
 * The loads of NATS JetStream: publish at the stream's leader, direct get of a key, and the counter that the server
 * keeps.
 *
 * Every stream is a file on three servers. There is no linearizable read: a direct get is answered by any replica,
 * and the leader answers without asking a majority whether it still is one. Read next: `loads.ts`.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { nth, Sessions, VALUE, type ClientSetup, type Loads } from './loads.ts'

// What is used of the npm packages, which are not there when this is compiled.
interface Connection {
  close(): Promise<void>
}
interface MessageHeaders {
  set(name: string, value: string): void
}
interface JetStream {
  publish(subject: string, data?: Uint8Array, options?: { headers: MessageHeaders }): Promise<unknown>
}
interface StreamInfo {
  readonly cluster?: { readonly leader?: string }
}
interface StoredMessage {
  json(): { val: string }
}
interface Streams {
  add(config: object): Promise<StreamInfo>
  info(name: string): Promise<StreamInfo>
  getMessage(name: string, query: { last_by_subj: string }): Promise<StoredMessage | null>
}
interface Bucket {
  put(key: string, value: Uint8Array): Promise<unknown>
  get(key: string): Promise<unknown>
}
interface Buckets {
  create(name: string, options: object): Promise<Bucket>
  open(name: string, options: object): Promise<Bucket>
}
interface Packages {
  readonly transport: { connect(options: object): Promise<Connection>; headers(): MessageHeaders }
  readonly jetstream: {
    jetstream(connection: Connection): JetStream
    jetstreamManager(connection: Connection, options: object): Promise<{ readonly streams: Streams }>
  }
  readonly kv: { readonly Kvm: new (connection: Connection) => Buckets }
}

const MANAGE_MS = 20_000
const STREAM = 'bench'
const BUCKET = 'bench'
const COUNTER = 'counter'

/** Opens the loads of three NATS servers. */
export async function natsLoads({ addresses, packages = '.' }: ClientSetup): Promise<Loads> {
  const { transport, jetstream, kv } = load(packages)
  const connections = new Sessions(addresses, (address) => transport.connect({ servers: address, reconnect: false }))
  const { streams } = await jetstream.jetstreamManager(await connections.at(0), { timeout: MANAGE_MS })
  const file = { storage: 'file', num_replicas: 3 }
  await streams.add({ name: STREAM, subjects: [STREAM], ...file })
  await streams.add({ name: COUNTER, subjects: [COUNTER], ...file, allow_msg_counter: true, allow_direct: true })
  const created = await new kv.Kvm(await connections.at(0)).create(BUCKET, {
    storage: 'file',
    replicas: 3,
    history: 1,
    allow_direct: true,
  })
  await created.put('key', VALUE)
  const leader = async (stream: string): Promise<number> => leaderOf(stream, await streams.info(stream))
  return {
    prepare: async (name, outstanding) => {
      switch (name) {
        case 'append': {
          const stream = jetstream.jetstream(await connections.at(await leader(STREAM)))
          return { run: () => stream.publish(STREAM, VALUE) }
        }
        case 'readLinearizable':
          return undefined
        case 'readLocal': {
          const follower = ((await leader(`KV_${BUCKET}`)) + 1) % addresses.length
          const bucket = await new kv.Kvm(await connections.at(follower)).open(BUCKET, { allow_direct: true })
          return { run: () => bucket.get('key') }
        }
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

function load(folder: string): Packages {
  const require = createRequire(join(folder, 'package.json'))
  return {
    transport: require('@nats-io/transport-node'),
    jetstream: require('@nats-io/jetstream'),
    kv: require('@nats-io/kv'),
  }
}

/** Server `n2` is number 1. */
function leaderOf(stream: string, { cluster }: StreamInfo): number {
  if (cluster?.leader === undefined || cluster.leader === '') {
    throw new Error(`no server leads the stream ${stream} now`)
  }
  return Number(cluster.leader.slice(1)) - 1
}
