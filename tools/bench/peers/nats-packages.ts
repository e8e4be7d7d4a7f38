/** What is used of the npm packages of NATS, which are not there when this is compiled. Read next: `nats-loads.ts`. */
import { createRequire } from 'node:module'
import { join } from 'node:path'

export interface Connection {
  close(): Promise<void>
}
export interface MessageHeaders {
  set(name: string, value: string): void
}
interface WithHeaders {
  readonly headers: MessageHeaders
}
export interface JetStream {
  readonly consumers: { get(stream: string, name: string): Promise<Consumer> }
  publish(subject: string, data?: Uint8Array, options?: WithHeaders): Promise<unknown>
  startBatch(subject: string, data: Uint8Array | undefined, options: WithHeaders): Promise<Batch>
}
export interface Batch {
  add(subject: string, data: Uint8Array | undefined, options: WithHeaders): void
  commit(
    subject: string,
    data: Uint8Array | undefined,
    options: WithHeaders,
  ): Promise<{ readonly seq: number; readonly count: number }>
}
export interface Consumer {
  next(options: { expires: number }): Promise<{ ackAck(): Promise<boolean> } | null>
}
export interface StreamInfo {
  readonly cluster?: { readonly leader?: string }
}
interface StoredMessage {
  json(): { val: string }
}
export interface Streams {
  add(config: object): Promise<StreamInfo>
  info(name: string): Promise<StreamInfo>
  getMessage(name: string, query: { last_by_subj: string }): Promise<StoredMessage | null>
}
export interface KeyEntry {
  readonly operation: 'PUT' | 'DEL' | 'PURGE'
  readonly revision: number
}
export interface Bucket {
  put(key: string, value: Uint8Array): Promise<unknown>
  create(key: string, value: Uint8Array): Promise<unknown>
  update(key: string, value: Uint8Array, revision: number): Promise<unknown>
  delete(key: string): Promise<void>
  get(key: string): Promise<KeyEntry | null>
  watch(options: { key: string }): Promise<AsyncIterable<KeyEntry>>
}
export interface Buckets {
  create(name: string, options: object): Promise<Bucket>
  open(name: string, options: object): Promise<Bucket>
}
export interface Manager {
  readonly streams: Streams
  readonly consumers: { add(stream: string, config: object): Promise<unknown> }
}
export interface Packages {
  readonly transport: { connect(options: object): Promise<Connection>; headers(): MessageHeaders }
  readonly jetstream: {
    jetstream(connection: Connection): JetStream
    jetstreamManager(connection: Connection, options: object): Promise<Manager>
  }
  readonly kv: { readonly Kvm: new (connection: Connection) => Buckets }
}

/** Loads the packages from the folder that they were installed into. */
export function loadPackages(folder: string): Packages {
  const require = createRequire(join(folder, 'package.json'))
  return {
    transport: require('@nats-io/transport-node'),
    jetstream: require('@nats-io/jetstream'),
    kv: require('@nats-io/kv'),
  }
}
