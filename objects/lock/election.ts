/**
 * Elections, and several locks at once: thin handles over locks.
 *
 * A leader is the holder of a lock; its term's token is the lock's. `observe` shows who leads as the view shows it.
 * Keeps: O7. Read next: `lock.ts`, `type.ts`.
 */
import { attended, pause } from '../../log/cluster/retry.ts'
import { SirtakiError, invariant, isError } from '../../log/errors.ts'
import { ObjectOps, partOf, type ObjectPort } from '../handle.ts'
import { requestOfParts } from '../parts.ts'
import type { SessionCallOptions } from '../runtime/session.ts'
import type { Value } from '../runtime/values.ts'
import { Watcher } from '../runtime/watcher.ts'
import { Held, acquire, lockInput, type LockOptions } from './lock.ts'
import type { Grant } from './shapes.ts'
import { Lock } from './type.ts'

/** Who leads. */
export interface Leader {
  /** The position that opened its session. */
  readonly session: number
  readonly token: number
  readonly data: Value
}

/** Pauses between tries of several locks, at random up to the first and not above the second. */
const PAUSE_MS = 10
const PAUSE_MAX_MS = 250

/** Who leads now, by the view. */
export function leaderOf({ view }: ObjectPort, path: string): Leader | undefined {
  for (const [, { session, token, data }] of Lock.bind(view.journal).read(path).tables.holders.range()) {
    return { session, token, data }
  }
  return undefined
}

/**
 * Gives the leader now and each time when it is another one or shows another value; `undefined`: there is none. A slow
 * reader gets the newest.
 *
 * @throws SirtakiError why the view stopped.
 */
export async function* observe(
  port: ObjectPort,
  path: string,
  { signal }: { readonly signal?: AbortSignal | undefined },
): AsyncGenerator<Leader | undefined, void, undefined> {
  const watcher = new Watcher(port.view, { kind: 'object', path }, { signal, onGap: 'resync' })
  let shown = ''
  for await (const { kind } of watcher) {
    if (kind === 'progress') continue
    const leader = leaderOf(port, path)
    const text = JSON.stringify(leader ?? null)
    if (text !== shown) yield leader
    shown = text
  }
}

/**
 * Acquires several locks in one entry, or none of them: tried again with pauses until the time is over. Fair only by
 * luck.
 *
 * @throws SirtakiError `TIMEOUT`, `ABORTED`: none is held then; `BAD_ARGUMENT` without timeoutMs, signal or `forever`.
 */
export async function lockAll(port: ObjectPort, paths: readonly string[], options: LockOptions): Promise<HeldAll> {
  const { timeoutMs, signal, forever } = options
  if (timeoutMs === undefined && signal === undefined && forever !== true) {
    throw new SirtakiError(
      'BAD_ARGUMENT',
      'lockAll may wait without end: give it timeoutMs, a signal, or forever: true',
    )
  }
  return attended(port.view.log.clock, () => lockAllLater(port, [...new Set(paths)].sort(), options))
}

async function lockAllLater(port: ObjectPort, sorted: readonly string[], options: LockOptions): Promise<HeldAll> {
  const { timeoutMs, signal } = options
  const { clock, random } = port.view.log
  const until = clock.now() + (timeoutMs ?? Infinity)
  for (let tries = 1; ; tries++) {
    try {
      return await lockAllNow(port, sorted, options, Math.min(until - clock.now(), port.view.log.limits.requestMs))
    } catch (thrown) {
      if (!isError(thrown, 'HELD')) throw thrown
      const leftMs = until - clock.now()
      if (leftMs <= 0) {
        const what = `${String(thrown.facts['path'])} was held all the time`
        throw new SirtakiError('TIMEOUT', `${sorted.length} locks were not free together: ${what}`, {
          next: 'again',
          cause: thrown,
          facts: thrown.facts,
        })
      }
      await pause(clock, Math.min(leftMs, random.next() * Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** tries)), signal)
    }
  }
}

async function lockAllNow(
  port: ObjectPort,
  paths: readonly string[],
  options: LockOptions,
  timeoutMs: number,
): Promise<HeldAll> {
  const session = port.session()
  const input = { ...lockInput(options), wait: false }
  const parts = paths.map((path) => partOf(new ObjectOps(Lock, path).target('acquire'), input))
  const callOptions: SessionCallOptions = { signal: options.signal, timeoutMs: Math.max(1, timeoutMs) }
  const grants = await session.call(requestOfParts(parts), callOptions)
  invariant(areGrants(grants), 'O7', {})
  const all = grants.flatMap((grant, i) => {
    const path = paths[i]
    return path === undefined ? [] : [new Held(port, session, path, grant)]
  })
  return new HeldAll(all)
}

const areGrants = (value: unknown): value is readonly Grant[] => Array.isArray(value)

/** Locks that were acquired together. */
export class HeldAll implements AsyncDisposable {
  readonly locks: readonly Held[]
  /** Aborts when one of them is lost or released. */
  readonly signal: AbortSignal

  constructor(locks: readonly Held[]) {
    this.locks = locks
    this.signal = AbortSignal.any(locks.map(({ signal }) => signal))
  }

  /** The position of the grant, the same for all. */
  get token(): number {
    return this.locks[0]?.token ?? -1
  }

  /** @throws SirtakiError `NOT_HELD` when one of them may not be counted on any more. */
  assertHeld(): void {
    for (const lock of this.locks) lock.assertHeld()
  }

  async release(): Promise<void> {
    await Promise.all(this.locks.map((lock) => lock.release()))
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}

/** A term of office. */
export class Term implements AsyncDisposable {
  readonly #held: Held

  constructor(held: Held) {
    this.#held = held
  }

  get token(): number {
    return this.#held.token
  }
  /** The lock below it, such as a transaction requires. */
  get held(): Held {
    return this.#held
  }
  /** Aborts when it is resigned or may be lost. */
  get signal(): AbortSignal {
    return this.#held.signal
  }
  /** @throws SirtakiError `NOT_HELD`. */
  assertHeld(): void {
    this.#held.assertHeld()
  }
  /** Shows observers another value. @throws SirtakiError `NOT_HELD`; as any op. */
  proclaim(data: Value): Promise<void> {
    return this.#held.proclaim(data)
  }
  /** Gives the office to the next one. */
  resign(): Promise<void> {
    return this.#held.release()
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.resign()
  }
}

/** Stands for election; settles with the term. @throws as `acquire`. */
export const campaign = async (port: ObjectPort, path: string, options: LockOptions): Promise<Term> =>
  new Term(await acquire(port, path, lockInput(options), options))
