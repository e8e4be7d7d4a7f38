/**
 * Transactions: several ops on several objects as one entry, all or nothing, with what was read as guards.
 *
 *     run(tx) on the state at hand ─ reads ─▶ $unchanged, $range ─┐
 *                                    ops  ─▶ parts, in order      ├─ one entry ─ CONFLICT: sync, run again (5 times)
 *                                    requires ─▶ held(hold, token)┘
 *
 * The callback is synchronous and may run several times: it reads and calls through `tx` only. Keeps: O2. Read next:
 * `runtime/runtime-ops.ts` (the guards), `runtime/space.ts`.
 * @source Tango SOSP'13 3.2 (optimistic transactions over a log: the read set is checked where the entry stands).
 */
import { requireCallOptions } from '../log/cluster/arguments.ts'
import type { CallOptions } from '../log/cluster/calls.ts'
import { attended, pause } from '../log/cluster/retry.ts'
import { SirtakiError, invariant, isError } from '../log/errors.ts'
import type { HandleBase } from './define-object.ts'
import { ObjectOps, partOf, targetsOf, type ObjectPort } from './handle.ts'
import type { Held } from './lock/lock.ts'
import { Lock } from './lock/type.ts'
import { requestOfParts, type EncodedPart } from './parts.ts'
import { PARTS_MAX } from './runtime/entry.ts'
import { encodeInput } from './runtime/input.ts'
import { GUARDED_MAX, rangeOf, runtimeTarget, type Range } from './runtime/runtime-ops.ts'
import type { Session } from './runtime/session.ts'
import type { View } from './runtime/view.ts'

/** Runs of a transaction whose reads were overtaken. */
export const TRIES_MAX = 5
/** Pauses between them, at random up to this, doubled each time. */
const PAUSE_MS = 5

/** The input and the result of a method of a handle. */
export type MethodInput<M> = M extends (input: infer I, ...rest: never[]) => Promise<unknown> ? I : never
export type MethodResult<M> = M extends (...all: never[]) => Promise<infer R> ? R : never

/** What an op of a transaction will answer with. */
export interface Later<R> {
  /** @throws SirtakiError `MISUSE` before the transaction has committed. */
  readonly value: R
}

/** One op of a transaction in its explicit form. */
export interface PlainPart {
  readonly handle: object
  readonly op: string
  readonly input: unknown
}

/** Names an op for a transaction in its explicit form. */
export const part = <H extends object, K extends keyof H & string>(
  handle: H,
  op: K,
  input: MethodInput<H[K]>,
): PlainPart => ({ handle, op, input })

/** What a transaction's callback works with. */
export class Transaction {
  readonly #view: View
  readonly #session: Session
  /** Positions of what was read, by object, table and key. */
  readonly #read = new Map<string, Map<string, readonly [table: string, key: string, modified: number | null]>>()
  readonly #ranges: { readonly path: string; readonly range: Range }[] = []
  readonly #guards: EncodedPart[] = []
  readonly #parts: { readonly part: EncodedPart; readonly settle: (value: unknown) => void }[] = []

  constructor(view: View, session: Session) {
    this.#view = view
    this.#session = session
  }

  /** Whether it only reads. */
  get isReadOnly(): boolean {
    return this.#parts.length + this.#guards.length === 0
  }

  /** Reads the small value of an object: another value at the commit is a conflict. */
  get<S>(handle: HandleBase<S, unknown>): Readonly<S> {
    this.#note(handle.path, '', '')
    return handle.state
  }

  /** Reads one record of a table. */
  row<T, K extends keyof T & string>(handle: HandleBase<unknown, T>, table: K, key: string): T[K] | undefined {
    this.#note(handle.path, table, key)
    return handle.tables[table].get(key)
  }

