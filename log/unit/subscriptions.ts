/**
 * Who wants which stream pushed: a machine beside the unit.
 *
 * Each subscription has a cursor: what was decided when the cursor passed has been pushed, what becomes decided
 * behind the cursor later is pushed then. A slow subscriber costs a cursor, not a buffer: while its connection is
 * full it only falls back. Owns: the cursors. Read next: `server.ts`, `../playback/stream-player.ts` for the other
 * end.
 */
import { viewOf } from '../bytes/bytes.ts'
import { lengthAt, streamsAt } from '../entry.ts'
import { SirtakiError } from '../errors.ts'
import { limits as usual, type Limits } from '../limits.ts'
import { writeStreamPart, type StreamFrom } from '../wire/messages.ts'
import type { Caller } from '../wire/server.ts'
import { DATA } from './position-index.ts'
import type { Unit } from './unit.ts'

interface Subscription {
  readonly caller: Caller
  readonly request: number
  readonly stream: number
  cursor: number
  late: number[]
  toldTo: number
  dirty: boolean
  damagedFrom: number
}

const nobody: ReadonlySet<Subscription> = new Set()
/** The bounds of a push. */
export type PushLimits = Pick<Limits, 'pushBytesMax' | 'pushLagBytesMax' | 'frameBytesMax'>

/** All subscriptions of one unit. */
export class Subscriptions {
  readonly #unit: Unit
  readonly #limits: PushLimits
  readonly #byCaller = new Map<Caller, Map<number, Subscription>>()
  readonly #byStream = new Map<number, Set<Subscription>>()
  #fresh: number[] = []
  #count = 0
  #damaged = false

  constructor(unit: Unit, limits: PushLimits = usual) {
    this.#unit = unit
    this.#limits = limits
  }

  get size(): number {
    return this.#count
  }
  /** How many streams somebody wants. */
  get streams(): number {
    return this.#byStream.size
  }

  /**
   * @throws SirtakiError `OVERLOADED` when the caller has too many, `TRIMMED` when the start is gone, `WRONG_CHAIN`
   * where not all is here from the start to the open end.
   */
  add(caller: Caller, request: number, { stream, from, step, index }: StreamFrom, max: number): void {
    const { state } = this.#unit
    if (from < state.trim) {
      throw new SirtakiError('TRIMMED', `stream ${stream} is trimmed below ${state.trim}, ${from} was asked for`, {
        facts: { position: from, trim: state.trim },
      })
    }
    if (this.#unit.requireCovered({ from, step, index }) !== Infinity) {
      throw new SirtakiError(
        'WRONG_CHAIN',
        `a subscription of stream ${stream} from ${from} on begins below the open segment`,
        { facts: { position: from } },
      )
    }
    const own = this.#byCaller.get(caller) ?? new Map<number, Subscription>()
    if (own.size >= max) throw new SirtakiError('OVERLOADED', `${max} subscriptions of one connection are the limit`)
    const subscription: Subscription = {
      caller,
      request,
      stream,
      cursor: from,
      late: [],
      toldTo: -1,
      dirty: true,
      damagedFrom: Infinity,
    }
    own.set(request, subscription)
    this.#byCaller.set(caller, own)
    const others = this.#byStream.get(stream) ?? new Set<Subscription>()
    others.add(subscription)
    this.#byStream.set(stream, others)
    this.#count++
    state.onDecided = (position) => {
      this.#fresh.push(position)
    }
  }

  remove(caller: Caller, request: number): void {
    const subscription = this.#byCaller.get(caller)?.get(request)
    if (subscription === undefined) return
    this.#byCaller.get(caller)?.delete(request)
    const others = this.#byStream.get(subscription.stream)
    others?.delete(subscription)
    // There may be as many streams as there were subscriptions ever.
    if (others?.size === 0) this.#byStream.delete(subscription.stream)
    this.#count--
    if (this.#count === 0) {
      this.#unit.state.onDecided = undefined
      this.#fresh = []
    }
  }

