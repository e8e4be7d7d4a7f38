/**
 * What one process knows of the cluster: its peers and the newest layout it has learnt.
 *
 * Any learnt layout is agreed; whether it is the newest only `../playback/proof.ts` can tell. Owns: the layout and
 * its refreshing. Keeps: P6, P7 (callers capture `layout` and start over on an epoch error). Read next: `resolve.ts`,
 * `../client/append.ts`.
 */
import { SirtakiError, asError } from '../errors.ts'
import { LatencyEstimate } from '../latency.ts'
import { addressesOf, unitsOf, type Layout } from '../layout.ts'
import type { Limits } from '../limits.ts'
import type { Ports } from '../ports.ts'
import { LayoutAnswer } from '../wire/control.ts'
import { Peers } from '../wire/peers.ts'
import type { Peer } from '../wire/rpc.ts'
import { timedOut, type FlowOptions } from './calls.ts'
import { Backoff, RetryBudget, either, pause } from './retry.ts'

/** What a cluster's clients are made with. */
export interface ClusterOptions {
  /** Clock, chance and transport. */
  readonly ports: Ports
  /** All bounds of this client. */
  readonly limits: Limits
  /** Our name, for messages. */
  readonly name: string
  /** Where to ask first. */
  readonly addresses: readonly string[]
  /** A layout known already, from a disk. */
  readonly layout?: Layout | undefined
}

/**
 * Who answers what clients wait for. An acceptor beside a unit that was left out may keep its seat: nobody waits for
 * that one alone.
 */
const servingIn = (layout: Layout): string[] => [
  ...unitsOf(layout).map(({ address }) => address),
  ...(layout.sequencer === null ? [] : [layout.sequencer.address]),
]

/** A try that failed under an epoch. */
interface Failed {
  readonly epoch: number
  readonly backoff: Backoff
  readonly signal?: AbortSignal | undefined
  readonly refreshes: boolean
}

/** The cluster as one process sees it. */
export class Cluster {
  readonly ports: Ports
  readonly limits: Limits
  readonly name: string
  readonly peers: Peers
  readonly appendLatency = new LatencyEstimate()
  readonly budget = new RetryBudget()
  readonly #seeds: readonly string[]
  readonly #waiting = new Set<() => void>()
  readonly #listeners = new Set<(layout: Layout) => void>()
  #layout: Layout | undefined
  #refreshing: Promise<void> | undefined
  /** By address why it did not answer in the last round; empty when one did. */
  #failures: ReadonlyMap<string, SirtakiError> = new Map()
  #request = 0
  #closed = false
  #granted = 0
  #logTime = 0
  readonly #grantedListeners = new Set<() => void>()
  /** Since when calls under this epoch have met servers that do not answer. */
  #trouble: { readonly epoch: number; readonly since: number } | undefined
  /** Told of every such call once that has lasted for a while. */
  onTrouble: (() => void) | undefined

  constructor({ ports, limits, name, addresses, layout }: ClusterOptions) {
    this.ports = ports
    this.limits = limits
    this.name = name
    this.#seeds = addresses
    this.#layout = layout
    this.#granted = layout?.tail ?? 0
    this.peers = new Peers({
      ports,
      limits,
      name,
      cluster: () => this.#layout?.cluster ?? null,
      nextRequest: () => {
        this.#request = this.#request === 0xffff_ffff ? 1 : this.#request + 1
        return this.#request
      },
      learnt: (newer) => {
        this.learn(newer)
      },
    })
  }

  /** The newest layout learnt. */
  get layout(): Layout | undefined {
    return this.#layout
  }
  get closed(): boolean {
    return this.#closed
  }
  /**
   * Every position below it has been granted, or was skipped by an epoch: a tail that a sequencer told this process,
   * that a layout names, or that an entry at hand proves. Holes at or above it are nobody's to fill (P66).
   */
  get granted(): number {
    return this.#granted
  }

  /** The highest log time of a decided entry that this process knows of, in milliseconds. */
  get logTime(): number {
    return this.#logTime
  }

