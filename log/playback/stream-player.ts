/**
 * Plays one stream: pushed entries from a unit of every chain, in order, with complete answers where order needs them.
 *
 * Owns: the subscriptions of one stream and its `StreamOrder`. A lost connection is a new subscription from `next`; a
 * hole of another stream never blocks; a hole of this one is waited for, then resolved. Keeps: Q4, L2, L8, O6 (its
 * base). Read next: `stream-order.ts`, `../unit/subscriptions.ts`.
 */
import type { FlowOptions } from '../cluster/calls.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { resolveRange } from '../cluster/resolve.ts'
import { Backoff, aborted, either } from '../cluster/retry.ts'
import { checkEntry, clusterSeed, type Entry, type EntryBounds } from '../entry.ts'
import { SirtakiError, asError, isError } from '../errors.ts'
import { chainsOf, openSegment, segmentOf, type Chain, type Layout } from '../layout.ts'
import type { Timer } from '../ports.ts'
import { firstOfClass } from '../ranges.ts'
import { readStreamPart, writeStreamFrom } from '../wire/messages.ts'
import { decodeEntries } from './read.ts'
import { StreamOrder } from './stream-order.ts'
import type { TailReader } from './tail.ts'

/**
 * What a player does with what it finds. `deliver` gets entries in order, once; from inside `offer` where that makes
 * them due.
 */
export interface StreamEvents {
  deliver(entries: readonly Entry[]): void
  /** Everything of the stream below `next` has been delivered, also where it was junk. */
  reached(next: number): void
  /** It cannot go on: trimmed behind the reader. Damage is mended, or left out with its unit: it is waited for. */
  failed(error: SirtakiError): void
}

/** What one chain has of a stream. */
interface Part {
  readonly completeTo: number
  readonly more: boolean
  readonly entries: readonly Entry[]
}

/** A player of one stream. */
export class StreamPlayer {
  readonly #cluster: Cluster
  readonly #tails: TailReader
  readonly #stream: number
  readonly #events: StreamEvents
  readonly #order: StreamOrder
  readonly #waiters = new Set<{ readonly to: number; wake(): void }>()
  #unsubscribe: (() => void)[] = []
  #generation = 0
  #gapTimer: Timer | undefined
  /** How long the next look at a gap waits, since the last ones failed. */
  #gapPauseMs = 0
  readonly #gapAgain: Backoff
  #pulling: Promise<void> | undefined
  #closed = false
  readonly #ending = new AbortController()
  #live: boolean
  /** From here on the subscriptions bring everything; what lies below has to be asked for. */
  #subscribedFrom = 0
  /** Between one subscription and the next; begins anew with every push. */
  #again: Backoff

  constructor(
    cluster: Cluster,
    tails: TailReader,
    stream: number,
    from: number,
    events: StreamEvents,
    options: { live: boolean } = { live: true },
  ) {
    this.#cluster = cluster
    this.#tails = tails
    this.#stream = stream
    this.#events = events
    this.#order = new StreamOrder(stream, from)
    this.#live = options.live
    this.#again = new Backoff(cluster.ports, cluster.limits)
    this.#gapAgain = new Backoff(cluster.ports, cluster.limits)
  }

  /** Everything of the stream below it has been delivered. */
  get next(): number {
    return this.#order.next
  }

  /** Subscribes and goes on doing so until closed. */
  start(): void {
    void this.#subscribe(this.#generation)
  }