  gone(caller: Caller): void {
    for (const request of [...(this.#byCaller.get(caller)?.keys() ?? [])]) this.remove(caller, request)
    this.#byCaller.delete(caller)
  }

  /** This unit has another place now: what it would push from here on is not the whole of it. Everybody begins anew. */
  endAll(epoch: number): void {
    for (const [caller, own] of this.#byCaller) {
      for (const request of own.keys()) {
        caller.refuse(
          'subscribe',
          request,
          new SirtakiError('WRONG_CHAIN', `epoch ${epoch} gives this unit another place`),
        )
      }
    }
    this.#byCaller.clear()
    this.#byStream.clear()
    this.#count = 0
    this.#fresh = []
    this.#unit.state.onDecided = undefined
  }

  /**
   * Whether somebody beside `caller` waits for one of these entries, so that their marks should not wait for a frame
   * to ride on. Who writes and watches plays its own entries as it gets them acknowledged (measured: a counter is 1.5
   * times as fast).
   */
  subscribedByOthers(caller: Caller, entries: Uint8Array): boolean {
    const own = this.#byCaller.get(caller)?.size ?? 0
    if (this.#count <= own) return false
    const view = viewOf(entries)
    let last = -1
    for (let at = 0; at < entries.byteLength; at += lengthAt(view, at)) {
      for (const stream of streamsAt(view, at)) {
        if (stream === last) continue
        last = stream
        for (const subscription of this.#byStream.get(stream) ?? nobody) if (subscription.caller !== caller) return true
      }
    }
    return false
  }

  /** Pushes what has become due. Tells whether somebody is still behind. */
  push(): boolean {
    if (this.#count === 0) return false
    if (this.#damaged && this.#unit.state.damaged.size === 0) this.#mended()
    this.#noteFresh()
    let behind = false
    for (const own of this.#byCaller.values()) {
      for (const subscription of own.values()) {
        if (subscription.dirty) this.#pushTo(subscription)
        behind ||= subscription.dirty
      }
    }
    return behind
  }

  #noteFresh(): void {
    const { state } = this.#unit
    const fresh = this.#fresh
    this.#fresh = []
    for (const position of fresh) {
      if ((state.index.flags(position) & DATA) === 0) continue
      const bytes = state.bytesOf(position)
      if (bytes === undefined) {
        this.#noteDamage(position)
        continue
      }
      for (const stream of streamsAt(viewOf(bytes), 0)) {
        for (const subscription of this.#byStream.get(stream) ?? nobody) {
          subscription.dirty = true
          if (position < subscription.cursor) subscription.late.push(position)
        }
      }
    }
  }

  /** What was damaged is whole again: who was kept waiting gets it now. */
  #mended(): void {
    this.#damaged = false
    for (const own of this.#byCaller.values()) {
      for (const subscription of own.values()) {
        if (subscription.damagedFrom === Infinity) continue
        subscription.cursor = Math.min(subscription.cursor, subscription.damagedFrom)
        subscription.damagedFrom = Infinity
        subscription.dirty = true
      }
    }
  }

  /** Nobody can tell whose entry it was: all that have passed it are told no more that they have everything. */
  #noteDamage(position: number): void {
    this.#damaged = true
    for (const own of this.#byCaller.values()) {
      for (const subscription of own.values()) {
        if (position < subscription.cursor) subscription.damagedFrom = Math.min(subscription.damagedFrom, position)
      }
    }
  }

  #pushTo(subscription: Subscription): void {
    if (subscription.caller.buffered > this.#limits.pushLagBytesMax) {
      if (subscription.late.length > 0) this.#unit.state.failpoint?.('push.lags')
      return
    }
    const { state } = this.#unit
    const { pushBytesMax, frameBytesMax } = this.#limits
    // Half a frame and one entry fit into a frame.
    const bytesMax = Math.min(pushBytesMax, frameBytesMax / 2)
    const entries: Uint8Array[] = []
    let bytes = 0
    const give = (position: number): void => {
      const entry = state.bytesOf(position)
      // What we cannot read we do not claim to have sent: the subscriber asks another unit for it.
      if (entry === undefined) {
        this.#damaged = true
        subscription.damagedFrom = Math.min(subscription.damagedFrom, position)
        return
      }
      entries.push(entry)
      bytes += entry.byteLength
    }
    const { late } = subscription
    let given = 0
    for (; given < late.length && bytes < bytesMax; given++) {
      if ((late[given] ?? 0) >= state.trim) give(late[given] ?? 0)
    }
    subscription.late = late.slice(given)
    const next = (at: number): number => state.nextIn(subscription.stream, at)
    for (let position = next(subscription.cursor); position >= 0 && bytes < bytesMax; position = next(position + 1)) {
      if (state.isDecided(position) && state.places.owns(position)) give(position)
      subscription.cursor = position + 1
    }
    const isBehind = next(subscription.cursor) >= 0
    const more = isBehind || subscription.late.length > 0
    subscription.dirty = more
    // Complete below the prefix, except what the budget of this turn has cut off.
    const cutOff = subscription.late.reduce((low, at) => Math.min(low, at), isBehind ? subscription.cursor : Infinity)
    const completeTo = Math.min(state.prefix, subscription.damagedFrom, cutOff)
    if (entries.length === 0 && completeTo <= subscription.toldTo) return
    subscription.toldTo = completeTo
    subscription.caller.push(
      subscription.request,
      writeStreamPart({ completeTo, trim: state.trim, more, count: entries.length }, entries),
    )
  }
}
