/**
 * Addresses and networks of ACLs with the scheme `ip`: version 4 and 6, with or without `/bits`.
 *
 * Pure. Read next: `acl.ts`.
 * @source ZooKeeper 3.9.5 IPAuthenticationProvider.
 */

/** A network: an address of 4 or 16 bytes, of which so many bits count. */
export interface Network {
  readonly address: readonly number[]
  readonly bits: number
}

/** Reads `address` or `address/bits`; `undefined` for what is none. */
export function networkOf(text: string): Network | undefined {
  const slash = text.indexOf('/')
  const address = addressOf(slash < 0 ? text : text.slice(0, slash))
  if (address === undefined) return undefined
  const all = address.length * 8
  if (slash < 0) return { address, bits: all }
  const digits = text.slice(slash + 1)
  return /^\d{1,3}$/.test(digits) && Number(digits) <= all ? { address, bits: Number(digits) } : undefined
}

/** Whether an address stands in a network. */
export function isInNetwork(address: readonly number[], network: Network): boolean {
  if (address.length !== network.address.length) return false
  return address.every((byte, i) => {
    const bits = Math.min(8, Math.max(0, network.bits - 8 * i))
    return ((byte ^ (network.address[i] ?? 0)) & (0xff << (8 - bits)) & 0xff) === 0
  })
}

/** The bytes of an address; `undefined` for what is none. */
export const addressOf = (text: string): number[] | undefined => (text.includes(':') ? bytesOf6(text) : bytesOf4(text))

function bytesOf4(text: string): number[] | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  if (!parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return undefined
  return parts.map(Number)
}

function bytesOf6(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [front, back] = halves.map((half) => groupsOf(half))
  if (front === undefined || (halves.length === 2 && back === undefined)) return undefined
  const missing = 16 - front.length - (back?.length ?? 0)
  // '::' stands for one group at least.
  if (back === undefined ? missing !== 0 : missing < 2) return undefined
  return [...front, ...Array<number>(missing).fill(0), ...(back ?? [])]
}

/** The bytes of groups between colons, of which the last may be an address of version 4. */
function groupsOf(text: string): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [i, group] of groups.entries()) {
    const isLast = i === groups.length - 1
    const value = isLast && group.includes('.') ? bytesOf4(group) : groupOf(group)
    if (value === undefined) return undefined
    bytes.push(...value)
  }
  return bytes
}

const groupOf = (group: string): number[] | undefined =>
  /^[0-9a-fA-F]{1,4}$/.test(group) ? [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff] : undefined
