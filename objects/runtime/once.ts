/**
 * Idempotency keys: what an op or a transaction with a key came to, kept with its first object, in its table `$once`.
 *
 * Asked again with its key, it is not run again and has the result it had. Refusals are not kept. Keeps: O4. Read next:
 * `space.ts`.
 */
import type { Entry } from '../../log/entry.ts'
import { invariant } from '../../log/errors.ts'
import { WAITING } from './context.ts'
import { hashText, hexOf } from './digest.ts'
import type { OpEntry, Part } from './entry.ts'
import type { AnyObject } from './object-type.ts'
import { Rejection } from './rejection.ts'

/** Keys of one object, and for how long they are known. */
const KEYS_MAX = 100_000
const KEY_MS = 24 * 3_600_000
/** Characters of results that are kept with their key. */
const KEPT_RESULT_MAX = 4_096

/** A key, what it is used for, and where. */
export interface UsedKey {
  readonly key: string
  readonly hash: string
  readonly entry: Entry
}

/** Hashes what a key is used for: for each part op, type, object and input. */
export function hashOf(payload: Uint8Array, decoded: OpEntry): string {
  const inputOf = ({ inputFrom, to }: Part): string => {
    let text = ''
    for (let i = inputFrom; i < to; i++) text += String.fromCharCode(payload[i] ?? 0)
    return text
  }
  const parts = decoded.kind === 'op' ? [decoded.part] : decoded.parts
  const all = parts.map((part) => [part.what.what, part.object, inputOf(part)])
  return hexOf(hashText(JSON.stringify([decoded.kind, all])))
}

/**
 * Gives the results of the parts that the key stands for already; `undefined`: it is new.
 *
 * @throws Rejection `KEY_REUSED` when it was used for something else, or its results were not kept.
 */
export function knownResults(
  object: AnyObject | undefined,
  { key, hash, entry }: UsedKey,
): readonly unknown[] | undefined {
  const known = object?.once.get(key)
  if (known === undefined || known.time + KEY_MS < entry.logTime) return undefined
  const { position: appliedAt, results } = known
  if (known.hash !== hash) throw new Rejection('KEY_REUSED', { key, appliedAt })
  if (results !== undefined) return readResults(results)
  throw new Rejection('KEY_REUSED', { key, appliedAt, reason: 'it was applied; its result was not kept' })
}

/**
 * Keeps results with the object, if there still is one, and forgets what is old.
 *
 * @throws Rejection `BAD_ARGUMENT` for an op that waits.
 */
export function keepResults(
  object: AnyObject | undefined,
  { key, hash, entry }: UsedKey,
  results: readonly unknown[],
): void {
  if (results[0] === WAITING) throw new Rejection('BAD_ARGUMENT', { reason: 'an op that waits takes no key' })
  if (object === undefined) return
  const { once } = object
  for (let oldest = once.oldest(); oldest !== undefined; oldest = once.oldest()) {
    const isOld = oldest[1].time + KEY_MS < entry.logTime
    if (!isOld && once.size < KEYS_MAX) break
    once.delete(oldest[0])
  }
  once.delete(key)
  const { position, logTime: time } = entry
  const text = resultsText(results)
  once.set(key, { time, hash, position, ...(text === undefined ? {} : { results: text }) })
}

/** Results as they are kept; `undefined` where they are too large, or hold bytes, which JSON has not. */
function resultsText(results: readonly unknown[]): string | undefined {
  let hasBytes = false
  const all = results.map((one) => (one === undefined ? [] : [one]))
  const text = JSON.stringify(all, (_key, value: unknown) => {
    hasBytes ||= value instanceof Uint8Array
    return value
  })
  return hasBytes || text.length > KEPT_RESULT_MAX ? undefined : text
}

function readResults(text: string): unknown[] {
  const all: unknown = JSON.parse(text)
  invariant(Array.isArray(all), 'O4', { text })
  return all.map((one: unknown) => (Array.isArray(one) ? one[0] : undefined))
}
