/**
 * The server of a unit: thin. Its door, the acceptor beside the unit, and what people want to know.
 *
 * Requests are executed in `requests.ts`, made durable and answered in `steps.ts`. Read next: `steps.ts`, `rejoin.ts`.
 */
import { pause } from '../cluster/retry.ts'
import { Acceptor } from '../epochs/acceptor.ts'
import { SirtakiError } from '../errors.ts'
import { isMajority, seatOf, type Layout } from '../layout.ts'
import type { Limits } from '../limits.ts'
import type { Ports, Register } from '../ports.ts'
import { openDoor, type Door } from '../wire/server.ts'
import type { Range } from './read-back.ts'
import { Requests } from './requests.ts'
import { Steps } from './steps.ts'
import type { UnitStore } from './store.ts'
import { Subscriptions } from './subscriptions.ts'
import { Unit } from './unit.ts'

/** What a unit process is started with. */
export interface UnitServerOptions {
  readonly ports: Ports
  readonly limits: Limits
  readonly store: UnitStore
  readonly register: Register
  /** Where it listens. */
  readonly address: string
  /** Where others reach it, where that is another address. */
  readonly advertise?: string | undefined
  readonly name: string
  /** Of the program, for people. */
  readonly version?: string | undefined
}

/** How far a copy has come: positions of [from, to), bytes since it began. */
export interface CopyProgress {
  readonly from: number
  readonly to: number
  at: number
  bytes: number
  readonly startedAtMs: number
}

/** A running unit with the acceptor beside it. */
export class UnitServer {
  readonly unit: Unit
  readonly acceptor: Acceptor
  readonly options: UnitServerOptions
  #door: Door | undefined
  readonly #steps: Steps
  readonly #requests: Requests
  readonly #subscriptions: Subscriptions
  #told: Layout | undefined
  /** How far a copy has come, while there is one. */
  copying: CopyProgress | undefined
  readonly #stopListeners: ((error: SirtakiError) => void)[] = []

