/**
 * Random histories: a space and a plain model of each of its objects are driven by the same entries, and after every
 * entry what the caller is told, what is settled, what is emitted and what the objects hold must be the same.
 *
 *     planned history ─┬─▶ MachineDriver ─▶ Played ─┐
 *                      │      └ copies, loaded from snapshots on the way, must go on alike
 *                      └─▶ models ─────────────────┴─▶ equal, entry by entry; in the end a replay has the same digest
 *
 * A history is data, so that fast-check can shrink it: who and what are picks, which are resolved when it is played.
 * `SIRTAKI_RUNS` histories are played, 300 unless told, from seed `SIRTAKI_SEED`. Read next: `lock-model.ts`,
 * `lock.test.ts`, `../random/main.ts`.
 */
import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import type { Entry } from '../../log/entry.ts'
import type { AnyObjectType, Played, Space } from '../../objects.ts'
import { encodeEmpty } from '../../objects/runtime/entry.ts'
import { EPOCH, MachineDriver, answerOf, type Answer, type DrivenSession, type Op } from './machine-driver.ts'

/** What a model answers with where the op waits. */
export const WAITS: unique symbol = Symbol('waits')

/** What a model throws where the op is refused. */
export class Refusal extends Error {
  readonly code: string
  readonly facts: Readonly<Record<string, unknown>>

  constructor(code: string, facts: Readonly<Record<string, unknown>>) {
    super(code)
    this.code = code
    this.facts = facts
  }
}

/** The entry at hand. */
export interface Moment {
  readonly position: number
  readonly time: number
}

/** What all models say while one entry is played: waits that are settled, and events, in order. */
export interface Said {
  settled: (readonly [op: number, answer: Answer])[]
  events: { readonly kind: string; readonly facts: unknown }[]
}

/** An op as a model takes it. */
export interface Asked {
  readonly op: string
  readonly input: unknown
}

/** A plain model of one object; its `data` is copied and put back where a step is refused. */
export interface Model<O extends Asked> {
  data: object
  /** An entry begins: what has passed falls due. */
  begin(now: Moment): void
  /** @throws Refusal. */
  run(session: number, asked: O): unknown
  cancel(session: number, op: number): void
  /** @throws Refusal. */
  drop(): void
  end(session: number, clean: boolean): void
  /** The entry is over: the object is too, where nothing is left of it. */
  close(): void
  /** What the object holds; `undefined`: there is none. */
  view(): unknown
}

/** A part of a history: what is asked of which object. */
export interface PlannedPart<P> {
  readonly path: number
  readonly ask: P | { readonly op: '$cancel'; readonly pick: number } | { readonly op: '$drop' }
}

/** One entry of a history. `who` and `pick` choose among what there is when it is played. */
export type Planned<P> = { readonly afterMs: number } & (
  | { readonly kind: 'open' | 'tick' | 'again' }
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'resume' | 'empty' | 'gap' | 'ghost'; readonly who: number }
  | {
      readonly kind: 'end'
      readonly who: number
      readonly clean: boolean
      readonly by: 'owner' | 'sequencer' | 'deposed'
    }
  | { readonly kind: 'op'; readonly who: number; readonly part: PlannedPart<P> }
  | { readonly kind: 'transaction'; readonly who: number; readonly parts: readonly PlannedPart<P>[] }
)

/** What is known of a history so far: what picks choose from. */
export interface Known {
  /** Positions of the ops so far. */
  readonly ops: number[]
  /** Values that ops were answered with, at once or later. */
  readonly values: unknown[]
}

/** What is particular about a type. */
export interface Subject<P, O extends Asked> {
  readonly type: AnyObjectType
  readonly model: (said: Said) => Model<O>
  /** Makes an op of a planned one. */
  readonly resolve: (planned: P, known: Known) => O
  /** What the object at a path holds, in the words of `Model.view`. */
  readonly view: (space: Space, path: string) => unknown
  /** Checks what must hold whatever the model says; made for each history. */
  readonly watch: () => Watch<O>
}
/** Looks at a space after each entry. */
export type Watch<O extends Asked> = (space: Space, entry: Watched<O>) => void
/** An entry that was played; `results`: what the ops in it were answered with, none where it was refused or waits. */
export interface Watched<O extends Asked> {
  readonly played: Played
  readonly asked: readonly Resolved<O>[]
  readonly results: readonly unknown[] | undefined
}

