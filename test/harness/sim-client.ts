/**
 * A client of a simulated run: a random load, and the history of what it saw.
 *
 * Checks what only a client can see: real time of appends and tails (L7), complete and ordered streams (L2, Q4, L8).
 * Read next: `sim-cluster.ts`, `../../testing/models.ts` (the history's judge).
 */
import type { LogClient } from '../../log/client/client.ts'
import { OBJECT_STREAMS, type Entry } from '../../log/entry.ts'
import { isError } from '../../log/errors.ts'

import type { LogInput, LogOutput } from '../../testing/models.ts'
import type { Calls } from './calls.ts'
import type { Checker } from './checker.ts'
import { hasTrims, type Plan } from './plan.ts'
import { Prng } from './prng.ts'

/** The first stream of the load; those below belong to the objects. */
export const LOAD_STREAMS = 18

/** One append that was acknowledged. */
export interface Acked {
  readonly position: number
  readonly value: number
  readonly streams: readonly number[]
}

/** What all clients of a run share: acknowledgements in order, the highest tail returned. */
export class SharedHistory {
  readonly acked: Acked[] = []
  highestAcked = -1
  highestTail = 0
  /** Records for the judge of whole histories. */
  readonly operations: {
    client: number
    call: number
    return: number
    input: LogInput
    output: LogOutput | undefined
  }[] = []
  /** Reads of what is not written yet: the judge has no word for them. */
  readonly dropped = new Set<SharedHistory['operations'][number]>()
  clock = 0
  nextValue = 1
  /** The highest trim that was acknowledged, and the highest that was begun. */
  trimmed = 0
  trimBegun = 0
  /** The first position that there ever was. */
  from = 0

  /** Somebody else has begun a trim, of which nobody hears when it is done. */
  trims(before: number): void {
    if (before <= this.trimBegun) return
    this.trimBegun = before
    const input: LogInput = { op: 'trim', before }
    this.operations.push({
      client: this.operations.length,
      call: this.clock++,
      return: Infinity,
      input,
      output: undefined,
    })
  }

  /** Everything below is gone from the start. */
  begin(from: number): void {
    this.from = from
    this.highestAcked = from - 1
    this.highestTail = from
    this.trimmed = from
    this.trimBegun = from
  }
}

const encodeValue = (value: number): Uint8Array => new Uint8Array(new Float64Array([value]).buffer)
export const decodeValue = (payload: Uint8Array): number =>
  new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getFloat64(0, true)

/** One client process with its load. */
export class SimClient {
  readonly log: LogClient
  readonly #plan: Plan
  readonly #prng: Prng
  readonly #slow: Prng
  readonly #checker: Checker
  readonly #shared: SharedHistory
  readonly #failed: (error: unknown) => void
  readonly #calls: Calls
  #alive = true
  calls = 0
  errors = 0

  constructor(
    plan: Plan,
    prng: Prng,
    log: LogClient,
    checker: Checker,
    shared: SharedHistory,
    calls: Calls,
    failed: (error: unknown) => void,
  ) {
    this.#calls = calls
    this.#plan = plan
    this.#prng = prng
    this.#slow = new Prng(`${plan.seed}/slow/${log.writer}`)
    this.log = log
    this.#checker = checker
    this.#shared = shared
    this.#failed = failed
  }

  stop(): void {
    this.#alive = false
  }

