/**
 * Addresses of S3 stores: `s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu-central-1`.
 *
 * They hold no secret: keys of access come from the environment. Read next: `s3-blobs.ts`.
 */
import { SirtakiError } from '../errors.ts'

/** Where blobs are. */
export interface S3Place {
  readonly bucket: string
  /** What all keys begin with, without slashes around it; '': nothing. */
  readonly prefix: string
  /** The server's URL, for stores other than Amazon's. */
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
}

/** Takes an address apart. @throws SirtakiError `BAD_ADDRESS` with what is wrong and what would be right. */
export function parseS3(address: string): S3Place {
  const match = /^s3:\/\/([^/?#]*)(\/[^?#]*)?(?:\?(.*))?$/.exec(address)
  if (match === null) throw bad(address, 'write s3://bucket/prefix, for other servers with ?endpoint=URL')
  const [, bucket = '', path = '', query = ''] = match
  const options = new URLSearchParams(query)
  const odd = [...options.keys()].find((name) => name !== 'endpoint' && name !== 'region')
  if (odd !== undefined) throw bad(address, `"${odd}" is no option of it: there are endpoint and region`)
  const endpoint = options.get('endpoint') ?? undefined
  const region = options.get('region') ?? undefined
  return requireS3({ bucket, prefix: path, endpoint, region }, address)
}

/** Checks a place and gives its prefix without slashes around it. @throws SirtakiError `BAD_ADDRESS`. */
export function requireS3(place: S3Place, address = formatS3(place)): S3Place {
  const { bucket, endpoint, region } = place
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw bad(address, `"${bucket}" is no bucket: 3 to 63 lower-case letters, digits, dots and hyphens`)
  }
  const prefix = place.prefix.replace(/^\/+|\/+$/g, '')
  if (!/^[A-Za-z0-9._/-]*$/.test(prefix) || prefix.includes('//')) {
    throw bad(address, `"${prefix}" is no prefix: letters, digits, ".", "_", "-" and "/"`)
  }
  if (endpoint !== undefined && !isServer(endpoint)) {
    throw bad(address, `the endpoint "${endpoint}" is no URL of a server: write http://host:port or https://host`)
  }
  if (region === '') throw bad(address, 'its region is empty')
  return { bucket, prefix, endpoint, region }
}

/** The address of a place. */
export function formatS3({ bucket, prefix, endpoint, region }: S3Place): string {
  const options = [
    ...(endpoint === undefined ? [] : [`endpoint=${endpoint}`]),
    ...(region === undefined ? [] : [`region=${region}`]),
  ]
  return `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}${options.length === 0 ? '' : `?${options.join('&')}`}`
}

function isServer(endpoint: string): boolean {
  if (!URL.canParse(endpoint)) return false
  const { protocol, username, password, search, hash } = new URL(endpoint)
  return /^https?:$/.test(protocol) && username + password + search + hash === ''
}

const bad = (address: string, reason: string): SirtakiError =>
  new SirtakiError('BAD_ADDRESS', `the address "${address}" cannot be used: ${reason}`, { facts: { address } })
