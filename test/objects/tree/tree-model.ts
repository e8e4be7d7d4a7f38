/**
 * ZooKeeper's tree as a plain program: what the tree's histories are compared with.
 *
 * It keeps whole nodes in a map and copies all of them where a step may fail; it shares no code with the tree. Read
 * next: `tree-random.test.ts`.
 */

export type Who = readonly (readonly [scheme: string, id: string])[]
type Acl = (readonly [bits: number, scheme: string, id: string])[]
type Kind = 'plain' | 'container' | 'ttl'

export interface ModelNode {
  data: Uint8Array | null
  acl: Acl
  kind: Kind
  /** The session of an ephemeral. */
  owner: number | undefined
  ttlMs: number
  /** Log time of the last change of data. */
  setAt: number
  /** When it is looked at again. */
  due: number | undefined
  /** Its children came along with it and are counted already. */
  isCounted: boolean
  creates: number
  czxid: number
  mzxid: number
  pzxid: number
  ctime: number
  mtime: number
  version: number
  aversion: number
}

/** An op as the model takes it: the same inputs as the tree's. */
export type ModelOp =
  | {
      readonly op: 'create'
      readonly input: {
        readonly path: string
        readonly data: Uint8Array | null
        readonly ephemeral?: boolean
        readonly sequential?: boolean
        readonly kind?: Kind
        readonly ttlMs?: number
        readonly acl?: unknown
      }
    }
  | { readonly op: 'delete' | 'check'; readonly input: { readonly path: string; readonly version: number } }
  | {
      readonly op: 'set'
      readonly input: { readonly path: string; readonly data: Uint8Array | null; readonly version: number }
    }
  | {
      readonly op: 'setAcl'
      readonly input: { readonly path: string; readonly acl: unknown; readonly version: number }
    }
  | { readonly op: 'deleteAll'; readonly input: { readonly paths: readonly string[]; readonly subtree: boolean } }
  | { readonly op: 'import'; readonly input: { readonly base?: number; readonly nodes: readonly ModelImport[] } }

export interface ModelImport {
  readonly path: string
  readonly data: Uint8Array | null
  readonly version?: number
  readonly creates?: number
  readonly czxid?: number
  readonly pzxid?: number
  readonly container?: boolean
  readonly ttlMs?: number
}

export type ModelEvent = readonly [kind: string, path: string, acl?: unknown]

class Refused extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

const OPEN: Acl = [[31, 'world', 'anyone']]
const system = ['/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota']

export class TreeModel {
  base = 0
  nodes = new Map<string, ModelNode>()
  events: ModelEvent[] = []
  #zxid = 0
  #time = 0
  #wall = 0
  #session = -1
  #who: Who = []

  constructor() {
    for (const path of system) this.nodes.set(path, { ...fresh(), data: new Uint8Array(0) })
    const config = this.nodes.get('/zookeeper/config')
    if (config !== undefined) Object.assign(config, { acl: [[1, 'world', 'anyone']], aversion: -1 })
  }

  /** One entry: what is due goes first, then `run`. */
  entry(position: number, time: number, wall: number, run: () => void = () => undefined): void {
    Object.assign(this, { events: [] })
    this.#zxid = this.base + position + 1
    this.#time = time
    this.#wall = wall
    this.#fire()
    run()
  }

