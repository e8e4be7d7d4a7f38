/**
 * Access lists of nodes: which ones may be set, what they allow whom, what of them is shown.
 *
 * Pure functions of a list and of the caller's identities. Read next: `type.ts`, `addresses.ts`.
 * @source ZooKeeper 3.9.5 PrepRequestProcessor.fixupACL, ZooKeeperServer.checkACL.
 */
import { sha1Base64 } from '../../log/bytes/hash.ts'
import type { Identity } from '../../sequencer/session-entry.ts'
import type { Check } from '../runtime/fields.ts'
import { addressOf, isInNetwork, networkOf } from './addresses.ts'

/** Allows something to whoever has an identity: bits of `bits`, scheme, id. */
export type AclEntry = readonly [bits: number, scheme: string, id: string]
/** What a node allows whom. */
export type Acl = readonly AclEntry[]

/** What an entry may allow. */
export const bits = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const

/** Everybody may do everything: what a node has unless told. */
export const OPEN: Acl = [[bits.all, 'world', 'anyone']]
/** Everybody may read. */
export const READABLE: Acl = [[bits.read, 'world', 'anyone']]

/** Entries of one list, and characters of an id: what an opening allows an identity. */
export const ACL_MAX = 1_024
const ID_MAX = 1_024

/** Schemes of identities, whether they prove who somebody is, and which ids an entry may have. */
const schemes: ReadonlyMap<string, { readonly proves: boolean; readonly isValid: (id: string) => boolean }> = new Map([
  ['digest', { proves: true, isValid: (id: string) => /^[^:]*:[^:]+$/.test(id) }],
  ['ip', { proves: false, isValid: (id: string) => networkOf(id) !== undefined }],
  ['sasl', { proves: true, isValid: (id: string) => id !== '' }],
  ['x509', { proves: true, isValid: (id: string) => id !== '' }],
])

/** Whether a value has the form of an entry, whatever it says. */
export const isAclEntry: Check = (value) =>
  Array.isArray(value)
  && value.length === 3
  && Number.isInteger(value[0])
  && Math.abs(Number(value[0])) <= 2 ** 31
  && typeof value[1] === 'string'
  && typeof value[2] === 'string'
  && value[2].length <= ID_MAX

const isEntry = (value: unknown): value is AclEntry => isAclEntry(value)

/**
 * The list that a node gets where a caller asks for this one: without doubles, and with the caller's own identities in
 * place of `auth`. `undefined`: it is none.
 */
export function fixedUp(wanted: unknown, ids: readonly Identity[]): Acl | undefined {
  if (!Array.isArray(wanted) || wanted.length === 0 || wanted.length > ACL_MAX) return undefined
  const fixed: AclEntry[] = []
  for (const entry of distinct(wanted)) {
    if (!isEntry(entry)) return undefined
    const [allowed, scheme, id] = entry
    const isWorld = scheme === 'world' && id === 'anyone'
    const own = scheme === 'auth' ? ids.filter(([one]) => schemes.get(one)?.proves === true) : undefined
    if (own?.length === 0) return undefined
    if (own !== undefined) fixed.push(...own.map(([one, name]): AclEntry => [allowed, one, name]))
    else if (isWorld || schemes.get(scheme)?.isValid(id) === true) fixed.push([allowed, scheme, id])
    else return undefined
  }
  return fixed.length > ACL_MAX ? undefined : fixed
}

function distinct(entries: readonly unknown[]): unknown[] {
  const known = new Set<string>()
  return entries.filter((entry) => {
    const text = JSON.stringify(entry)
    const isNew = !known.has(text)
    known.add(text)
    return isNew
  })
}

/** Whether a list allows one of the `wanted` bits to a caller. An empty one allows everything. */
export function isAllowed(acl: Acl, ids: readonly Identity[], wanted: number): boolean {
  if (acl === OPEN || acl.length === 0 || ids.some(([scheme]) => scheme === 'super')) return true
  return acl.some(([allowed, scheme, id]) => {
    if ((allowed & wanted) === 0) return false
    if (scheme === 'world') return id === 'anyone'
    return ids.some(([one, name]) => one === scheme && matches(scheme, id, name))
  })
}

function matches(scheme: string, id: string, name: string): boolean {
  if (scheme !== 'ip') return id === name
  const [network, address] = [networkOf(id), addressOf(name)]
  return network !== undefined && address !== undefined && isInNetwork(address, network)
}

/** The list as a caller sees it: without the right to change it, passwords are an x. */
export function shownTo(acl: Acl, ids: readonly Identity[]): Acl {
  if (isAllowed(acl, ids, bits.admin)) return acl
  return acl.map((entry): AclEntry => {
    const [allowed, scheme, id] = entry
    return scheme === 'digest' ? [allowed, scheme, `${id.slice(0, id.indexOf(':'))}:x`] : entry
  })
}

export const isSame = (a: Acl, b: Acl): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)

/** The identity that a user and a password stand for. */
export const digestIdentity = (user: string, password: string): Identity => [
  'digest',
  `${user}:${sha1Base64(`${user}:${password}`)}`,
]
