/**
 * Ops that the runtime runs on any object, whatever its type: what a transaction guards, a wait given up, an object
 * dropped, a version made active.
 *
 *     $unchanged [[table, key, modified | null], ...]     $range [table, from, to | null, count, modified]
 *     $cancel {op}      $drop {}      $activate {type, version}  (on /.sirtaki)
 *
 * They never make an object. Keeps: O2 (a guard is an op that rejects), O7. Read next: `space.ts`, `../transaction.ts`.
 */
import type { Session } from '../../sequencer/session-entry.ts'
import { encodeTarget } from './entry.ts'
import { any, count, fields, integerIn, list, text, type Guard } from './fields.ts'
import { sortedKeys, type RowStore } from './row.ts'
import type { AnyObject } from './object-type.ts'
import { RowTable } from './records.ts'
import { Rejection } from './rejection.ts'
import type { SystemRecords } from './system-records.ts'
import type { Input } from './values.ts'

/** The type of these ops in an entry. */
export const RUNTIME_TYPE = '$'
/** Records that one guard may name. */
export const GUARDED_MAX = 65_536

/** A record and the position that last changed it; null: there is none. */
export type Unchanged = readonly (readonly [table: string, key: string, modified: number | null])[]
/** A part of a table, `to` exclusive: how many records it has and the highest position that changed one; -1: none. */
export type Range = readonly [table: string, from: string, to: string | null, count: number, modified: number]

/** Encodes such an op on an object: the beginning of a part. @throws SirtakiError `BAD_ARGUMENT`. */
export const runtimeTarget = (op: string, object: string): Uint8Array =>
  encodeTarget({ type: RUNTIME_TYPE, version: 0, op }, object)

/** What such an op works with. */
export interface RuntimeScope {
  /** The object, if there is one. */
  readonly object: AnyObject | undefined
  readonly system: SystemRecords
  /** All live sessions. */
  readonly sessions: () => readonly Session[]
}

const isCancel = fields<{ op: number }>({ op: count })
const isActivate = fields<{ type: string; version: number }>({ type: text(128), version: integerIn(1, 0xffff_ffff) })
const isUnchanged = ((): Guard<Unchanged> => {
  const isAll = list((one) => Array.isArray(one) && one.length === 3 && one.slice(0, 2).every(isText), GUARDED_MAX)
  return (input): input is Unchanged => isAll(input)
})()
const isRange = (input: unknown): input is Range =>
  Array.isArray(input)
  && input.length === 5
  && isText(input[0])
  && isText(input[1])
  && (input[2] === null || isText(input[2]))
  && any(input[3])
const isText = (value: unknown): boolean => typeof value === 'string'

/** Runs one in an open step. @throws Rejection. */
export function runRuntimeOp(op: string, input: Input, scope: RuntimeScope): void {
  const { object } = scope
  if (op === '$cancel' && isCancel(input)) object?.cancel(input.op)
  else if (op === '$drop') drop(object)
  else if (op === '$unchanged' && isUnchanged(input)) requireUnchanged(input, object)
  else if (op === '$range' && isRange(input)) requireRange(input, object)
  else if (op === '$activate' && isActivate(input)) activate(input, scope)
  else throw new Rejection('BAD_ARGUMENT', { reason: `${op} does not accept the input` })
}

function drop(object: AnyObject | undefined): void {
  if (object === undefined) return
  if (object.owned > 0) throw new Rejection('NOT_EMPTY', { owned: object.owned })
  // In the order of keys, which is part of what follows: in memory they stand in another one behind a checkpoint.
  for (const store of object.stores()) for (const key of sortedKeys(store)) store.delete(key)
}

function requireUnchanged(records: Unchanged, object: AnyObject | undefined): void {
  for (const [table, key, modified] of records) {
    const is = object?.store(table)?.row(key)?.modified ?? null
    if (is !== modified) throw new Rejection('CONFLICT', { table, key, wanted: modified, modified: is })
  }
}

function requireRange([table, from, to, wanted, modified]: Range, object: AnyObject | undefined): void {
  const is = rangeOf(object?.store(table), from, to ?? undefined)
  if (is.count === wanted && is.modified === modified) return
  throw new Rejection('CONFLICT', { table, from, to, count: is.count, modified: is.modified })
}

/** What `$range` compares: any record inserted, changed or deleted in the range changes one of the two. */
export function rangeOf(
  store: RowStore | undefined,
  from: string,
  to: string | undefined,
): { readonly count: number; readonly modified: number } {
  let records = 0
  let modified = -1
  if (store instanceof RowTable) {
    for (const [key] of store.range(from, to)) {
      records++
      modified = Math.max(modified, store.row(key)?.modified ?? -1)
    }
  }
  return { count: records, modified }
}

function activate({ type, version }: { type: string; version: number }, { system, sessions }: RuntimeScope): void {
  const active = system.active(type) ?? 0
  if (version < active) throw new Rejection('OLD_CODE', { type, version, active })
  requireAnnounced({ type, version, active }, sessions())
  system.activate(type, version)
}

/** All live sessions that have announced the type must have announced this version of it (finding 31). */
export function requireAnnounced(
  { type, version, active }: { readonly type: string; readonly version: number; readonly active: number },
  sessions: readonly Session[],
): void {
  const behind = sessions.find(({ types }) => {
    const versions = types.filter(([name]) => name === type).map(([, one]) => one)
    return versions.length > 0 && !versions.includes(version)
  })
  if (behind !== undefined) {
    throw new Rejection('NOT_ACTIVE', { type, version, active, session: behind.session, name: behind.name })
  }
}
