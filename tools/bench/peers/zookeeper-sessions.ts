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
  /** Creates a node; gives its path, which is longer by a number for a sequential one. */
  create(path: string, data: Buffer, kind?: NodeKind): Promise<string>
  /** Deletes a node of any version; false when there is none. */
  remove(path: string): Promise<boolean>
  /** Writes a node if its version is that one (-1: any); false when it is not. */
  set(path: string, data: Buffer, version: number): Promise<boolean>
  get(path: string): Promise<Node>
  /** Waits until this server has caught up with the leader. */
  sync?(path: string): Promise<unknown>
}

/** What only the client in JavaScript has here: what recipes need. */
export interface RecipeSession extends Session {
  children(path: string): Promise<string[]>
  /** Settles when something happens to a node, or there is none. */
  changed(path: string): Promise<void>
  /** Runs ops as one. @throws Error of the first that is refused. */
  multi(ops: readonly MultiOp[]): Promise<void>
}

/** One op of a multi. */
export type MultiOp =
  | { readonly kind: 'create'; readonly path: string; readonly data: Buffer }
  | { readonly kind: 'set'; readonly path: string; readonly data: Buffer; readonly version: number }
  | { readonly kind: 'remove'; readonly path: string }

/** How a node is created. */
export type NodeKind = 'plain' | 'ephemeral' | 'sequential' | 'ephemeralSequential'

/** A node as it was read. */
export interface Node {
  readonly version: number
  readonly data: Buffer
}

/** Opens a session at a server. */
export type OpenSession<S extends Session = Session> = (address: string) => Promise<S>

const SESSION_MS = 10_000
const BAD_VERSION = -103
const NO_NODE = -101
/** Flags of the protocol. */
const FLAGS: Record<NodeKind, number> = { plain: 0, ephemeral: 1, sequential: 2, ephemeralSequential: 3 }

// What is used of the npm packages, which are not there when this is compiled.
interface Stat {
  readonly version: number
}
type NativeCallback<A, B = unknown> = (code: number, message: string, first: A, second: B) => void
interface NativeClient extends NodeJS.EventEmitter {
  init(options: object): void
  a_create(path: string, data: Buffer, flags: number, done: NativeCallback<string>): void
  a_set(path: string, data: Buffer, version: number, done: NativeCallback<Stat>): void
  a_delete_(path: string, version: number, done: (code: number, message: string) => void): void
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
  remove(path: string, version: number, done: (error: ScriptError | null) => void): void
  getData(path: string, done: ScriptCallback<Buffer, Stat>): void
  getData(path: string, watcher: () => void, done: ScriptCallback<Buffer, Stat>): void
  getChildren(path: string, done: ScriptCallback<string[], Stat>): void
  transaction(): ScriptTransaction
}
interface ScriptTransaction {
  create(path: string, data: Buffer): void
  setData(path: string, data: Buffer, version: number): void
  remove(path: string, version: number): void
  commit(done: (error: ScriptError | null) => void): void
}

/** The client in JavaScript. */
export function scriptSessions(packages: string, sessionMs = SESSION_MS): OpenSession<RecipeSession> {
  const module: { createClient(address: string, options: object): ScriptClient } = createRequire(
    join(packages, 'package.json'),
  )('node-zookeeper-client')
  return async (address) => {
    const client = module.createClient(address, { sessionTimeout: sessionMs, spinDelay: 50 })
    const connected = once(client, 'connected', { signal: AbortSignal.timeout(SESSION_MS) })
    client.connect()
    await connected
    return {
      create: (path, data, kind = 'plain') =>
        new Promise((resolve, reject) => {
          client.create(path, data, FLAGS[kind], (error, created) => {
            if (error === null) resolve(created)
            else reject(error)
          })
        }),
      remove: (path) =>
        new Promise((resolve, reject) => {
          client.remove(path, -1, (error) => {
            if (error === null) resolve(true)
            else if (error.getCode?.() === NO_NODE) resolve(false)
            else reject(error)
          })
        }),
      ...recipesOf(client),
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

/** What recipes need of the client in JavaScript. */
function recipesOf(client: ScriptClient): Pick<RecipeSession, 'children' | 'changed' | 'multi'> {
  return {
    children: (path) =>
      new Promise((resolve, reject) => {
        client.getChildren(path, (error, names) => {
          if (error === null) resolve(names)
          else reject(error)
        })
      }),
    // A read leaves no watch behind where there is no node, as `exists` would.
    changed: (path) =>
      new Promise((resolve, reject) => {
        client.getData(path, resolve, (error) => {
          if (error?.getCode?.() === NO_NODE) resolve()
          else if (error !== null) reject(error)
        })
      }),
    multi: (ops) =>
      new Promise((resolve, reject) => {
        const transaction = client.transaction()
        for (const op of ops) {
          if (op.kind === 'create') transaction.create(op.path, op.data)
          else if (op.kind === 'set') transaction.setData(op.path, op.data, op.version)
          else transaction.remove(op.path, -1)
        }
        transaction.commit((error) => {
          if (error === null) resolve()
          else reject(error)
        })
      }),
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
      create: (path, data, kind = 'plain') =>
        new Promise((resolve, reject) => {
          client.a_create(path, data, FLAGS[kind], (code, message, created) => {
            if (code === 0) resolve(created)
            else reject(failed(code, message))
          })
        }),
      remove: (path) =>
        new Promise((resolve, reject) => {
          client.a_delete_(path, -1, (code, message) => {
            if (code === 0) resolve(true)
            else if (code === NO_NODE) resolve(false)
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