  /** Offers a decided entry that its writer has at hand, so that it is not read back. */
  offer(entry: Entry): void {
    if (this.#closed) return
    this.#cluster.noteGranted(entry.position + 1)
    this.#give(this.#order.offer(entry))
    if (this.#order.early > 0) this.#watchGap()
  }

  /**
   * Settles when everything of the stream below `to` has been delivered. A `to` beyond the tail is a wish: it waits for
   * the log to get there, and nothing is asked of the units meanwhile (P66).
   *
   * @throws SirtakiError `TRIMMED`; `TIMEOUT` with the tail in its facts where the log did not get there, with
   *   `DAMAGED` as its cause where no unit could give what was damaged; `ABORTED`, `CLOSED`.
   */
  async playTo(to: number, options: FlowOptions = {}): Promise<void> {
    if (this.#order.next >= to) return
    const { clock } = this.#cluster.ports
    const deadline = clock.now() + (options.timeoutMs ?? this.#cluster.limits.requestMs)
    if (this.#live) await this.#pushedTo(to)
    if (this.#order.next >= to) return
    const { signal } = options
    const left = (): FlowOptions => ({
      signal,
      timeoutMs: Math.max(0, deadline - clock.now()),
      noted: (error) => {
        options.noted?.(error)
      },
    })
    if (this.#cluster.granted < to) await this.#granted(to, left())
    try {
      await this.#playNow(to, left())
    } catch (thrown) {
      if (!isError(thrown, 'DAMAGED')) throw thrown
      const { message, facts } = thrown
      throw new SirtakiError('TIMEOUT', `stream ${this.#stream} could not be played to ${to} in time: ${message}`, {
        next: 'again',
        cause: thrown,
        facts,
      })
    }
  }

  /** Waits until the log has got to `to`, or this player is closed. */
  async #granted(to: number, options: FlowOptions): Promise<void> {
    const signal = either(this.#ending.signal, options.signal)
    try {
      await this.#tails.reaches(to, { ...options, signal })
    } catch (thrown) {
      throw this.#closed ? playerClosed() : thrown
    }
  }

  async #playNow(to: number, options: FlowOptions): Promise<void> {
    const { signal } = options
    await this.#cluster.retry(options, async (layout) => {
      if (this.#closed) throw playerClosed()
      while (this.#order.next < to) {
        const before = this.#order.next
        if (signal?.aborted === true) throw aborted(signal)
        // The world may have moved on since the last pull: each goes by the newest layout (P7).
        await this.#pull(this.#cluster.layout ?? layout, to).catch(waitForDamage)
        // Without progress the deadline is looked at, and perhaps a newer layout taken.
        if (this.#order.next === before) {
          throw new SirtakiError(
            'TIMEOUT',
            `stream ${this.#stream} could not be played to ${to} in time, it stands at ${before}`,
            { next: 'again', facts: { position: before } },
          )
        }
      }
    })
  }

  /**
   * Waits as long as pushes bring it nearer: a pull costs a message to every chain and would bring what is on its way
   * again.
   */
  async #pushedTo(to: number): Promise<void> {
    for (let before = -1; before < this.#order.next && this.#order.next < to && !this.#closed;) {
      before = this.#order.next
      await this.#arrival(to, Math.max(1, Math.min(this.#cluster.appendLatency.p99, 5)))
    }
  }

  /** Settles when everything below `to` is delivered, or after `ms`. */
  #arrival(to: number, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiter = {
        to,
        wake: (): void => {
          timer.cancel()
          this.#waiters.delete(waiter)
          resolve()
        },
      }
      const timer = this.#cluster.ports.clock.timer(ms, waiter.wake)
      this.#waiters.add(waiter)
    })
  }

