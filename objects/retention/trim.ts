/**
 * Trims the log as far as nobody needs it: decided at one position, then told to the units.
 *
 *     store: is it the one, are the checkpoints there? ─ op `trim` ─┬ NEEDED: by what
 *                                                                   └ mark ─ units drop what is below
 *
 * Whoever stops between the two leaves a mark that the units have not heard of: the next trim, also one to the same
 * position, tells them. Keeps: C1, C2, P62. Read next: `type.ts`, `../retention/checkpointer.ts`.
 */
import type { CallOptions } from '../../log/cluster/calls.ts'
import { SirtakiError } from '../../log/errors.ts'
import { makeHandle, type ObjectPort } from '../handle.ts'
import { limitOf, type TrimLimit } from './limit.ts'
import type { Checkpoint, RetentionState } from './shapes.ts'
import { RETENTION_PATH } from '../runtime/checkpoint-note.ts'
import { Retention } from './type.ts'

/** What is trimmed, and how the call goes. */
export interface TrimOptions extends CallOptions {
  /** The first position to keep; unless told as far as nobody needs the log. */
  readonly before?: number | undefined
  /** Also what somebody needs: it is lost. */
  readonly force?: boolean | undefined
}

/** What became of a trim. */
export interface Trimmed {
  /** The first position that is kept. */
  readonly before: number
  /** Whether somebody needed what was below. */
  readonly isForced: boolean
}

/** Reads in a store whether a trim may rely on it. */
export interface TrimStore {
  /** The nonce of the store, if it has one, once these checkpoints were seen in it. @throws why they were not. */
  proof(noted: readonly Checkpoint[], options: CallOptions): Promise<string | undefined>
}

/** The retention as this view has played it. `checkpoints`: those that are noted, ascending. */
export interface RetentionNow extends RetentionState {
  readonly limit: TrimLimit
  readonly checkpoints: readonly Checkpoint[]
}

/** What retention looks like from here. */
export function retentionOf(port: ObjectPort): RetentionNow {
  const { state, tables } = makeHandle(Retention, RETENTION_PATH, port)
  const holds = [...tables.holds.range()].map(([, hold]) => hold)
  const checkpoints = [...tables.checkpoints.range()].map(([, one]) => one)
  const positions = checkpoints.map(({ position }) => position)
  return { ...state, checkpoints, limit: limitOf({ checkpoints: positions, holds, archived: state.archived }) }
}

/**
 * Drops the beginning of the log.
 *
 * @throws SirtakiError `NEEDED` with `limit`, `by` and `name` in its facts where somebody needs it; `OTHER_STORE`;
 *   `NO_BLOBS` where checkpoints are in a store that this process was not given; as any op, and as `LogClient.trim`.
 */
export async function trimLog(
  port: ObjectPort,
  { before, force = false, signal, timeoutMs }: TrimOptions,
  store: TrimStore | undefined,
): Promise<Trimmed> {
  const { log } = port.view
  const { clock } = log
  if (log.trim === undefined) throw new SirtakiError('UNSUPPORTED', 'this log cannot be trimmed')
  const until = clock.now() + (timeoutMs ?? log.limits.requestMs)
  const left = (): CallOptions => ({ signal, timeoutMs: Math.max(1, until - clock.now()) })
  await port.view.sync(left())
  const { limit, mark, store: noted, checkpoints, archived } = retentionOf(port)
  const to = before ?? Math.max(mark, limit.position)
  if (noted !== null && store === undefined && !force && to > mark) {
    throw new SirtakiError('NO_BLOBS', `checkpoints are at ${noted.address}: connect with blobs to trim`, {
      facts: { address: noted.address },
    })
  }
  // Those that the limit relies on.
  const relied = checkpoints.slice(archived === null ? -2 : -1)
  const nonce = force || to <= mark ? null : ((await store?.proof(relied, left())) ?? null)
  const decided = await makeHandle(Retention, RETENTION_PATH, port).trim({ before: to, nonce, force }, left())
  log.failpoint?.('retention.trimmed', { before: decided.mark, isForced: decided.isForced })
  await log.trim(decided.mark, left())
  return { before: decided.mark, isForced: decided.isForced }
}