  /** Reads the records with keys in [from, to): one more, one fewer or another one at the commit is a conflict. */
  range<T, K extends keyof T & string>(
    handle: HandleBase<unknown, T>,
    table: K,
    from = '',
    to?: string,
  ): (readonly [key: string, value: T[K]])[] {
    const { count, modified } = rangeOf(this.#store(handle.path, table), from, to)
    this.#ranges.push({ path: handle.path, range: [table, from, to ?? null, count, modified] })
    return [...handle.tables[table].range(from, to)]
  }

  /** Commits only if a lock, permit or term of this or another session is still held by its token. */
  requires({ path, hold, token }: Held): void {
    this.#guards.push(partOf(new ObjectOps(Lock, path).target('held'), { hold, token }))
  }

  /** Calls an op at the commit. @throws SirtakiError `BAD_ARGUMENT` for what the op does not accept. */
  do<H extends object, K extends keyof H & string>(
    handle: H,
    op: K,
    input: MethodInput<H[K]>,
  ): Later<MethodResult<H[K]>> {
    const later = new LaterValue<H[K]>(op)
    this.#call({ handle, op, input }, (value) => {
      later.settle(value)
    })
    return later
  }

  /** Calls ops in the explicit form. */
  doAll(parts: readonly PlainPart[], settle: (index: number, value: unknown) => void): void {
    parts.forEach((one, i) => {
      this.#call(one, (value) => {
        settle(i, value)
      })
    })
  }

  /** Commits. @throws SirtakiError `CONFLICT` where what was read has changed; what refused a part; as any op. */
  async commit(options: CallOptions): Promise<void> {
    const guards = [...this.#readParts(), ...this.#guards]
    const parts = [...guards, ...this.#parts.map(({ part: one }) => one)]
    if (parts.length > PARTS_MAX) {
      throw new SirtakiError('BAD_ARGUMENT', `a transaction has at most ${PARTS_MAX} parts, not ${parts.length}`)
    }
    const results = await this.#session.call(requestOfParts(parts), options)
    invariant(Array.isArray(results), 'O2', {})
    this.#parts.forEach(({ settle }, i) => {
      settle(results[guards.length + i])
    })
  }

  #call({ handle, op, input }: PlainPart, settle: (value: unknown) => void): void {
    this.#parts.push({ part: partOf(targetsOf(handle).target(op), input), settle })
  }

  #note(path: string, table: string, key: string): void {
    const known = this.#read.get(path) ?? new Map<string, readonly [string, string, number | null]>()
    this.#read.set(path, known)
    if (known.size >= GUARDED_MAX) {
      throw new SirtakiError('BAD_ARGUMENT', `a transaction reads at most ${GUARDED_MAX} records of one object`)
    }
    const modified = this.#store(path, table)?.row(key)?.modified ?? null
    known.set(`${table}\n${key}`, [table, key, modified])
  }

  #store(path: string, table: string) {
    return this.#view.space.object(path)?.store(table)
  }

  #readParts(): EncodedPart[] {
    const unchanged = [...this.#read].map(([path, records]) => guard(path, '$unchanged', [...records.values()]))
    return [...unchanged, ...this.#ranges.map(({ path, range }) => guard(path, '$range', range))]
  }
}

/** The result of a method that is there once the transaction has committed. */
class LaterValue<M> implements Later<MethodResult<M>> {
  readonly #op: string
  #values: MethodResult<M>[] = []

  constructor(op: string) {
    this.#op = op
  }

  get value(): MethodResult<M> {
    for (const value of this.#values) return value
    throw new SirtakiError('MISUSE', `the result of ${this.#op} is there once its transaction has committed`)
  }

  settle(value: unknown): void {
    invariant(isResult<M>(value), 'O2', {})
    this.#values = [value]
  }
}

/** What a part answers with is what the op's `apply` returned. */
const isResult = <M>(_value: unknown): _value is MethodResult<M> => true

const guard = (path: string, op: string, input: unknown): EncodedPart => ({
  target: runtimeTarget(op, path),
  input: encodeInput(input).bytes,
})

/**
 * Runs a transaction until it commits; what it read is checked at its position.
 *
 * @throws SirtakiError `CONFLICT`, next `again`, when others changed what it read each of 5 times; what refused a part,
 *   with `part` and `path` in its facts; what `run` throws; as any op.
 */
export async function transact<R>(
  { view, session }: ObjectPort,
  run: (tx: Transaction) => R,
  options: CallOptions,
): Promise<R> {
  return attended(view.log.clock, () => tried({ view, session }, run, options))
}

async function tried<R>({ view, session }: ObjectPort, run: (tx: Transaction) => R, options: CallOptions): Promise<R> {
  const { clock, random, limits } = view.log
  const { signal, timeoutMs = limits.requestMs } = requireCallOptions('a transaction', options)
  const until = clock.now() + timeoutMs
  // All tries together have the time of one call.
  const left = (): CallOptions => ({ signal, timeoutMs: Math.max(1, until - clock.now()) })
  for (let tries = 1; ; tries++) {
    const tx = new Transaction(view, session())
    const result = run(tx)
    if (tx.isReadOnly) {
      if (tries > 1) return result
      await view.sync(left())
      continue
    }
    try {
      await tx.commit(left())
      return result
    } catch (thrown) {
      if (!isError(thrown, 'CONFLICT') || tries >= TRIES_MAX || until <= clock.now()) throw thrown
      await pause(clock, Math.min(random.next() * PAUSE_MS * 2 ** tries, until - clock.now()), signal)
      await view.sync(left())
    }
  }
}