  /** Runs ops as one step; gives the result of each, or the code of the first that fails. */
  step(session: number, who: Who, ops: readonly ModelOp[]): unknown[] | { code: string; part: number } {
    const before = { nodes: structuredClone(this.nodes), events: this.events.length, base: this.base }
    this.#session = session
    this.#who = who
    const results: unknown[] = []
    try {
      for (const op of ops) results.push(this.#run(op))
      return results
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown
      this.nodes = before.nodes
      this.base = before.base
      this.events.length = before.events
      return { code: thrown.code, part: results.length }
    }
  }

  /** The end of a session. */
  end(session: number): void {
    const owned = [...this.nodes].filter(([, node]) => node.owner === session).map(([path]) => path)
    for (const path of owned.sort()) this.#remove(path)
  }

  children(path: string): string[] {
    const front = path === '/' ? '/' : `${path}/`
    return [...this.nodes.keys()]
      .filter((one) => one !== '/' && one.startsWith(front) && !one.slice(front.length).includes('/'))
      .map((one) => one.slice(front.length))
      .sort()
  }

  stat(path: string): Record<string, number> {
    const node = this.#get(path)
    const numChildren = this.children(path).length
    const { czxid, mzxid, pzxid, ctime, mtime, version, aversion, owner, data } = node
    return {
      czxid,
      mzxid,
      pzxid,
      ctime,
      mtime,
      version,
      cversion: int32(2 * node.creates - numChildren),
      aversion,
      ephemeralOwner: owner === undefined ? 0 : this.base + owner + 1,
      dataLength: data?.length ?? 0,
      numChildren,
    }
  }

  #run({ op, input }: ModelOp): unknown {
    switch (op) {
      case 'create':
        return this.#create(input)
      case 'delete':
        return this.#delete(input.path, input.version)
      case 'check': {
        const node = this.#valid(input.path)
        this.#may(node, 1)
        return sameVersion(node.version, input.version)
      }
      case 'set':
        return this.#set(input)
      case 'setAcl':
        return this.#setAcl(input)
      case 'deleteAll':
        return this.#deleteAll(input)
      case 'import':
        return this.#import(input)
      default:
        return op satisfies never
    }
  }