  /** Loads until stopped. */
  start(): void {
    const stream = LOAD_STREAMS + this.#prng.integer(0, this.#plan.streams)
    if (!hasTrims(this.#plan) && this.#prng.chance(0.7)) {
      // What the live subscription of this client has delivered.
      const delivered: number[] = []
      this.log.player(stream, this.#shared.from, {
        deliver: (entries) => {
          this.#deliver(stream, entries, delivered)
        },
        reached: () => undefined,
        failed: (error) => {
          this.#failed(error)
        },
      })
    }
    if (!hasTrims(this.#plan) && this.#plan.subscribers) void this.#consume(stream).catch(this.#failed)
    for (let lane = this.#prng.integer(1, 3); lane > 0; lane--) void this.#lane().catch(this.#failed)
  }

  /** Follows a stream more slowly than it grows. */
  async #consume(stream: number): Promise<void> {
    const delivered: number[] = []
    for await (const entry of this.log.subscribe({ stream, from: this.#shared.from })) {
      this.#deliver(stream, [entry], delivered)
      await this.log.cluster.pause(this.#slow.next() * 20)
      if (!this.#alive) return
    }
  }

  async #lane(): Promise<void> {
    while (this.#alive) {
      await this.log.cluster.pause(this.#prng.next() * this.#plan.thinkMs)
      if (!this.#alive) return
      this.calls++
      try {
        await this.#one()
      } catch (thrown) {
        if (
          !isError(thrown)
          || [thrown.code, thrown.facts['code']].includes('INVARIANT')
          || thrown.code === 'BAD_FRAME'
        ) {
          throw thrown
        }
        this.errors++
      }
    }
  }

  #one(): Promise<void> {
    const roll = this.#prng.next()
    if (roll < 0.5) return this.append()
    if (roll < 0.6) return this.#burst()
    if (roll < 0.75) return this.#read()
    if (roll < 0.85) return this.#tail()
    if (roll < 0.95) return this.#readStream()
    if (roll < 0.97 || !this.#plan.withTrim) return this.#fill()
    return this.#trim()
  }

  /** Appends one value and records it. */
  async append(): Promise<void> {
    const shared = this.#shared
    const value = shared.nextValue++
    const streams = Array.from({ length: this.#plan.streams }, (_, i) => LOAD_STREAMS + i).filter(() =>
      this.#prng.chance(0.5),
    )
    const lowest = shared.highestAcked
    const operation = this.#begin({ op: 'append', value })
    const { position } = await this.#calls.run('append', this.#calls.draw(), (options) =>
      this.log.append(encodeValue(value), { ...options, streams }),
    )
    this.#end(operation, position)
    if (position <= lowest) {
      this.#checker.fail('L7', `an append called after position ${lowest} was acknowledged got position ${position}`)
    }
    shared.highestAcked = Math.max(shared.highestAcked, position)
    shared.acked.push({ position, value, streams })
  }

  async #burst(): Promise<void> {
    const count = this.#prng.integer(2, 8)
    await Promise.all(Array.from({ length: count }, () => this.append()))
  }

  async #read(): Promise<void> {
    // Half of the reads go where appends are on their way.
    const { from } = this.#shared
    const near = this.#shared.highestAcked + 1
    const position = this.#prng.chance(0.5)
      ? this.#prng.integer(Math.max(from, near - 2), near + 4)
      : this.#prng.integer(from, this.#shared.highestTail + 2)
    const operation = this.#begin({ op: 'read', position })
    const wasDecided = this.#checker.decided.has(position)
    const result = await this.#calls.run('read', this.#calls.draw(), (options) => this.log.read(position, options))
    this.#calls.count(`read.${result.kind}`)
    // Whatever anybody was told before the call is on every unit of its chain, so that a right reader finds it.
    if (result.kind === 'unwritten' && wasDecided) {
      this.#checker.fail('L2', `position ${position} was read as unwritten, it was decided before the read was called`)
    }
    // The objects of the run write entries of their own, which the judge of this load knows nothing of.
    if (
      result.kind === 'unwritten'
      || (result.kind === 'data' && result.entry.streams.some((link) => link.stream < OBJECT_STREAMS))
    ) {
      this.#drop(operation)
    } else {
      this.#end(
        operation,
        result.kind === 'data' ? { kind: 'data', value: decodeValue(result.entry.payload) } : { kind: result.kind },
      )
    }
  }

  async #tail(): Promise<void> {
    const lowest = Math.max(this.#shared.highestAcked + 1, this.#shared.highestTail)
    const operation = this.#begin({ op: 'tail' })
    const { tail } = await this.#calls.run('tail', this.#calls.draw(), (options) =>
      this.log.tail({ ...options, streams: [LOAD_STREAMS] }),
    )
    this.#end(operation, tail)
    if (tail < lowest) this.#checker.fail('L7', `a linearizable tail of ${tail} was read after ${lowest} was known`)
    this.#shared.highestTail = Math.max(this.#shared.highestTail, tail)
  }

  async #readStream(): Promise<void> {
    const stream = LOAD_STREAMS + this.#prng.integer(0, this.#plan.streams)
    const before = this.#shared.acked.filter((one) => one.streams.includes(stream)).map((one) => one.position)
    const from = this.#prng.chance(0.5)
      ? this.#shared.from
      : this.#prng.integer(this.#shared.from, this.#shared.highestTail + 1)
    const to = this.#to(from)
    const trimmed = this.#shared.trimmed
    try {
      const entries = await this.#calls.run('readStream', this.#calls.draw(), (options) =>
        this.log.readStream({ ...options, stream, from, ...(to === undefined ? {} : { to }) }),
      )
      const positions = entries.map((entry) => entry.position)
      this.#checkOrder(
        stream,
        from,
        positions,
        before.filter((position) => position < (to ?? Infinity)),
      )
      if (to !== undefined && (positions.at(-1) ?? -1) >= to) {
        this.#checker.fail('Q4', `stream ${stream} was read up to ${to}, and position ${positions.at(-1)} came`)
      }
      // Where the stream has nothing from there on, nothing is missing, and no unit is asked.
      if (from < trimmed && before.some((position) => position >= from && position < (to ?? Infinity))) {
        this.#checker.fail('L8', `stream ${stream} was read from ${from} though it is trimmed below ${trimmed}`)
      }
    } catch (thrown) {
      if (isError(thrown, 'TRIMMED') && from >= this.#shared.trimBegun) {
        this.#checker.fail('L8', `a read from ${from} was told trimmed, nothing above ${this.#shared.trimBegun} was`)
      }
      throw thrown
    }
  }