/** What one entry asks of one object. */
export type Resolved<O extends Asked> = { readonly path: string; readonly session: number } & (
  | { readonly kind: 'own'; readonly asked: O }
  | { readonly kind: 'cancel'; readonly op: number }
  | { readonly kind: 'drop' }
)

/** Two objects: what one does must not touch the other, and both are served in one end of a session. */
const PATHS = ['/a', '/b']
const TIMES = [0, 0, 0, 1, 10, 100, 1_000, 60_000, 24 * 3_600_000]

/** Chooses one of a list. */
export const pickOf = <V>(all: readonly V[], pick: number): V | undefined => all[pick % Math.max(1, all.length)]

/** Any pick. */
export const anyPick = fc.nat({ max: 1_000 })

/** Histories of a type whose planned ops are `ask`. */
export function histories<P>(ask: fc.Arbitrary<P>): fc.Arbitrary<readonly Planned<P>[]> {
  const runtimeAsk: fc.Arbitrary<PlannedPart<P>['ask']> = fc.oneof(
    { weight: 8, arbitrary: ask },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('$cancel' as const), pick: anyPick }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('$drop' as const) }) },
  )
  const part = fc.record({ path: fc.nat({ max: PATHS.length - 1 }), ask: runtimeAsk })
  const afterMs = fc.constantFrom(...TIMES)
  const who = fc.nat({ max: 3 })
  const kindOf = <K extends string>(...kinds: K[]): fc.Arbitrary<K> => fc.constantFrom(...kinds)
  const entry: fc.Arbitrary<Planned<P>> = fc.oneof(
    { weight: 24, arbitrary: fc.record({ afterMs, kind: kindOf('op'), who, part }) },
    {
      weight: 5,
      arbitrary: fc.record({
        afterMs,
        kind: kindOf('transaction'),
        who,
        parts: fc.array(part, { minLength: 1, maxLength: 4 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ afterMs, kind: kindOf('open', 'tick', 'again') }) },
    { weight: 1, arbitrary: fc.record({ afterMs, kind: kindOf('snapshot') }) },
    { weight: 2, arbitrary: fc.record({ afterMs, kind: kindOf('resume', 'empty', 'gap', 'ghost'), who }) },
    {
      weight: 2,
      arbitrary: fc.record({
        afterMs,
        kind: kindOf('end'),
        who,
        clean: fc.boolean(),
        by: kindOf('owner', 'sequencer', 'deposed'),
      }),
    },
  )
  return fc.array(entry, { minLength: 1, maxLength: 60, size: 'max' })
}

/** How often, and from which seed. */
export function runs(): { numRuns: number; includeErrorInReport: boolean; seed?: number } {
  const { SIRTAKI_RUNS, SIRTAKI_SEED } = process.env
  const numRuns = Number(SIRTAKI_RUNS ?? 300)
  return { numRuns, includeErrorInReport: true, ...(SIRTAKI_SEED === undefined ? {} : { seed: Number(SIRTAKI_SEED) }) }
}

/** Plays random histories. @throws AssertionError, with the history shrunk, where space and models differ. */
export function playRandom<P, O extends Asked>(ask: fc.Arbitrary<P>, subject: Subject<P, O>): void {
  fc.assert(
    fc.property(histories(ask), (history) => {
      const run = new ModelRun(subject)
      for (const planned of history) run.play(planned)
      run.finish()
    }),
    runs(),
  )
}

/** The entries of random histories, the same for the same seed. */
export function recordRandom<P, O extends Asked>(
  ask: fc.Arbitrary<P>,
  subject: Subject<P, O>,
  { seed, numRuns }: { readonly seed: number; readonly numRuns: number },
): (readonly Entry[])[] {
  return fc.sample(histories(ask), { seed, numRuns }).map((history) => {
    const run = new ModelRun(subject)
    for (const planned of history) run.play(planned)
    return run.entries
  })
}

/** One history. */
class ModelRun<P, O extends Asked> {
  readonly #subject: Subject<P, O>
  readonly #driver: MachineDriver
  readonly #said: Said = { settled: [], events: [] }
  readonly #models: Map<string, Model<O>>
  readonly #known: Known = { ops: [], values: [] }
  readonly #live: DrivenSession[] = []
  /** Incarnations that are over: nobody's. */
  readonly #ghosts: DrivenSession[] = []
  /** Spaces that were loaded on the way. */
  readonly #copies: Space[] = []
  readonly #watch: Watch<O>
  #lastOp: { readonly payload: Uint8Array; readonly incarnation: number } | undefined
  #asked: Resolved<O>[] = []
  #isTransaction = false

  constructor(subject: Subject<P, O>) {
    this.#subject = subject
    this.#driver = new MachineDriver([subject.type])
    this.#models = new Map(PATHS.map((path) => [path, subject.model(this.#said)]))
    this.#watch = subject.watch()
    // Position 0 is nobody's: in a record 0 stands for no owner.
    this.#driver.tick()
    this.#live.push(this.#driver.open())
  }

  get entries(): readonly Entry[] {
    return this.#driver.entries
  }

  play(planned: Planned<P>): void {
    const driver = this.#driver.after(planned.afterMs)
    if (planned.kind === 'snapshot') {
      this.#load()
      return
    }
    this.#said.settled = []
    this.#said.events = []
    this.#asked = []
    const now = { position: driver.next, time: driver.time }
    for (const model of this.#models.values()) model.begin(now)
    const wanted = this.#step(planned)
    for (const model of this.#models.values()) model.close()
    this.#compare(wanted)
  }

  /** In the end: whoever plays the entries has the same state, wherever it began. */
  finish(): void {
    const { digest } = this.#driver
    deepStrictEqual(this.#driver.replayed(), digest, 'O3: a replay has the same digest')
    for (const copy of this.#copies) deepStrictEqual(copy.digest().digest, digest, 'O3: a loaded space has it too')
  }

  /** Plays the entry; gives what it must come to. */
  #step(planned: Exclude<Planned<P>, { kind: 'snapshot' }>): Answer {
    const driver = this.#driver
    const live = 'who' in planned ? pickOf(this.#live, planned.who) : undefined
    switch (planned.kind) {
      case 'op':
      case 'transaction':
        if (live !== undefined) return this.#run(live, planned)
        return this.#open()
      case 'end':
        return live === undefined ? this.#open() : this.#end(live, planned)
      case 'resume':
        if (live === undefined) return this.#open()
        this.#ghosts.push(driver.resume(live))
        return { kind: 'resumed' }
      case 'empty':
        if (live === undefined) return this.#open()
        driver.empty(live)
        return { kind: 'empty' }
      case 'gap':
        if (live === undefined) return this.#open()
        driver.entry(encodeEmpty(live.incarnation, live.number + 1))
        return { kind: 'gap' }
      case 'ghost': {
        const ghost = pickOf(this.#ghosts, planned.who)
        if (ghost === undefined) return this.#open()
        driver.cancel(ghost, '/a', this.#known.ops.at(-1) ?? 0)
        return { kind: 'unknown' }
      }
      case 'again': {
        const last = this.#lastOp
        if (last === undefined) return this.#open()
        driver.entry(last.payload)
        return { kind: this.#live.some((one) => one.incarnation === last.incarnation) ? 'duplicate' : 'unknown' }
      }
      case 'tick':
        driver.tick()
        return { kind: 'tick' }
      case 'open':
        return this.#open()
      default:
        return planned satisfies never
    }
  }

  #open(): Answer {
    this.#live.push(this.#driver.open())
    return { kind: 'opened' }
  }

  #end(session: DrivenSession, { clean, by }: Extract<Planned<P>, { kind: 'end' }>): Answer {
    this.#driver.end(session, { clean, by: { owner: 0, sequencer: EPOCH, deposed: EPOCH - 1 }[by] })
    if (by === 'deposed') return { kind: 'ignored' }
    this.#live.splice(this.#live.indexOf(session), 1)
    this.#ghosts.push(session)
    for (const model of this.#models.values()) model.end(session.session, clean)
    return { kind: 'ended' }
  }

  #run(session: DrivenSession, planned: Extract<Planned<P>, { kind: 'op' | 'transaction' }>): Answer {
    const parts = planned.kind === 'op' ? [planned.part] : planned.parts
    const { next } = this.#driver
    this.#asked = parts.map((part) => this.#resolve(session.session, part))
    const ops = this.#asked.map((one) => this.#opOf(one))
    const [first] = ops
    if (planned.kind === 'op' && first !== undefined) this.#driver.run(session, first)
    else this.#driver.transaction(session, ops)
    const { payload } = this.#driver.entries[next] ?? { payload: new Uint8Array(0) }
    this.#lastOp = { payload, incarnation: session.incarnation }
    this.#known.ops.push(next)
    this.#isTransaction = planned.kind === 'transaction'
    return this.#expected(this.#isTransaction)
  }

  #opOf(one: Resolved<O>): Op {
    const { path, kind } = one
    if (kind === 'drop') return { type: null, path, op: '$drop', input: {} }
    if (kind === 'cancel') return { type: null, path, op: '$cancel', input: { op: one.op } }
    return { type: this.#subject.type, path, ...one.asked }
  }

  #resolve(session: number, { path: nth, ask }: PlannedPart<P>): Resolved<O> {
    const path = PATHS[nth] ?? ''
    if (!isRuntime(ask)) return { path, session, kind: 'own', asked: this.#subject.resolve(ask, this.#known) }
    if (ask.op === '$drop') return { path, session, kind: 'drop' }
    return { path, session, kind: 'cancel', op: pickOf(this.#known.ops, ask.pick) ?? this.#driver.next }
  }

  /** What the models say of the ops of an entry: all of them or none. */
  #expected(isTransaction: boolean): Answer {
    const before = [...this.#models.values()].map((model) => structuredClone(model.data))
    const [settled, events] = [this.#said.settled.length, this.#said.events.length]
    let at = 0
    try {
      const values = this.#asked.map((part, nth) => {
        at = nth
        const value = this.#ask(part)
        if (value === WAITS && isTransaction) throw new Refusal('WAIT_IN_TRANSACTION', { op: this.#opOf(part).op })
        return value
      })
      if (isTransaction) return { value: values }
      return values[0] === WAITS ? 'waiting' : { value: values[0] }
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown
      for (const [nth, model] of [...this.#models.values()].entries()) model.data = before[nth] ?? {}
      this.#said.settled.length = settled
      this.#said.events.length = events
      const where = isTransaction ? { part: at, path: this.#asked[at]?.path } : {}
      return { code: thrown.code, facts: { ...thrown.facts, ...where } }
    }
  }

  #ask(one: Resolved<O>): unknown {
    const model = this.#models.get(one.path)
    if (one.kind === 'own') return model?.run(one.session, one.asked)
    if (one.kind === 'drop') model?.drop()
    else model?.cancel(one.session, one.op)
    return null
  }

  #compare(wanted: Answer): void {
    const { space, entries } = this.#driver
    const played = this.#driver.last
    deepStrictEqual(answerOf(played.outcome), wanted, 'the outcome')
    deepStrictEqual(settledOf(played), this.#said.settled, 'what is settled')
    deepStrictEqual(
      played.events.map(({ kind, facts }) => ({ kind, facts })),
      this.#said.events,
      'events',
    )
    for (const [path, model] of this.#models) {
      deepStrictEqual(this.#subject.view(space, path), model.view(), `what ${path} holds`)
    }
    this.#watch(space, { played, asked: this.#asked, results: this.#results(wanted) })
    this.#learn(wanted)
    const last = entries.at(-1)
    for (const copy of this.#copies) {
      if (last === undefined) continue
      const alike = copy.apply(last)
      deepStrictEqual(answerOf(alike.outcome), answerOf(played.outcome), 'the outcome in a loaded space')
      deepStrictEqual(alike.settled, played.settled, 'what is settled in a loaded space')
    }
  }

  #results(answer: Answer): readonly unknown[] | undefined {
    if (typeof answer !== 'object' || !('value' in answer)) return undefined
    return this.#isTransaction && Array.isArray(answer.value) ? answer.value : [answer.value]
  }

  #learn(wanted: Answer): void {
    for (const answer of [wanted, ...this.#said.settled.map(([, one]) => one)]) {
      if (typeof answer === 'object' && 'value' in answer) this.#known.values.push(answer.value)
    }
  }

  #load(): void {
    if (this.#copies.length > 1) return
    const copy = this.#driver.fresh()
    copy.load(this.#driver.space.snapshot())
    this.#copies.push(copy)
    deepStrictEqual(copy.digest().digest, this.#driver.digest, 'O3: a loaded space has the digest of its snapshot')
  }
}

/** Waits that an entry settled, as models say it. */
export const settledOf = ({ settled }: Played): (readonly [op: number, answer: Answer])[] =>
  settled.map((one) => [one.op, one.kind === 'result' ? { value: one.value } : { code: one.code, facts: one.facts }])

type RuntimeAsk = PlannedPart<never>['ask']
const isRuntime = (ask: unknown): ask is RuntimeAsk => {
  const op: unknown = typeof ask === 'object' && ask !== null && 'op' in ask ? ask.op : undefined
  return op === '$cancel' || op === '$drop'
}