  #create({
    path,
    data,
    ephemeral = false,
    sequential = false,
    kind = 'plain',
    ttlMs,
    acl = OPEN,
  }: Extract<ModelOp, { op: 'create' }>['input']): unknown {
    if (ephemeral && kind !== 'plain') throw new Refused('BAD_ARGUMENTS')
    if (kind === 'ttl' ? ttlMs === undefined || ttlMs < 1 || ttlMs >= 2 ** 40 : ttlMs !== undefined) {
      throw new Refused('BAD_ARGUMENTS')
    }
    if (!path.includes('/') || path.includes('\0')) throw new Refused('BAD_ARGUMENTS')
    const fixed = fixUp(acl, this.#who)
    const parentPath = above(path)
    const parent = this.#get(parentPath)
    this.#may(parent, 4)
    const full = sequential ? path + suffix(parent.creates) : path
    if (!isValid(full)) throw new Refused('BAD_ARGUMENTS')
    if (this.nodes.has(full)) throw new Refused('NODE_EXISTS')
    if (parent.owner !== undefined) throw new Refused('NO_CHILDREN_FOR_EPHEMERALS')
    const owner = ephemeral ? this.#session : undefined
    this.#add(full, { ...this.#born(), data, acl: fixed, kind, owner, ttlMs: ttlMs ?? 0 })
    return { path: full, stat: this.stat(full) }
  }

  #born(): ModelNode {
    const [zxid, wall] = [this.#zxid, this.#wall]
    return { ...fresh(), setAt: this.#time, czxid: zxid, mzxid: zxid, pzxid: zxid, ctime: wall, mtime: wall }
  }

  #add(path: string, node: ModelNode, isImported = false): void {
    this.nodes.set(path, node)
    if (node.kind === 'ttl') node.due = node.setAt + node.ttlMs
    this.#emit('created', path, node)
    const parent = this.#get(above(path))
    if (!isImported || !parent.isCounted) {
      parent.creates = int32(parent.creates + 1)
      parent.pzxid = this.#zxid
      parent.isCounted = false
    }
    parent.due = undefined
    this.#emit('childrenChanged', above(path), parent)
  }

  #remove(path: string): void {
    const node = this.#get(path)
    this.nodes.delete(path)
    this.#emit('deleted', path, node)
    const parent = this.#get(above(path))
    parent.pzxid = this.#zxid
    parent.isCounted = false
    if (this.children(above(path)).length === 0) {
      // As ZooKeeper has it, by the count of creates: one that has come to 0 again is as never used.
      if (parent.kind === 'container' && parent.creates !== 0) parent.due = this.#time + 60_000
      if (parent.kind === 'ttl') parent.due = Math.max(parent.setAt + parent.ttlMs, this.#time)
      if (parent.due === this.#time) parent.due = this.#time + 60_000
    }
    this.#emit('childrenChanged', above(path), parent)
  }

  #delete(path: string, version: number): undefined {
    if (!path.includes('/') || path.includes('\0') || system.includes(path)) throw new Refused('BAD_ARGUMENTS')
    this.#may(this.#get(above(path)), 8)
    const node = this.#get(path)
    sameVersion(node.version, version)
    if (this.children(path).length > 0) throw new Refused('NOT_EMPTY')
    this.#remove(path)
  }

  #set({ path, data, version }: Extract<ModelOp, { op: 'set' }>['input']): unknown {
    const node = this.#valid(path)
    this.#may(node, 2)
    sameVersion(node.version, version)
    node.data = data
    node.version = after(node.version)
    node.mzxid = this.#zxid
    node.mtime = this.#wall
    node.setAt = this.#time
    if (node.kind === 'ttl' && this.children(path).length === 0) node.due = node.setAt + node.ttlMs
    this.#emit('changed', path, node)
    return this.stat(path)
  }

  #setAcl({ path, acl, version }: Extract<ModelOp, { op: 'setAcl' }>['input']): unknown {
    if (!isValid(path)) throw new Refused('BAD_ARGUMENTS')
    const fixed = fixUp(acl, this.#who)
    const node = this.#get(path)
    this.#may(node, 16)
    sameVersion(node.aversion, version)
    node.acl = fixed
    node.aversion = after(node.aversion)
    return this.stat(path)
  }

  #deleteAll({ paths, subtree }: Extract<ModelOp, { op: 'deleteAll' }>['input']): number {
    let deleted = 0
    for (const path of paths) {
      if (!path.includes('/') || path.includes('\0') || system.includes(path)) throw new Refused('BAD_ARGUMENTS')
      for (const one of subtree ? this.#below(path) : [path]) {
        if (!this.nodes.has(one) || this.children(one).length > 0) continue
        this.#may(this.#get(above(one)), 8)
        this.#remove(one)
        deleted++
      }
    }
    return deleted
  }

  /** A node and all below it, the last name first. */
  #below(path: string): string[] {
    if (!this.nodes.has(path)) return []
    const names = this.children(path).toReversed()
    return [...names.flatMap((name) => this.#below(`${path}/${name}`)), path]
  }

  #import({ base, nodes }: Extract<ModelOp, { op: 'import' }>['input']): number {
    if (base !== undefined && base !== this.base) throw new Refused('BAD_ARGUMENTS')
    for (const { path, data, version = 0, creates, czxid, pzxid, container = false, ttlMs } of nodes) {
      if (!isValid(path) || Math.max(czxid ?? 0, pzxid ?? 0) > this.#zxid) throw new Refused('BAD_ARGUMENTS')
      const parent = this.#get(above(path))
      this.#may(parent, 4)
      if (this.nodes.has(path)) throw new Refused('NODE_EXISTS')
      if (parent.owner !== undefined) throw new Refused('NO_CHILDREN_FOR_EPHEMERALS')
      const kind = container ? 'container' : ttlMs === undefined ? 'plain' : 'ttl'
      const node: ModelNode = { ...this.#born(), data, version, kind, ttlMs: ttlMs ?? 0 }
      if (czxid !== undefined) node.czxid = czxid
      node.pzxid = pzxid ?? node.czxid
      node.creates = creates ?? 0
      node.isCounted = creates !== undefined || (pzxid !== undefined && pzxid !== czxid)
      this.#add(path, node, true)
      if (container && node.creates !== 0) node.due = this.#time + 60_000
    }
    return nodes.length
  }

  #fire(): void {
    const due = [...this.nodes].filter(([, node]) => (node.due ?? Infinity) <= this.#time)
    due.sort(([a, { due: first = 0 }], [b, { due: second = 0 }]) => first - second || (a < b ? -1 : 1))
    for (const [path, node] of due) {
      node.due = undefined
      if (this.children(path).length === 0) this.#remove(path)
    }
  }

  #get(path: string): ModelNode {
    const node = this.nodes.get(path)
    if (node === undefined) throw new Refused('NO_NODE')
    return node
  }

  #valid(path: string): ModelNode {
    if (!isValid(path)) throw new Refused('BAD_ARGUMENTS')
    return this.#get(path)
  }

  #may({ acl }: ModelNode, wanted: number): void {
    if (!isAllowed(acl, this.#who, wanted)) throw new Refused('NO_AUTH')
  }

  #emit(kind: string, path: string, { acl }: ModelNode): void {
    this.events.push(JSON.stringify(acl) === JSON.stringify(OPEN) ? [kind, path] : [kind, path, acl])
  }
}

