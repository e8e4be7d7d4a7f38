/**
 * Sessions of ZooKeeper's two npm clients in one shape: the one in JavaScript and the native one.
 *
 * Neither is the better one everywhere: the JavaScript client writes faster, the native one has `sync` and reads
 * faster. Read next: `zookeeper-loads.ts`.
 */
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** A session at one server. */
export interface Session {
  /** Creates a node. */
  create(path: string, data: Buffer): Promise<void>
  /** Writes a node if its version is that one (-1: any); false when it is not. */
  set(path: string, data: Buffer, version: number): Promise<boolean>
  get(path: string): Promise<Node>
  /** Waits until this server has caught up with the leader. */
  sync?(path: string): Promise<unknown>
}

/** A node as it was read. */
export interface Node {
  readonly version: number
  readonly data: Buffer
}

/** Opens a session at a server. */
export type OpenSession = (address: string) => Promise<Session>

const SESSION_MS = 10_000
const BAD_VERSION = -103

// What is used of the npm packages, which are not there when this is compiled.
interface Stat {
  readonly version: number
}
type NativeCallback<A, B = unknown> = (code: number, message: string, first: A, second: B) => void
interface NativeClient extends NodeJS.EventEmitter {
  init(options: object): void
  a_create(path: string, data: Buffer, flags: number, done: NativeCallback<string>): void
  a_set(path: string, data: Buffer, version: number, done: NativeCallback<Stat>): void
  a_get(path: string, watch: boolean, done: NativeCallback<Stat, Buffer>): void
  a_sync(path: string, done: NativeCallback<string>): void
}
interface ScriptError extends Error {
  getCode?(): number
}
type ScriptCallback<A, B = unknown> = (error: ScriptError | null, first: A, second: B) => void
interface ScriptClient extends NodeJS.EventEmitter {
  connect(): void
  create(path: string, data: Buffer, mode: number, done: ScriptCallback<string>): void
  setData(path: string, data: Buffer, version: number, done: ScriptCallback<Stat>): void
  getData(path: string, done: ScriptCallback<Buffer, Stat>): void
}

/** The client in JavaScript. */
export function scriptSessions(packages: string): OpenSession {
  const module: { createClient(address: string, options: object): ScriptClient; CreateMode: { PERSISTENT: number } } =
    createRequire(join(packages, 'package.json'))('node-zookeeper-client')
  return async (address) => {
    const client = module.createClient(address, { sessionTimeout: SESSION_MS, spinDelay: 50 })
    const connected = once(client, 'connected', { signal: AbortSignal.timeout(SESSION_MS) })
    client.connect()
    await connected
    return {
      create: (path, data) =>
        new Promise((resolve, reject) => {
          client.create(path, data, module.CreateMode.PERSISTENT, (error) => {
            if (error === null) resolve()
            else reject(error)
          })
        }),
      set: (path, data, version) =>
        new Promise((resolve, reject) => {
          client.setData(path, data, version, (error) => {
            if (error === null) resolve(true)
            else if (error.getCode?.() === BAD_VERSION) resolve(false)
            else reject(error)
          })
        }),
      get: (path) =>
        new Promise((resolve, reject) => {
          client.getData(path, (error, data, stat) => {
            if (error === null) resolve({ version: stat.version, data })
            else reject(error)
          })
        }),
    }
  }
}

/** The native client; `undefined` where it could not be built or loaded. */
export function nativeSessions(packages: string): OpenSession | undefined {
  const NativeClient = loadNative(packages)
  if (NativeClient === undefined) return undefined
  return async (address) => {
    const options = { connect: address, timeout: SESSION_MS, debug_level: 1, host_order_deterministic: false }
    const client = new NativeClient(options)
    client.setMaxListeners(0)
    const connected = once(client, 'connect', { signal: AbortSignal.timeout(SESSION_MS) })
    client.init(options)
    await connected
    const failed = (code: number, message: string): Error => new Error(`ZooKeeper answered ${code}: ${message}`)
    return {
      create: (path, data) =>
        new Promise((resolve, reject) => {
          client.a_create(path, data, 0, (code, message) => {
            if (code === 0) resolve()
            else reject(failed(code, message))
          })
        }),
      set: (path, data, version) =>
        new Promise((resolve, reject) => {
          client.a_set(path, data, version, (code, message) => {
            if (code === 0) resolve(true)
            else if (code === BAD_VERSION) resolve(false)
            else reject(failed(code, message))
          })
        }),
      get: (path) =>
        new Promise((resolve, reject) => {
          client.a_get(path, false, (code, message, stat, data) => {
            if (code === 0) resolve({ version: stat.version, data })
            else reject(failed(code, message))
          })
        }),
      sync: (path) =>
        new Promise((resolve, reject) => {
          client.a_sync(path, (code, message) => {
            if (code === 0) resolve(path)
            else reject(failed(code, message))
          })
        }),
    }
  }
}

function loadNative(packages: string): (new (options: object) => NativeClient) | undefined {
  try {
    const module: { default?: new (options: object) => NativeClient } & (new (options: object) => NativeClient) =
      createRequire(join(packages, 'package.json'))('zookeeper')
    return module.default ?? module
  } catch (thrown) {
    console.error(
      `the native client of ZooKeeper cannot be loaded: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    )
    return undefined
  }
}

/** What a server says it is: `leader`, `follower`, or nothing yet. */
export async function modeOf(address: string): Promise<string | undefined> {
  const [host, port] = address.split(':')
  const socket = connect({ host: host ?? '', port: Number(port), timeout: 2_000 })
  socket.once('timeout', () => {
    socket.destroy()
  })
  socket.write('srvr')
  return /^Mode: (\w+)/m.exec(await text(socket))?.[1]
}