  /** Ends the subscriptions; what was being played to fails with `CLOSED`. A `reason` is told to who listens. */
  close(reason?: SirtakiError): void {
    const tells = reason !== undefined && !this.#closed
    this.#closed = true
    this.#ending.abort()
    this.#generation++
    this.#gapTimer?.cancel()
    for (const end of this.#unsubscribe) end()
    this.#unsubscribe = []
    if (tells) this.#events.failed(reason)
  }

  async #subscribe(generation: number): Promise<void> {
    const backoff = new Backoff(this.#cluster.ports, this.#cluster.limits)
    while (!this.#closed && generation === this.#generation) {
      try {
        const layout = await this.#cluster.current()
        if (!this.#closed && generation === this.#generation) this.#open(layout)
        return
      } catch (thrown) {
        if (isError(thrown, 'CLOSED') || asError(thrown).next === 'stop') {
          this.#events.failed(asError(thrown))
          return
        }
        try {
          await backoff.wait()
        } catch {
          return
        }
      }
    }
  }

  #open(layout: Layout): void {
    const again = (): void => {
      if (this.#closed) return
      this.#generation++
      for (const end of this.#unsubscribe) end()
      this.#unsubscribe = []
      const generation = this.#generation
      void this.#again.wait().then(() => this.#subscribe(generation))
    }
    const generation = this.#generation
    const subscribed: string[] = []
    const open = openSegment(layout)
    const chains = chainsOf(open)
    const completeTo = chains.map(() => 0)
    this.#subscribedFrom = Math.max(this.#order.next, open.from)
    // A unit that was left out alive goes on answering, but gets nothing new; one in another chain brings something
    // else.
    this.#unsubscribe.push(
      this.#cluster.onLayout((newer) => {
        this.#hurryGap()
        const now = openSegment(newer).chains
        if (
          generation === this.#generation
          && (now.length !== chains.length
            || subscribed.some((identity, i) => now[i]?.some((unit) => unit.identity === identity) !== true))
        ) {
          again()
        }
      }),
    )
    for (const chain of chains) {
      const unit = chain.units[Math.floor(this.#cluster.ports.random.next() * chain.units.length)]
      if (unit === undefined) continue
      subscribed.push(unit.identity)
      const { step, index } = chain
      const asked = writeStreamFrom({ stream: this.#stream, from: this.#subscribedFrom, step, index })
      const end = this.#cluster.peer(unit.address).subscribe(asked, {
        push: (body) => {
          if (generation === this.#generation) this.#pushed(layout, body, index, completeTo, again)
        },
        closed: (error) => {
          if (generation !== this.#generation) return
          if (error?.next === 'stop') this.close(error)
          else if (this.#cluster.closed) {
            this.close(new SirtakiError('CLOSED', 'the client was closed', { next: 'stop' }))
          } else again()
        },
      })
      this.#unsubscribe.push(end)
    }
    if (this.#missingTo() > 0) this.#watchGap()
  }

  /** Up to where something is known to be missing, 0 where nothing is. */
  #missingTo(): number {
    if (this.#order.early > 0) return this.#order.gapTo
    return this.#order.next < this.#subscribedFrom ? this.#subscribedFrom : 0
  }

  /** `completeTo`: what each chain has pushed everything below. */
  #pushed(layout: Layout, body: Uint8Array, chain: number, completeTo: number[], again: () => void): void {
    try {
      const part = readStreamPart(body)
      const entries = this.#decode(layout, part.entries, part.count)
      this.#again.reset()
      const due: Entry[] = []
      for (const entry of entries) {
        this.#cluster.noteGranted(entry.position + 1)
        for (const one of this.#order.offer(entry)) due.push(one)
      }
      // What was trimmed before it was pushed is missing without a trace here: a pull tells.
      completeTo[chain] = part.trim > this.#order.next ? 0 : Math.max(completeTo[chain] ?? 0, part.completeTo)
      if (this.#order.next >= this.#subscribedFrom) due.push(...this.#order.offeredTo(Math.min(...completeTo)))
      this.#give(due)
      if (this.#missingTo() > 0) this.#watchGap()
    } catch (thrown) {
      // Another unit has it whole, or this one soon.
      if (isError(thrown, 'DAMAGED')) again()
      else this.#events.failed(asError(thrown))
    }
  }

  /** Something came before its turn: what is missing may be on its way, be junk, or be lost. */
  #watchGap(): void {
    if (this.#gapTimer !== undefined) return
    const ms = Math.max(2, Math.min(20, this.#cluster.appendLatency.p99), this.#gapPauseMs)
    this.#gapTimer = this.#cluster.ports.clock.timer(ms, () => {
      this.#gapTimer = undefined
      const to = this.#missingTo()
      if (this.#closed || to === 0) return
      const { layout } = this.#cluster
      if (layout === undefined) return
      this.#cluster.ports.failpoint?.('stream.gap', { stream: this.#stream, next: this.#order.next, gapTo: to })
      void this.#closeGap(layout, to)
    })
  }

  async #closeGap(layout: Layout, to: number): Promise<void> {
    try {
      await this.#pull(layout, to)
      this.#gapWentWell()
    } catch (thrown) {
      await this.#gapFailed(layout, asError(thrown))
    }
    if (!this.#closed && this.#missingTo() > 0) this.#watchGap()
  }

  async #gapFailed(layout: Layout, error: SirtakiError): Promise<void> {
    if (error.code === 'TRIMMED') {
      this.close(error)
      return
    }
    this.#gapPauseMs = this.#gapAgain.next()
    const cluster = this.#cluster
    if (!cluster.closed && error.next === 'refresh' && cluster.layout === layout) {
      await cluster.refresh().catch(() => undefined)
    }
    if (cluster.layout !== layout) this.#gapWentWell()
  }

  #gapWentWell(): void {
    this.#gapPauseMs = 0
    this.#gapAgain.reset()
  }

  /** Under a newer layout everything may be different: no pause holds any more. */
  #hurryGap(): void {
    if (this.#gapPauseMs === 0) return
    this.#gapWentWell()
    if (this.#gapTimer === undefined) return
    this.#gapTimer.cancel()
    this.#gapTimer = undefined
    this.#watchGap()
  }

  /** One complete answer over all chains, as far as it goes; resolves what holds it up. */
  async #pull(layout: Layout, to: number): Promise<void> {
    while (this.#pulling !== undefined) await this.#pulling
    const done = this.#pullOnce(layout, to).finally(() => {
      this.#pulling = undefined
    })
    this.#pulling = done.catch(() => undefined)
    await done
  }

  async #pullOnce(layout: Layout, to: number): Promise<void> {
    const from = this.#order.next
    if (from >= to) return
    const segment = segmentOf(layout, from)
    // What lies below the first segment is trimmed, and every unit says so.
    const { to: end, chains: units } = segment ?? openSegment(layout)
    const chains = units.map((members, index): Chain => ({ index, step: units.length, units: members }))
    const parts = await Promise.all(chains.map((chain) => this.#ask(layout, chain, from, to)))
    // Nothing is delivered any more: whoever waits must not take it for played.
    if (this.#closed) throw playerClosed()
    const completeTo = Math.min(end ?? Infinity, ...parts.map((part) => part.completeTo))
    const entries = parts.flatMap((part) => part.entries).sort((a, b) => a.position - b.position)
    const gapTo = this.#order.early > 0 ? this.#order.gapTo : 0
    if (gapTo > from && gapTo <= completeTo && !entries.some((entry) => entry.position === gapTo - 1)) {
      this.#cluster.ports.failpoint?.('stream.junkPrevious', { position: gapTo - 1 })
    }
    this.#give(this.#order.complete(from, completeTo, entries))
    if (completeTo >= Math.min(to, end ?? Infinity) || parts.some((part) => part.more)) return
    await this.#unblock(layout, chains, parts, to)
  }

  /** Waits for the marks of what is undecided, then resolves it. */
  async #unblock(
    layout: Layout,
    chains: readonly Chain[],
    parts: readonly { completeTo: number }[],
    to: number,
  ): Promise<void> {
    if (this.#waitedAt !== this.#order.next) {
      this.#waitedAt = this.#order.next
      await this.#cluster.pause(Math.max(1, this.#cluster.appendLatency.p99))
      return
    }
    const stuck = chains.map((chain, i) => firstOfClass(parts[i]?.completeTo ?? 0, chain.index, chain.step))
    const from = Math.min(...stuck)
    // Only the position whose age is known may be filled; those behind it may have been granted just now (P16).
    const isOld = this.#holeIsOld(from)
    const found = await resolveRange(this.#cluster, layout, from, isOld ? from + 1 : Math.min(to, from + 64), {
      mayFill: isOld,
    })
    this.#cluster.ports.failpoint?.('stream.resolved', { from })
    if ([...found.values()].some((one) => one.kind === 'hole')) {
      await this.#cluster.pause(this.#cluster.limits.fillFloorMs / 5)
    }
  }

  #waitedAt = -1
  #hole = { position: -1, since: 0 }

  /** What stays a hole for the fill age, though granted (it lies below a tail), may be filled. */
  #holeIsOld(position: number): boolean {
    const now = this.#cluster.ports.clock.now()
    if (this.#hole.position !== position) this.#hole = { position, since: now }
    return now - this.#hole.since >= this.#cluster.fillAgeMs
  }

  async #ask(layout: Layout, { units, step, index }: Chain, from: number, to: number): Promise<Part> {
    const question = writeStreamFrom({ stream: this.#stream, from, step, index, to })
    let failed: SirtakiError | undefined
    const start = Math.floor(this.#cluster.ports.random.next() * units.length)
    for (let i = 0; i < units.length; i++) {
      const unit = units[(i + start) % units.length]
      if (unit === undefined) continue
      try {
        const part = readStreamPart(await this.#cluster.peer(unit.address).request('readStream', question))
        if (part.trim > Math.max(from, this.#order.next)) {
          throw new SirtakiError(
            'TRIMMED',
            `stream ${this.#stream} is trimmed below ${part.trim}, ${from} was asked for`,
            { facts: { position: from, trim: part.trim } },
          )
        }
        return { completeTo: part.completeTo, more: part.more, entries: this.#decode(layout, part.entries, part.count) }
      } catch (thrown) {
        failed = asError(thrown)
        if (failed.code === 'TRIMMED') throw failed
      }
    }
    throw failed ?? new SirtakiError('UNREACHABLE', 'a chain without units')
  }

  #decode(layout: Layout, bytes: Uint8Array, count: number): Entry[] {
    const { entryBytesMax, streamsMax } = this.#cluster.limits
    const bounds: EntryBounds = { seed: clusterSeed(layout.cluster), entryBytesMax, streamsMax }
    return decodeEntries(bytes, count, (all, view, at) => checkEntry(all, view, at, bounds))
  }

  #give(due: readonly Entry[]): void {
    if (this.#closed) return
    this.#cluster.noteGranted(this.#order.next)
    this.#cluster.noteLogTime(due.at(-1)?.logTime ?? 0)
    if (due.length > 0) this.#events.deliver(due)
    this.#events.reached(this.#order.next)
    for (const waiter of this.#waiters) if (waiter.to <= this.#order.next) waiter.wake()
  }
}

const playerClosed = (): SirtakiError => new SirtakiError('CLOSED', 'the player is closed', { next: 'stop' })

/** Whatever an error of damage says: it is mended, or left out with its unit, so the same is asked again. */
function waitForDamage(thrown: unknown): never {
  if (!isError(thrown, 'DAMAGED')) throw thrown
  throw new SirtakiError('DAMAGED', thrown.message, { next: 'again', cause: thrown, facts: thrown.facts })
}