  /** Learns of the log time of a decided entry. */
  noteLogTime(logTime: number): void {
    if (logTime > this.#logTime) this.#logTime = logTime
  }

  /** Learns that everything below `tail` has been granted. */
  noteGranted(tail: number): void {
    if (tail <= this.#granted) return
    this.#granted = tail
    // Told with every grant and every entry played: hardly ever does anybody wait.
    if (this.#grantedListeners.size > 0) for (const listener of [...this.#grantedListeners]) listener()
  }

  /** Calls `listener` whenever `granted` grows, until the function it gives is called. */
  onGranted(listener: () => void): () => void {
    this.#grantedListeners.add(listener)
    return () => {
      this.#grantedListeners.delete(listener)
    }
  }

  peer(address: string): Peer {
    return this.peers.at(address)
  }

  /** Calls `listener` with every newer layout, until the function it gives is called. */
  onLayout(listener: (layout: Layout) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Takes a layout if it is newer. */
  learn(layout: Layout): void {
    if (this.#layout !== undefined && (layout.epoch <= this.#layout.epoch || layout.cluster !== this.#layout.cluster)) {
      return
    }
    const gone =
      this.#layout === undefined
        ? []
        : servingIn(this.#layout).filter((address) => !servingIn(layout).includes(address))
    this.#layout = layout
    this.noteGranted(layout.tail)
    // Who waits for a member that was left out, perhaps because it answers nothing any more, need not wait any longer.
    for (const address of gone) {
      this.peers.abandon(
        address,
        new SirtakiError('EPOCH', `epoch ${layout.epoch} goes on without ${address}`, {
          facts: { address, epoch: layout.epoch },
        }),
      )
    }
    for (const wake of [...this.#waiting]) wake()
    for (const listener of [...this.#listeners]) listener(layout)
  }

  /**
   * Gives a layout of an epoch above `above`, asking around until there is one.
   *
   * @throws SirtakiError `TIMEOUT`, `WRONG_CLUSTER`, `ABORTED`, `CLOSED`; `UNREACHABLE` when all servers have refused
   *   for `refusedMs`.
   */
  async newer(above: number, options: FlowOptions = {}, refusedMs = Infinity): Promise<Layout> {
    const { clock } = this.ports
    const since = clock.now()
    const deadline = since + (options.timeoutMs ?? this.limits.requestMs)
    const refusedAt = since + refusedMs
    const backoff = new Backoff(this.ports, this.limits)
    for (;;) {
      if (this.#layout !== undefined && this.#layout.epoch > above) return this.#layout
      if (this.#closed) throw new SirtakiError('CLOSED', 'the client is closed')
      await this.refresh()
      if (this.#layout !== undefined && this.#layout.epoch > above) return this.#layout
      const trouble = this.#unreached()
      if (trouble !== undefined) options.noted?.(trouble)
      if (trouble?.facts['refused'] === true && clock.now() >= refusedAt) throw trouble
      if (clock.now() >= deadline) throw this.#notSeen(above, trouble)
      const ms = Math.min(backoff.next(), Math.max(1, refusedAt - clock.now()))
      await Promise.race([
        pause(this.ports.clock, ms, options.signal),
        new Promise<void>((wake) => {
          this.#wakeOnce(wake)
        }),
      ])
    }
  }

  #notSeen(above: number, trouble: SirtakiError | undefined): SirtakiError {
    const why = trouble === undefined ? '' : `: ${trouble.message}`
    const what = above === 0 ? 'no layout of the cluster' : `no epoch above ${above}`
    return new SirtakiError('TIMEOUT', `${what} was seen in time at ${this.#addresses().join(', ')}${why}`, {
      next: 'again',
      cause: trouble,
      facts: { epoch: above },
    })
  }

  /**
   * Why no server answered in the last round; `undefined` when one did. `refused`: each said so at once, none was only
   * silent.
   */
  #unreached(): SirtakiError | undefined {
    // In the order in which the addresses were named, whoever failed first.
    const failures = this.#addresses().flatMap((address) => this.#failures.get(address) ?? [])
    if (failures.length === 0) return undefined
    const refused = failures.every(({ facts }) => facts['refused'] !== undefined)
    const messages = failures.map(({ message }) => message).join('; ')
    const advice = refused ? '. Is a server running there, and is the address right?' : ''
    return new SirtakiError('UNREACHABLE', `no server of the cluster answers: ${messages}${advice}`, {
      cause: failures[0],
      next: 'again',
      facts: { addresses: [...this.#failures.keys()], refused },
    })
  }

  /** Settles when a newer layout is learnt, or after `ms`. */
  newerOrPause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel()
        stop()
        resolve()
      }
      const stop = this.onLayout(end)
      const timer = this.ports.clock.timer(ms, end)
    })
  }

  #wakeOnce(wake: () => void): void {
    const once = (): void => {
      this.#waiting.delete(once)
      wake()
    }
    this.#waiting.add(once)
    this.ports.clock.timer(this.limits.retryMaxMs, once)
  }

  /** The layout to act under. @throws as `newer`. */
  async current(options: FlowOptions = {}, refusedMs?: number): Promise<Layout> {
    return this.#layout ?? this.newer(0, options, refusedMs)
  }

  /** Asks everybody known for the newest layout; callers of one moment share the round. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#askAround().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #askAround(): Promise<void> {
    const addresses = this.#addresses()
    const timeoutMs = Math.max(this.limits.retryMinMs * 4, this.limits.requestMs / 5)
    const before = this.#layout?.epoch ?? 0
    const failures = new Map<string, SirtakiError>()
    let known = false
    const answers = addresses.map(async (address) => {
      try {
        const { layout } = await this.peer(address).control('layout', {}, LayoutAnswer, timeoutMs)
        if (layout !== null) {
          known = true
          this.learn(layout)
        }
      } catch (thrown) {
        failures.set(address, asError(thrown))
      }
    })
    // The first newer layout is enough; the others may be dead and would cost their time-out.
    const newer = new Promise<void>((wake) => {
      this.#wakeOnce(wake)
    })
    await Promise.race([Promise.all(answers), newer])
    // One stranger among our own is a server that somebody has put in the wrong place: the others still count.
    this.#failures = failures.size === addresses.length ? failures : new Map()
    const stranger = [...failures.values()].find(({ code }) => code === 'WRONG_CLUSTER')
    if (!known && (this.#layout?.epoch ?? 0) === before && stranger !== undefined) throw stranger
  }

  #addresses(): string[] {
    return [...new Set([...this.#seeds, ...(this.#layout === undefined ? [] : addressesOf(this.#layout))])]
  }

  /**
   * After a failed try: learns a newer layout where the error says so, else waits a little.
   *
   * @throws what cannot be tried again.
   */
  afterError(thrown: unknown, epoch: number, backoff: Backoff, signal?: AbortSignal): Promise<void> {
    const error = asError(thrown)
    return this.#after(error, { epoch, backoff, signal, refreshes: error.next === 'refresh' })
  }

  /**
   * The same after a question: it may be asked again whatever became of it, and who gave no answer may be gone, so a
   * newer layout is asked for.
   */
  afterQuestion(thrown: unknown, epoch: number, backoff: Backoff): Promise<void> {
    const error = asError(thrown)
    return this.#after(error, { epoch, backoff, refreshes: error.next === 'refresh' || error.next === 'unknown' })
  }

  async #after(error: SirtakiError, { epoch, backoff, signal, refreshes }: Failed): Promise<void> {
    if (this.#closed) throw new SirtakiError('CLOSED', 'the client was closed', { cause: error })
    if (error.next === 'stop' || error.code === 'ABORTED') throw error
    this.#noteTrouble(error, epoch)
    if (refreshes && (this.#layout?.epoch ?? 0) <= epoch) await this.refresh()
    await this.backOff(backoff, epoch, signal)
  }

  /**
   * Waits before the next try; a layout newer than `epoch` ends it, for then everything is different.
   *
   * @throws SirtakiError `ABORTED`.
   */
  async backOff(backoff: Backoff, epoch: number, signal?: AbortSignal): Promise<void> {
    if ((this.#layout?.epoch ?? 0) > epoch) return
    const ended = new AbortController()
    const stop = this.onLayout(() => {
      ended.abort()
    })
    try {
      await pause(this.ports.clock, backoff.next(), either(ended.signal, signal))
    } catch (thrown) {
      if (signal?.aborted === true) throw thrown
    } finally {
      stop()
    }
  }

  #noteTrouble({ code }: SirtakiError, epoch: number): void {
    if (code !== 'UNREACHABLE' && code !== 'TIMEOUT') return
    const now = this.ports.clock.now()
    if (this.#trouble?.epoch !== epoch) this.#trouble = { epoch, since: now }
    else if (now - this.#trouble.since >= this.limits.stuckMs) this.onTrouble?.()
  }

  /**
   * Runs `attempt` under the newest layout until it works: one try, one layout (P7).
   *
   * @throws SirtakiError what cannot be tried again; `TIMEOUT` with the last error as its cause once `timeoutMs` are
   *   over.
   */
  async retry<T>(options: FlowOptions, attempt: (layout: Layout) => Promise<T>): Promise<T> {
    const { clock } = this.ports
    const since = clock.now()
    const timeoutMs = options.timeoutMs ?? this.limits.requestMs
    const backoff = new Backoff(this.ports, this.limits)
    for (;;) {
      if (this.#closed) throw new SirtakiError('CLOSED', 'the client is closed')
      const layout = await this.current(options)
      try {
        return await attempt(layout)
      } catch (thrown) {
        const error = asError(thrown)
        if (error.next === 'stop') throw error
        options.noted?.(error)
        if (clock.now() - since >= timeoutMs) {
          throw timedOut({
            what: options.what ?? 'a call',
            afterMs: timeoutMs,
            next: options.next ?? 'again',
            trouble: error,
          })
        }
        await this.afterError(thrown, layout.epoch, backoff, options.signal)
      }
    }
  }

  /** Says who owes an answer at present, and has for longest; `undefined` when nobody does. */
  waitsFor(): string | undefined {
    const owed = this.peers.owed()
    return owed === undefined
      ? undefined
      : `${owed.address} has not answered ${owed.kind} for ${Math.round(this.ports.clock.now() - owed.since)} ms`
  }

  pause(ms: number, signal?: AbortSignal): Promise<void> {
    return pause(this.ports.clock, ms, signal)
  }

  /** Youngest age at which a hole may be filled (P16): it follows slow disks, within what a caller has patience for. */
  get fillAgeMs(): number {
    return Math.max(this.limits.fillFloorMs, Math.min(4 * this.appendLatency.p99, this.limits.requestMs / 4))
  }

  close(): void {
    this.#closed = true
    for (const wake of [...this.#waiting]) wake()
    this.peers.close()
  }
}
