/**
 * Objects in a simulated run: a counter, a register and a list over the same log, with what must hold of them.
 *
 * Each answer and each read is judged at the time it is made. Checks O1 (a `sync` shows every op acknowledged before
 * it was called; what a view showed is never taken back), O3 (same position, same digest), O4 (the ops of a session
 * in the order they were called, each once), O9 (no add lost, none doubled), O12 (what fails leaves nothing), and
 * that every call settles. Read next: `object-model.ts`, `sim-types.ts`, `sim-cluster.ts`.
 */
import type { LogClient } from '../../log/client/client.ts'
import type { CallOptions } from '../../log/cluster/calls.ts'
import { isError } from '../../log/errors.ts'
import { ObjectClient, ROOT_STREAM } from '../../objects/client.ts'
import { Counter } from '../../objects/counter/type.ts'
import type { ObjectSession } from '../../objects/object-session.ts'
import type { AnyObjectType } from '../../objects/runtime/object-type.ts'
import type { Calls } from './calls.ts'
import type { Checker } from './checker.ts'
import { PATHS, playModel, type Fate, type Modelled } from './object-model.ts'
import type { ObjectMix } from './plan.ts'
import type { Prng } from './prng.ts'
import { playedFrom } from './sim-sessions.ts'
import { List, Register, type Answer } from './sim-types.ts'

/** What all clients of a run know of the objects. */
export class ObjectHistory {
  called = 0
  acknowledged = 0
  highest = 0
  readonly results = new Set<number>()
  readonly digests = new Map<number, string>()
  /** The highest position of an op that was acknowledged. */
  position = -1
  /** The list as the longest view of it showed it, and how long an acknowledged append has made it. */
  list: readonly string[] = []
  lengthAcknowledged = 0
  /** What callers were told, by the position of their op. */
  readonly fates = new Map<number, Fate>()
  nextValue = 1
}

/** Reads that begin within such a time overlap: a round that is on its way is no answer to one that begins later. */
const OVERLAPS_MS = [3, 10, 80]

const handlesOf = async (session: ObjectSession, options: CallOptions = {}) => ({
  counter: await session.open(Counter, PATHS.counter, options),
  register: await session.open(Register, PATHS.register, options),
  list: await session.open(List, PATHS.list, options),
})
/** Of the judge: it plays everything from the start, which takes longer than a call of the run may. */
const PATIENT: CallOptions = { timeoutMs: 10_000 }
type Handles = Awaited<ReturnType<typeof handlesOf>>

/**
 * Names what one lane appends, numbered for each session that it has: an op of one that was lost may still be applied
 * after those of the next.
 */
class Lane {
  readonly #name: string
  readonly #session: ObjectSession
  #current: unknown
  #sessions = 0
  #next = 0

  constructor(name: string, session: ObjectSession) {
    this.#name = name
    this.#session = session
  }

  /** The item of the next call. @throws SirtakiError why there is no session to call from. */
  nextItem(): string {
    const current = this.#session.current()
    if (current !== this.#current) this.#sessions++
    this.#current = current
    return `${this.#name}/${this.#sessions}.${this.#next++}`
  }
}

/** The objects of one client process. */
export class SimObjects {
  readonly #objects: ObjectClient
  readonly #log: LogClient
  readonly #prng: Prng
  readonly #checker: Checker
  readonly #history: ObjectHistory
  readonly #thinkMs: number
  readonly #mix: ObjectMix
  readonly #calls: Calls
  readonly #from: number
  #alive = true
  /** What the view has shown: it never shows less. */
  #shown = { position: -1, length: 0 }
  /** Whether there are types that the view does not know yet. */
  #late = false

