/**
 * Addresses of the real transport: `host:port`, `[::1]:port` and `unix:PATH`.
 *
 * Read next: `net-transport.ts`.
 */
import { SirtakiError } from '../errors.ts'

/** An address that makes sense; port 0 asks a listener for any free one. */
export type NetAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** `sun_path` holds 108 bytes with its final zero; the system would cut a longer path off. */
const UNIX_PATH_BYTES_MAX = 107

/**
 * Takes an address apart.
 *
 * @throws SirtakiError `BAD_ADDRESS` with what is wrong and what would be right.
 */
export function parseAddress(address: string): NetAddress {
  if (address.startsWith('unix:')) return parseUnix(address, address.slice('unix:'.length))
  const colon = address.lastIndexOf(':')
  if (colon < 0) throw bad(address, 'it has no port: write host:port, [::1]:port or unix:PATH')
  const host = parseHost(address, address.slice(0, colon))
  const port = address.slice(colon + 1)
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw bad(address, `${port === '' ? 'nothing' : `"${port}"`} is no port: a port is a number up to 65535`)
  }
  return { kind: 'tcp', host, port: Number(port) }
}

function parseUnix(address: string, path: string): NetAddress {
  if (path === '' || path.includes('\0')) throw bad(address, 'it has no path: write unix:PATH')
  const bytes = Buffer.byteLength(path)
  if (bytes > UNIX_PATH_BYTES_MAX) {
    throw bad(
      address,
      `its path has ${bytes} bytes, a socket's may have ${UNIX_PATH_BYTES_MAX}: use a shorter folder or a `
        + 'relative path',
    )
  }
  return { kind: 'unix', path }
}

function parseHost(address: string, host: string): string {
  const inner = /^\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]$/.exec(host)?.[1]
  if (inner?.includes(':') === true) return inner
  if (host === '') {
    throw bad(address, 'it has no host: write 127.0.0.1 for this machine, 0.0.0.0 for all its interfaces')
  }
  if (host.includes('://')) throw bad(address, 'it has a scheme: write only host:port')
  if (/^[0-9a-fA-F:.]+$/.test(host) && host.includes(':')) {
    throw bad(address, 'an IPv6 address stands in brackets: [::1]:port')
  }
  if (!/^[\w.-]+$/.test(host)) throw bad(address, `"${host}" is no host`)
  return host
}

const bad = (address: string, reason: string): SirtakiError =>
  new SirtakiError('BAD_ADDRESS', `the address "${address}" cannot be used: ${reason}`, { facts: { address } })

/** An address of TCP as text. */
export const formatTcp = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