const fresh = (): ModelNode => ({
  data: null,
  acl: OPEN,
  kind: 'plain',
  owner: undefined,
  ttlMs: 0,
  setAt: 0,
  due: undefined,
  isCounted: false,
  creates: 0,
  czxid: 0,
  mzxid: 0,
  pzxid: 0,
  ctime: 0,
  mtime: 0,
  version: 0,
  aversion: 0,
})

const int32 = (value: number): number => Number(BigInt.asIntN(32, BigInt(value)))
const after = (version: number): number => (version === -2 ? 0 : int32(version + 1))

function suffix(creates: number): string {
  const digits = String(Math.abs(creates))
  const sign = creates < 0 ? '-' : ''
  return sign + '0'.repeat(Math.max(0, 10 - sign.length - digits.length)) + digits
}

function above(path: string): string {
  const parts = path.split('/')
  parts.pop()
  return parts.join('/') || '/'
}

function isValid(path: string): boolean {
  if (path === '/') return true
  const [first, ...parts] = path.split('/')
  if (first !== '' || parts.length === 0 || parts.some((part) => ['', '.', '..'].includes(part))) return false
  const isOdd = (code: number): boolean =>
    code <= 0x1f || (code >= 0x7f && code <= 0x9f) || (code >= 0xd800 && code <= 0xf8ff) || code >= 0xfff0
  for (let i = 0; i < path.length; i++) if (isOdd(path.charCodeAt(i))) return false
  return true
}

function sameVersion(version: number, wanted: number): undefined {
  if (wanted !== -1 && wanted !== version) throw new Refused('BAD_VERSION')
}

function fixUp(wanted: unknown, who: Who): Acl {
  if (!Array.isArray(wanted) || wanted.length === 0) throw new Refused('INVALID_ACL')
  const fixed: Acl = []
  for (const entry of [...new Map(wanted.map((one: unknown) => [JSON.stringify(one), one])).values()]) {
    if (!Array.isArray(entry)) throw new Refused('INVALID_ACL')
    const [bits, scheme, id]: unknown[] = entry
    if (typeof bits !== 'number' || typeof scheme !== 'string' || typeof id !== 'string') {
      throw new Refused('INVALID_ACL')
    }
    if (scheme === 'auth') {
      const own = who.filter(([one]) => one === 'digest' || one === 'x509' || one === 'sasl')
      if (own.length === 0) throw new Refused('INVALID_ACL')
      for (const [one, name] of own) fixed.push([bits, one, name])
      continue
    }
    const isGood =
      (scheme === 'world' && id === 'anyone')
      || (scheme === 'digest' && id.split(':').length === 2 && !id.endsWith(':'))
      || (scheme === 'ip' && network(id) !== undefined)
    if (!isGood) throw new Refused('INVALID_ACL')
    fixed.push([bits, scheme, id])
  }
  return fixed
}

function isAllowed(acl: Acl, who: Who, wanted: number): boolean {
  if (acl.length === 0 || who.some(([scheme]) => scheme === 'super')) return true
  for (const [bits, scheme, id] of acl) {
    if ((bits & wanted) === 0) continue
    if (scheme === 'world') return true
    for (const [one, name] of who) {
      if (one === scheme && (scheme === 'ip' ? isWithin(name, id) : name === id)) return true
    }
  }
  return false
}

/** Version 4 only: the first and the last address of a network. */
function network(id: string): readonly [number, number] | undefined {
  const [address = '', bits = '32'] = id.split('/')
  const parts = address.split('.').map(Number)
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255)) || !(Number(bits) <= 32)) return undefined
  const value = parts.reduce((sum, part) => sum * 256 + part, 0)
  const size = 2 ** (32 - Number(bits))
  const first = value - (value % size)
  return [first, first + size - 1]
}

function isWithin(address: string, id: string): boolean {
  const [one, all] = [network(address), network(id)]
  return one !== undefined && all !== undefined && one[0] >= all[0] && one[0] <= all[1]
}