  constructor(
    log: LogClient,
    {
      prng,
      checker,
      history,
      thinkMs,
      mix,
      calls,
      from,
      types,
    }: {
      readonly prng: Prng
      readonly checker: Checker
      readonly history: ObjectHistory
      readonly thinkMs: number
      readonly mix: ObjectMix
      readonly calls: Calls
      readonly from: number
      /** Types that it knows in any case. */
      readonly types: readonly AnyObjectType[]
    },
  ) {
    this.#log = log
    this.#mix = mix
    this.#late = mix.lateTypes && prng.chance(0.5)
    this.#from = from
    this.#objects = new ObjectClient(playedFrom(log, from), {
      types: this.#late ? types : [Counter, Register, List, ...types],
    })
    this.#prng = prng
    this.#checker = checker
    this.#history = history
    this.#thinkMs = thinkMs
    this.#calls = calls
  }

  stop(): void {
    this.#alive = false
  }

  /** Calls ops from a session until stopped. */
  async lane(name: string): Promise<void> {
    const session = await this.#objects.session({ name })
    const counter = await session.open(Counter, PATHS.counter)
    let handles: Handles | undefined
    const lane = new Lane(name, session)
    while (this.#alive) {
      await this.#pause()
      if (!this.#alive) return
      const goesOn = await this.#tried(async () => {
        if (handles === undefined && (!this.#late || this.#prng.chance(0.2))) handles = await this.#open(session)
        await Promise.all(Array.from({ length: this.#prng.integer(1, 4) }, () => this.#one(counter, handles, lane)))
        this.#noteDigest()
      })
      if (!goesOn) return
    }
  }

  /** Reads until stopped, with reads that overlap those of other readers. */
  async reader(): Promise<void> {
    let handles: Handles | undefined
    while (this.#alive) {
      await this.#pause()
      if (!this.#alive) return
      const goesOn = await this.#tried(async () => {
        const opened = (handles ??= await this.#open(this.#objects.own))
        const withinMs = this.#prng.pick(OVERLAPS_MS)
        await Promise.all(
          Array.from({ length: this.#prng.integer(1, 5) }, async () => {
            await this.#log.cluster.pause(this.#prng.next() * withinMs)
            await this.#read(opened)
          }),
        )
        this.#noteDigest()
      })
      if (!goesOn) return
    }
  }

  #pause(): Promise<void> {
    return this.#log.cluster.pause(this.#prng.next() * this.#thinkMs)
  }

  /** Tells whether to go on. No fault of a run is a reason for a view to stop: only the end of its process is. */
  async #tried(run: () => Promise<void>): Promise<boolean> {
    try {
      await run()
      return true
    } catch (thrown) {
      if (
        !isError(thrown)
        || ['INVARIANT', 'APPLY_FAILED', 'DIVERGED', 'MISUSE', 'CODE_MISSING'].includes(thrown.code)
      ) {
        throw thrown
      }
      if (thrown.next === 'stop' && thrown.code !== 'CLOSED') {
        this.#checker.fail('O1', `a view or a session stopped: ${thrown.code} ${thrown.message}`)
      }
      return thrown.code !== 'CLOSED'
    }
  }

  async #open(session: ObjectSession): Promise<Handles> {
    const handles = await handlesOf(session)
    if (this.#late) this.#calls.count('objects.lateType')
    this.#late = false
    return handles
  }

  #one(counter: Handles['counter'], handles: Handles | undefined, lane: Lane): Promise<void> {
    const roll = this.#prng.next()
    if (handles === undefined || roll < this.#mix.adds) return this.#add(counter)
    if (roll < this.#mix.adds + this.#mix.appends) return this.#append(handles, lane.nextItem())
    return this.#change(handles)
  }

  async #add(handle: Handles['counter']): Promise<void> {
    const history = this.#history
    const lowest = history.highest
    history.called++
    const value = await this.#calls.run('add', this.#calls.draw(), (options) => handle.add({ by: 1 }, options))
    history.acknowledged++
    if (history.results.has(value)) this.#checker.fail('O9', `two adds were answered with ${value}`)
    if (value <= lowest) this.#checker.fail('O1', `an add called after ${lowest} was known was answered with ${value}`)
    history.results.add(value)
    history.highest = Math.max(history.highest, value)
  }

  async #append({ list }: Handles, item: string): Promise<void> {
    const history = this.#history
    const lowest = history.lengthAcknowledged
    const length = (await this.#judged('append', (options) => list.append({ item }, options))).value
    if (length <= lowest) {
      this.#checker.fail('O1', `an append to the list called after it had ${lowest} items was answered with ${length}`)
    }
    history.lengthAcknowledged = Math.max(history.lengthAcknowledged, length)
    const { items } = list.state
    if (items[length - 1] !== item) {
      this.#checker.fail(
        'O1',
        `an append of ${item} was answered with length ${length}, and its session reads ${items[length - 1]} there`,
      )
    }
    this.#look(list)
  }

  async #change({ register }: Handles): Promise<void> {
    const value = this.#history.nextValue++
    const before = register.state.value
    const roll = this.#prng.next()
    if (roll < this.#mix.failing) {
      await this.#judged('explode', (options) => register.explode({ value: -value }, options))
    } else if (roll < 0.5) await this.#judged('write', (options) => register.write({ value }, options))
    else await this.#judged('swap', (options) => register.swap({ from: before, to: value }, options))
  }

  /** Calls an op of the register or the list, and keeps what its caller was told, also where it was refused. */
  async #judged(name: string, run: (options: CallOptions) => Promise<Answer>): Promise<Answer> {
    const lowest = this.#history.position
    try {
      const answer = await this.#calls.run(name, this.#calls.draw(), run)
      this.#told(name, lowest, answer.position, { kind: 'result', value: answer.value })
      return answer
    } catch (thrown) {
      const code = isError(thrown) ? thrown.code : ''
      if (!isError(thrown) || (code !== 'REJECTED' && (code !== 'APPLY_FAILED' || name !== 'explode'))) throw thrown
      const { position, value } = thrown.facts
      this.#told(
        name,
        lowest,
        Number(position),
        code === 'REJECTED' ? { kind: 'rejected', value: Number(value) } : { kind: 'failed', value: 0 },
      )
      return { value: 0, position: Number(position) }
    }
  }

  #told(name: string, lowest: number, position: number, fate: Fate): void {
    const history = this.#history
    if (position <= lowest) {
      this.#checker.fail(
        'O1',
        `${name} was called after an op at position ${lowest} was acknowledged, and took effect at ${position}`,
      )
    }
    if (history.fates.has(position)) {
      this.#checker.fail('O4', `two ops were told that they took effect at position ${position}`)
    }
    history.fates.set(position, fate)
    history.position = Math.max(history.position, position)
    this.#calls.count(`objects.${fate.kind}`)
  }

  /** One `sync`, which must show whatever was acknowledged before it was called. */
  async #read({ list, register, counter }: Handles): Promise<void> {
    const { position, lengthAcknowledged, highest } = this.#history
    const atLeast =
      position >= 0 && this.#prng.chance(this.#mix.atLeast) ? this.#prng.integer(this.#from, position + 6) : undefined
    await this.#calls.run('sync', this.#calls.draw(), (options) =>
      list.sync({ ...options, ...(atLeast === undefined ? {} : { atLeast }) }),
    )
    this.#look(list)
    if (register.state.value < 0) {
      this.#checker.fail('O12', `the register is ${register.state.value}, which only an op that failed has written`)
    }
    if (atLeast !== undefined) {
      if (list.position < atLeast) this.#checker.fail('O1', `a sync at least to ${atLeast} ended at ${list.position}`)
      return
    }
    if (list.position < position) {
      this.#checker.fail(
        'O1',
        `a sync ended at ${list.position}, an op at ${position} was acknowledged before it was called`,
      )
    }
    const { length } = list.state.items
    if (length < lengthAcknowledged) {
      this.#checker.fail(
        'O1',
        `a sync shows ${length} items of the list, it had ${lengthAcknowledged} before the sync was called`,
      )
    }
    if (counter.state.value < highest) {
      this.#checker.fail(
        'O1',
        `a sync shows a counter of ${counter.state.value}, it was ${highest} before the sync was called`,
      )
    }
  }

  /** What a view shows at any time: never less than before, and every list is the beginning of every longer one. */
  #look(list: Handles['list']): void {
    const {
      position,
      state: { items },
    } = list
    const shown = this.#shown
    if (position < shown.position || items.length < shown.length) {
      this.#checker.fail(
        'O1',
        `a view that stood at ${shown.position} with ${shown.length} items stands at ${position} with ${items.length}`,
      )
    }
    this.#shown = { position, length: items.length }
    const known = this.#history.list
    const differs = items.slice(0, known.length).findIndex((item, i) => item !== known[i])
    if (differs >= 0) {
      this.#checker.fail('O1', `item ${differs} of the list was ${known[differs]} and is ${items[differs]}`)
    }
    if (items.length <= known.length) return
    this.#checkOrder(items, known.length)
    this.#history.list = items
  }

  /** The items of a session are numbered in the order of their calls. */
  #checkOrder(items: readonly string[], from: number): void {
    for (let i = from; i < items.length; i++) {
      const item = items[i] ?? ''
      const dot = item.lastIndexOf('.')
      const later = items
        .slice(0, i)
        .find(
          (other) =>
            other.startsWith(item.slice(0, dot + 1)) && Number(other.slice(dot + 1)) >= Number(item.slice(dot + 1)),
        )
      if (later !== undefined) this.#checker.fail('O4', `${item} comes after ${later} of the same session in the list`)
    }
  }

  /** Views that know all types must agree. */
  #noteDigest(): void {
    if (this.#late) return
    const at = this.#objects.position
    const digest = JSON.stringify(this.#objects.digest())
    const known = this.#history.digests.get(at)
    if (known !== undefined && known !== digest) {
      this.#checker.fail('O3', `two views differ at position ${at}: ${known} and ${digest}`)
    }
    this.#history.digests.set(at, digest)
  }

  /**
   * The end: everybody was told what a model says, everything acknowledged is there, and nothing more than was called.
   */
  async judge(): Promise<void> {
    const handles = await handlesOf(this.#objects.own, PATIENT)
    const { counter, list, register } = handles
    const { acknowledged } = this.#history
    await list.sync(PATIENT)
    const { value } = counter.state
    const { called } = this.#history
    if (value < acknowledged || value > called) {
      this.#checker.fail('O9', `the counter is ${value} after ${acknowledged} acknowledged adds of ${called}`)
    }
    this.#look(list)
    this.#noteDigest()
    // Nothing is wrong any more: calls of one turn must all go through.
    await Promise.all([0, 1, 2].map(() => list.append({ item: `judge.${this.#history.nextValue++}` }, PATIENT)))
    const is = {
      position: list.position,
      list: list.state.items,
      counter: counter.state.value,
      register: register.state.value,
    }
    const fates = [...this.#history.fates].filter(([position]) => position <= is.position)
    this.#compare(
      playModel(await this.#log.readStream({ stream: ROOT_STREAM, from: this.#from, to: is.position + 1, ...PATIENT })),
      is,
      fates,
    )
  }

  #compare(
    model: Modelled,
    is: { readonly list: readonly string[]; readonly counter: number; readonly register: number },
    fates: readonly (readonly [number, Fate])[],
  ): void {
    if (JSON.stringify(model.list) !== JSON.stringify(is.list)) {
      this.#checker.fail(
        'O4',
        `the list is ${is.list.join(' ')}, by the entries of the log it is ${model.list.join(' ')}`,
      )
    }
    if (model.counter !== is.counter) {
      this.#checker.fail('O9', `the counter is ${is.counter}, by the entries of the log it is ${model.counter}`)
    }
    if (model.register !== is.register) {
      this.#checker.fail('O4', `the register is ${is.register}, by the entries of the log it is ${model.register}`)
    }
    for (const [position, fate] of fates) {
      const right = model.fates.get(position)
      if (right?.kind !== fate.kind || right.value !== fate.value) {
        this.#checker.fail(
          'O4',
          `the op at position ${position} was told ${JSON.stringify(fate)}, the model says ${JSON.stringify(right)}`,
        )
      }
    }
  }
}
