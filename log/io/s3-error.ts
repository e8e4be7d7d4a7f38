/**
 * What an S3 server or the SDK says when a call fails, as our errors: whether another try may succeed, and what to do.
 *
 * Read next: `s3-blobs.ts`.
 * @source Amazon S3 API reference, "Error responses".
 */
import { SirtakiError } from '../errors.ts'

/** What an S3 server's refusal says to do. By the names of the protocol; servers give the status, not all the name. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ['NoSuchBucket', 'make the bucket, or name another one'],
  ['AccessDenied', 'the keys of access need the rights to get, put, list and delete below the prefix'],
  ['InvalidAccessKeyId', 'the store does not know the access key: check AWS_ACCESS_KEY_ID'],
  ['SignatureDoesNotMatch', 'the secret of the access key is wrong: check AWS_SECRET_ACCESS_KEY'],
  ['ExpiredToken', 'the session token has expired: get a new one'],
  ['PermanentRedirect', 'the bucket is in another region: name it with region=...'],
  ['AuthorizationHeaderMalformed', 'the bucket is in another region: name it with region=...'],
  ['IllegalLocationConstraintException', 'the bucket is in another region: name it with region=...'],
  ['CredentialsProviderError', 'no keys of access were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'],
  ['RequestTimeTooSkewed', 'the clock of this machine is off: set it'],
  ['XMinioStorageFull', 'the disk of the store is full: make room'],
])
/** Refusals that a later try may not meet. */
const PASSING = new Set(['SlowDown', 'ServiceUnavailable', 'InternalError', 'RequestTimeout', 'OperationAborted'])

/** Whether something is under the key: 412, or 409 where two put it at once (P40). */
export function isConflict(thrown: unknown): boolean {
  const { name, status } = seen(thrown)
  return status === 412 || name === 'PreconditionFailed' || name === 'ConditionalRequestConflict'
}

/** Whether nothing is under the key. A bucket that is missing answers 404 too, by another name. */
export function isAbsent(thrown: unknown): boolean {
  const { name, status } = seen(thrown)
  return name === 'NoSuchKey' || (status === 404 && name !== 'NoSuchBucket')
}

/** The error of a call to the store at `address`. */
export function s3Error(thrown: unknown, address: string): SirtakiError {
  if (thrown instanceof SirtakiError) return thrown
  const { name, status, code, text } = seen(thrown)
  const facts = { address, ...(status === undefined ? {} : { status }), reason: name }
  const make = (kind: 'UNREACHABLE' | 'OVERLOADED' | 'FULL' | 'BLOBS_REFUSED', said: string): SirtakiError =>
    new SirtakiError(kind, `the blob store ${address} ${said}`, { cause: thrown, facts })
  if (status === 507 || /StorageFull/i.test(name)) return make('FULL', `is full (${text}): make room`)
  const advice = ADVICE.get(name)
  if (advice !== undefined) return make('BLOBS_REFUSED', `refused (${name}): ${advice}`)
  if (status === 501 || name === 'NotImplemented') {
    return new SirtakiError('UNSUPPORTED', `the blob store ${address} cannot do that: ${text}`, {
      cause: thrown,
      facts,
    })
  }
  if (PASSING.has(name) || status === 429 || (status !== undefined && status >= 500)) {
    return make('OVERLOADED', `is not available at present (${status ?? name}: ${text})`)
  }
  if (status !== undefined && status >= 300) return make('BLOBS_REFUSED', `refused (${status} ${name}): ${text}`)
  return make('UNREACHABLE', `does not answer: ${code === undefined ? text : `${code} ${text}`.trim()}`)
}

/** What is known of an error of the SDK, of Node or of a server. */
function seen(thrown: unknown): {
  readonly name: string
  readonly status: number | undefined
  readonly code: string | undefined
  readonly text: string
} {
  const error = typeof thrown === 'object' && thrown !== null ? thrown : {}
  const name = 'name' in error && typeof error.name === 'string' ? error.name : 'Error'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  const metadata = '$metadata' in error ? error.$metadata : undefined
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : undefined
  return { name, status: typeof status === 'number' ? status : undefined, code, text }
}