  /** Some reads end at a position, which may lie beyond the tail. */
  #to(from: number): number | undefined {
    const {
      plan: { calls },
      prng,
    } = { plan: this.#plan, prng: this.#prng }
    if (!calls.ends || !prng.chance(0.3)) return undefined
    this.#calls.count('call.to')
    const tail = this.#shared.highestAcked + 1
    return Math.max(from, prng.integer(this.#shared.from, tail + 20))
  }

  #checkOrder(stream: number, from: number, positions: readonly number[], acked: readonly number[]): void {
    if (positions.some((position, i) => position < from || position <= (positions[i - 1] ?? -1))) {
      this.#checker.fail('Q4', `stream ${stream} came out of order: ${positions.join(' ')}`)
    }
    const seen = new Set(positions)
    const missing = acked.find((position) => position >= from && !seen.has(position))
    if (missing !== undefined) {
      this.#checker.fail(
        'Q4',
        `stream ${stream} read from ${from} lacks position ${missing}, acknowledged before the call; it has `
          + positions.join(' '),
      )
    }
  }

  #deliver(stream: number, entries: readonly Entry[], delivered: number[]): void {
    for (const { position, streams } of entries) {
      const last = delivered.at(-1) ?? -1
      if (position <= last) this.#checker.fail('Q4', `a subscription to stream ${stream} got ${position} after ${last}`)
      if (!streams.some((link) => link.stream === stream)) {
        this.#checker.fail('Q4', `a subscription to stream ${stream} got position ${position} of other streams`)
      }
      const skipped = this.#shared.acked.find(
        (one) => one.position > last && one.position < position && one.streams.includes(stream),
      )
      if (skipped !== undefined) {
        this.#checker.fail(
          'Q4',
          `a subscription to stream ${stream} skipped the acknowledged position ${skipped.position}`,
        )
      }
      delivered.push(position)
    }
  }

  async #fill(): Promise<void> {
    const { tail } = await this.log.tail({ linearizable: false })
    if (tail === this.#shared.from) return
    const position = this.#prng.integer(Math.max(this.#shared.from, tail - 4), tail)
    await this.#calls.run('fill', this.#calls.draw(), (options) => this.log.fill(position, options))
  }

  async #trim(): Promise<void> {
    const before = this.#prng.integer(this.#shared.from, this.#shared.highestTail + 1)
    this.#shared.trimBegun = Math.max(this.#shared.trimBegun, before)
    const operation = this.#begin({ op: 'trim', before })
    await this.#calls.run('trim', this.#calls.draw(), (options) => this.log.trim(before, options))
    this.#end(operation, undefined)
    this.#checker.trimAcknowledged(before)
    this.#shared.trimmed = Math.max(this.#shared.trimmed, before)
  }

  /** Every operation is a client of its own for the judge: one that never returned must not call again. */
  #begin(input: LogInput): SharedHistory['operations'][number] {
    const operation: SharedHistory['operations'][number] = {
      client: this.#shared.operations.length,
      call: this.#shared.clock++,
      return: Infinity,
      input,
      output: undefined,
    }
    this.#shared.operations.push(operation)
    return operation
  }

  #end(operation: SharedHistory['operations'][number], output: LogOutput | undefined): void {
    operation.return = this.#shared.clock++
    operation.output = output
  }

  #drop(operation: SharedHistory['operations'][number]): void {
    this.#shared.dropped.add(operation)
  }
}