  /** Opens store and register. @throws SirtakiError of the store: `DAMAGED`, `IN_USE`, `IO`, `UNSUPPORTED`. */
  constructor(options: UnitServerOptions) {
    const { ports, limits, store, register } = options
    this.options = options
    const image = store.open()
    this.unit = new Unit({
      image,
      boot: ports.random.id(),
      limits,
      readRow: (row) => store.read(row),
      failpoint: ports.failpoint,
    })
    const { layout, identity } = this.unit.state
    const isVital =
      layout !== undefined && seatOf(layout, identity) !== undefined && !isMajority(layout.acceptors.length - 1, layout)
    this.acceptor = new Acceptor(register, ports.random.id(), ports.failpoint, isVital)
    // A crash between the unit's first layout and the acceptor's register left the acceptor behind.
    if (layout !== undefined) this.acceptor.initialise(layout)
    this.#subscriptions = new Subscriptions(this.unit, limits)
    this.#steps = new Steps({
      ports,
      limits,
      store,
      unit: this.unit,
      execute: (request) => this.#requests.execute(request),
      answered: () => {
        this.#tellLayout()
      },
      push: () => this.#subscriptions.push(),
      failed: (error) => {
        for (const listener of this.#stopListeners) listener(error)
      },
    })
    this.#requests = new Requests({
      ports,
      limits,
      store,
      unit: this.unit,
      acceptor: this.acceptor,
      subscriptions: this.#subscriptions,
      steps: this.#steps,
      status: () => this.status(),
    })
    store.onFailed = (error): void => {
      this.#steps.fail(error)
    }
  }

  /** Opens the door. @throws SirtakiError `IN_USE`, `BAD_ADDRESS`. */
  async listen(): Promise<void> {
    const { ports, limits, address } = this.options
    this.#door = await openDoor(ports, limits, address, {
      cluster: () => this.unit.state.layout?.cluster ?? null,
      layout: () => this.unit.state.layout ?? null,
      request: (request) => {
        if (this.stopped === undefined) this.#requests.heard(request)
        this.#steps.enqueue(request)
      },
      gone: (caller) => {
        this.#subscriptions.gone(caller)
        this.#requests.gone(caller)
      },
    })
    this.#steps.tidyLater()
  }

  /** The address that others dial. */
  get address(): string {
    return this.options.advertise ?? this.#door?.listener.address ?? this.options.address
  }
  get stopped(): SirtakiError | undefined {
    return this.#steps.stopped
  }

  /**
   * What the loss of the acceptor's register means here; `undefined` where the layout names no other acceptor in this
   * place.
   */
  get registerLost(): string | undefined {
    const { layout, identity } = this.unit.state
    const seat = layout === undefined ? undefined : seatOf(layout, identity)
    if (layout === undefined || seat === undefined || seat.identity === this.acceptor.identity) return undefined
    const way = isMajority(layout.acceptors.length - 1, layout)
      ? 'the next epoch names the new one: sirtaki reconfigure opens it'
      : 'no epoch can be opened without it: put its register back from a backup, or see sirtaki recover '
        + '--without-acceptors'
    return (
      `the register of the acceptor that epoch ${layout.epoch} names here (${seat.address}) is lost or cannot `
      + `be read: ${way}`
    )
  }

  /** Calls `listener` once if the unit has to stop by itself. */
  onStopped(listener: (error: SirtakiError) => void): void {
    this.#stopListeners.push(listener)
  }

  /**
   * Says that it is about to end, and waits until the others go on without it, or for `timeoutMs`. At once where
   * nobody looks, or where its chain has nobody else: then they have to wait for it.
   */
  async leave({ timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void> {
    const {
      ports: { clock },
      limits,
    } = this.options
    const { state } = this.unit
    const { layout } = state
    const isAlone =
      layout === undefined
      || layout.segments.some((segment) =>
        segment.chains.some((chain) => chain.length === 1 && chain[0]?.identity === state.identity),
      )
    if (isAlone || clock.now() - this.probedAtMs > limits.probeMs * limits.suspicionProbes) return
    this.sayLeaving()
    // Who goes on without it seals it on the way.
    for (
      const end = clock.now() + timeoutMs;
      clock.now() < end && state.sealed === layout.epoch && this.stopped === undefined && signal?.aborted !== true;
    ) {
      await pause(clock, limits.probeMs / 10)
    }
    await pause(clock, limits.probeMs / 4)
  }

  /** Ends it in good order: the queue is refused, what is durable stays. */
  async close(): Promise<void> {
    this.#steps.close(new SirtakiError('STOPPED', 'the unit was stopped'))
    await this.#door?.close()
    this.options.store.close()
  }

  /** Makes a change of this process's own, as part of the next step. @throws as `Steps.change`. */
  change<T>(run: (unit: Unit) => T): Promise<T> {
    return this.#steps.change(run)
  }

  /** Reads everything in a range back from the disk. @throws as `Requests.readBack`. */
  readBack(range: Range): Promise<void> {
    return this.#requests.readBack(range)
  }

  /** Whether it was salvaged and is whole by now. @throws as `Requests.noteWhole`. */
  noteWhole(): boolean {
    return this.#requests.noteWhole()
  }

  /** Says to whoever probes it that it is about to end: the detectors need not wait until it is gone. */
  sayLeaving(): void {
    this.#requests.leaving = true
  }

  /** Whether it has said that it is about to end. */
  get leaving(): boolean {
    return this.#requests.leaving
  }

  /** How long its commits take now, in milliseconds. */
  get commitMs(): number {
    return this.#steps.commitMs
  }

  /** When a sequencer's detector last probed this unit, on our clock. */
  get probedAtMs(): number {
    return this.#requests.probedAtMs
  }

  /** Tells callers of a newer layout. */
  #tellLayout(): void {
    const { layout, role } = this.unit.state
    if (layout === undefined || layout === this.#told || role !== 'serving') return
    this.#told = layout
    this.#door?.tell(layout)
  }

  /** Stops it because a rule does not hold: as after an error of its disk. */
  stop(error: SirtakiError): void {
    this.#steps.fail(error)
  }

  #copyStatus(): Record<string, number> | null {
    if (this.copying === undefined) return null
    const { from, to, at, bytes, startedAtMs } = this.copying
    return {
      from,
      to,
      at,
      bytes,
      bytesPerSecond: Math.round((bytes / Math.max(1, this.options.ports.clock.now() - startedAtMs)) * 1000),
    }
  }

  /** Everything that people want to know of this unit. */
  status(): Record<string, unknown> {
    const { state } = this.unit
    const { commits, commitMs, waitingBytes } = this.#steps.statistics
    return {
      kind: 'unit',
      name: this.options.name,
      version: this.options.version,
      address: this.address,
      identity: state.identity,
      boot: state.boot,
      role: this.stopped === undefined ? state.role : 'stopped',
      salvaged: state.salvaged,
      stopped: this.stopped?.message,
      cluster: state.layout?.cluster ?? null,
      epoch: state.layout?.epoch ?? 0,
      sealed: state.sealed,
      opened: state.opened,
      prefix: state.prefix,
      highest: state.highest,
      trim: state.trim,
      logTime: state.logTime,
      streams: state.streams.size,
      copy: this.#copyStatus(),
      subscriptions: this.#subscriptions.size,
      connections: this.#door?.connections() ?? 0,
      commits,
      commitMs,
      damaged: state.damaged.size,
      entries: state.stored.entries,
      bytes: state.stored.bytes,
      waitingBytes,
      full: this.options.store.full,
      store: this.options.store.describe(),
      acceptor: {
        identity: this.acceptor.identity,
        slot: this.acceptor.slot,
        initialised: this.acceptor.initialised,
        lost: this.registerLost,
      },
    }
  }
}
