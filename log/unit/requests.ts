/**
 * The requests of a unit: decodes each, lets the machines step, encodes what they answer.
 *
 * What is answered here leaves when the step's commit is durable (`steps.ts`). Owns: what is read back for who asks for
 * sums of sound bytes, and whose turn it is to drive. Read next: `unit.ts`, `../epochs/acceptor.ts`,
 * `../wire/messages.ts`.
 */
import type { Infer } from 'superstruct'
import { pause } from '../cluster/retry.ts'
import type { Acceptor } from '../epochs/acceptor.ts'
import { Turn } from '../epochs/turn.ts'
import { missingParts } from '../epochs/whole.ts'
import { SirtakiError, isError } from '../errors.ts'
import { isFirst, type Layout } from '../layout.ts'
import type { Limits } from '../limits.ts'
import type { Ports, Clock } from '../ports.ts'
import {
  Accept,
  AskTurn,
  ClassRange,
  DecidedBelow,
  Install,
  Junk,
  Prepare,
  Seal,
  Trim,
  TurnOver,
  readJson,
  writeJson,
  type DigestAnswer,
} from '../wire/control.ts'
import {
  readAsk,
  readMarks,
  readOffers,
  readPositions,
  readRestore,
  readStore,
  readStreamFrom,
  writeAsked,
  writeOffered,
  writeReadItems,
  writeStored,
  writeStreamPart,
  type Kind,
} from '../wire/messages.ts'
import type { Caller, Request } from '../wire/server.ts'
import { readEpoch, writeCurrent, writeProgress, readProbe } from '../wire/tail-messages.ts'
import { readBack, type Range } from './read-back.ts'
import type { Steps } from './steps.ts'
import type { UnitStore } from './store.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { Unit } from './unit.ts'

const newestOf = (a: Layout | undefined, b: Layout | undefined): Layout | null =>
  (b !== undefined && b.epoch > (a?.epoch ?? 0) ? b : a) ?? null

/** What only drivers send, and resolving for one. */
const DRIVING: ReadonlySet<Kind> = new Set([
  'prepare',
  'accept',
  'seal',
  'install',
  'digest',
  'ask',
  'settle',
  'force',
  'junk',
  'decidedBelow',
])

/** What requests are executed with. */
export interface RequestsOptions {
  readonly ports: Ports
  readonly limits: Limits
  readonly store: UnitStore
  readonly unit: Unit
  readonly acceptor: Acceptor
  readonly subscriptions: Subscriptions
  readonly steps: Steps
  /** Everything that people want to know of the unit. */
  readonly status: () => Record<string, unknown>
}

/** Executes the requests of one unit. */
export class Requests {
  /** Told to end: the detectors need not wait until it is gone. */
  leaving = false
  /** When a sequencer's detector last probed this unit, on our clock. */
  probedAtMs: number
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #store: UnitStore
  readonly #unit: Unit
  readonly #acceptor: Acceptor
  readonly #subscriptions: Subscriptions
  readonly #steps: Steps
  readonly #status: () => Record<string, unknown>
  readonly #turn: Turn
  /** What somebody asked for and is being read back. */
  #toRead: Range | undefined

  constructor({ ports: { clock }, limits, store, unit, acceptor, subscriptions, steps, status }: RequestsOptions) {
    this.#clock = clock
    this.#limits = limits
    this.#store = store
    this.#unit = unit
    this.#acceptor = acceptor
    this.#subscriptions = subscriptions
    this.#steps = steps
    this.#status = status
    this.#turn = new Turn(limits)
    this.probedAtMs = clock.now()
  }

  /** Notes that somebody drives, when a request says so. */
  heard({ kind, caller }: Request): void {
    if (DRIVING.has(kind)) this.#turn.heard(caller, this.#clock.now())
  }

  /** Whose connection is gone has no turn. */
  gone(caller: Caller): void {
    this.#turn.gone(caller)
  }

  /** Executes one request; gives the body of the answer, `undefined` for those that have none. */
  execute({ kind, body, caller, request }: Request): Uint8Array | undefined {
    const unit = this.#unit
    const bytesMax = this.#limits.frameBytesMax / 8
    switch (kind) {
      case 'store': {
        const { epoch, count, entries } = readStore(body)
        if (this.#store.full) throw new SirtakiError('FULL', 'the disk of this unit is full: make room there')
        const statuses = unit.store(epoch, count, entries)
        return writeStored(this.#subscriptions.subscribedByOthers(caller, entries), statuses)
      }
      case 'marks':
        this.#marks(body)
        return undefined
      case 'read':
        return writeReadItems(unit.read(readPositions(body), bytesMax))
      case 'readStream': {
        const slice = unit.readStream(readStreamFrom(body), bytesMax)
        return writeStreamPart(slice, slice.entries)
      }
      case 'subscribe': {
        this.#subscriptions.add(caller, request, readStreamFrom(body), this.#limits.subscriptionsMax)
        return undefined
      }
      case 'unsubscribe':
        this.#subscriptions.remove(caller, request)
        return undefined
      case 'probe':
        this.probedAtMs = this.#clock.now()
        unit.membership.hear(readProbe(body))
        return this.#current()
      case 'current':
        readEpoch(body)
        return this.#current()
      case 'progress':
        unit.state.requireServing(readEpoch(body))
        return writeProgress(unit.state, caller.version)
      case 'ask':
        return writeAsked(unit.decisions.ask(readAsk(body), bytesMax))
      case 'settle': {
        const { epoch, offers } = readOffers(body)
        return writeOffered(unit.decisions.settle(epoch, offers))
      }
      case 'force': {
        const { epoch, offers } = readOffers(body)
        return writeOffered(unit.decisions.force(epoch, offers))
      }
      case 'restore': {
        const { epoch, below, offers } = readRestore(body)
        return writeOffered(unit.copies.restore(epoch, below, offers))
      }
      case 'turn':
        return this.#askTurn(readJson(body, AskTurn), caller)
      case 'turnOver':
        this.#turn.over(readJson(body, TurnOver).proposer)
        return undefined
      default:
        return this.#control(kind, body, caller)
    }
  }

  #current(): Uint8Array {
    const { state } = this.#unit
    const acceptor = this.#acceptor
    return writeCurrent({
      identity: acceptor.identity,
      boot: state.boot,
      commitMs: this.#steps.commitMs,
      idle: this.#steps.idle,
      leaving: this.leaving,
      full: this.#store.full,
      slot: acceptor.initialised ? acceptor.slot : 0,
      installed: state.role === 'recovering' ? 0 : (state.layout?.epoch ?? 0),
      sealed: state.sealed,
    })
  }

  /** @throws SirtakiError `WRONG_CLUSTER`. */
  #askTurn(asked: AskTurn, caller: Caller): Uint8Array {
    const { layout } = this.#unit.state
    if (layout !== undefined && layout.cluster !== asked.cluster) {
      throw new SirtakiError('WRONG_CLUSTER', `this unit belongs to cluster ${layout.cluster}, not to ${asked.cluster}`)
    }
    return writeJson({ by: this.#turn.ask(asked, caller, this.#clock.now()) ?? null })
  }

  /** A promise, unless another driver has its turn: whoever asks for no turns waits for it too. */
  #prepare({ cluster, acceptor: asked, slot, rank, base }: Infer<typeof Prepare>, caller: Caller): Uint8Array {
    const acceptor = this.#acceptor
    acceptor.requireMeant(asked)
    this.#becomeAcceptor(base)
    const answer = this.#turn.isOfAnother(slot, caller, this.#clock.now())
      ? { promised: false, rank: acceptor.promised, accepted: null }
      : acceptor.prepare(cluster, slot, rank, base)
    return writeJson({ ...answer, layout: answer.promised ? null : newestOf(this.#unit.state.layout, acceptor.base) })
  }

  #marks(body: Uint8Array): void {
    let epoch = 0
    const unit = this.#unit
    readMarks(body, {
      epoch: (sent) => {
        epoch = sent
        return unit.state.serves(sent)
      },
      mark: (position, hash, kind) => {
        unit.mark(epoch, position, hash, kind)
      },
      junk: (range) => {
        unit.markJunk(epoch, range)
      },
    })
  }

  #control(kind: Request['kind'], body: Uint8Array, caller: Caller): Uint8Array {
    const unit = this.#unit
    const acceptor = this.#acceptor
    const { state } = unit
    switch (kind) {
      case 'junk': {
        const { epoch, first, ranges } = readJson(body, Junk)
        return writeJson(unit.decisions.junk(epoch, first, ranges))
      }
      case 'trim': {
        const { epoch, before } = readJson(body, Trim)
        unit.membership.trim(epoch, before)
        return writeJson({})
      }
      case 'seal': {
        const { cluster, slot } = readJson(body, Seal)
        return writeJson(unit.membership.seal(cluster, slot))
      }
      case 'install':
        this.#install(readJson(body, Install).layout)
        return writeJson({})
      case 'decidedBelow': {
        const { epoch, tail } = readJson(body, DecidedBelow)
        unit.membership.decidedBelow(epoch, tail)
        this.#steps.afterCommit(() => {
          this.noteWhole()
        })
        return writeJson({})
      }
      case 'digest':
        return writeJson(this.#digest(readJson(body, ClassRange)))
      // Each part waits for commits of appends at both ends: measured 53 MB/s beside them with 1 MiB, 72 with 2.
      case 'copy':
        return writeAsked(unit.copies.copyOut(readJson(body, ClassRange), this.#limits.frameBytesMax / 4))
      case 'prepare':
        return this.#prepare(readJson(body, Prepare), caller)
      case 'accept': {
        const { cluster, acceptor: asked, slot, rank, layout } = readJson(body, Accept)
        acceptor.requireMeant(asked)
        return writeJson(acceptor.accept(cluster, slot, rank, layout))
      }
      case 'layout':
        return writeJson({ layout: state.layout ?? null })
      case 'identify':
        return writeJson(unit.membership.identity(acceptor))
      case 'status':
        return writeJson(this.#status())
      default:
        throw new SirtakiError('UNSUPPORTED', `a unit does not answer ${kind}`)
    }
  }

  /** Whoever relies on the bytes has them read back first: that takes its time, and the asker asks again. */
  #digest(range: Infer<typeof ClassRange>): DigestAnswer {
    const unit = this.#unit
    if (range.decided === true) return unit.copies.digestDecided(range)
    // That the bits were understood has to be said, not the bits.
    if (range.among !== undefined) return { ...unit.copies.digestAmong(range, range.among), decided: '' }
    if (range.sound !== true) return unit.copies.digest(range)
    const read = unit.copies.isReadBack(range)
    if (!read) this.#readBackSoon(range)
    return { ...unit.copies.digest(range, true), read }
  }

  /** One range at a time, which grows with what is asked for. */
  #readBackSoon({ from, to }: Range): void {
    const asked = this.#toRead
    this.#toRead = asked === undefined ? { from, to } : { from: Math.min(from, asked.from), to: Math.max(to, asked.to) }
    if (asked !== undefined) return
    const run = async (): Promise<void> => {
      for (let range; this.#toRead !== undefined && range !== this.#toRead;) await this.readBack((range = this.#toRead))
    }
    // A unit that stops reads nothing any more; its errors are told elsewhere.
    void run()
      .catch(() => undefined)
      .finally(() => {
        this.#toRead = undefined
      })
  }

  /**
   * Reads everything in a range back from the disk, a slice at a time between other steps, as fast as copies are made.
   * What is found damaged is noted as such. Settles when all of it was read.
   *
   * @throws SirtakiError `STOPPED`.
   */
  async readBack(range: Range): Promise<void> {
    const clock = this.#clock
    for (let started = clock.now(), bytes = 0; ;) {
      const slice = await this.#steps.change(({ state }) => readBack(state, range))
      if (slice.done) return
      bytes += slice.bytes
      const dueMs = (bytes / this.#limits.copyBytesPerSecond) * 1000 - (clock.now() - started)
      if (dueMs > 1) await pause(clock, dueMs)
    }
  }

  /**
   * A proposer builds on an agreed layout. Where that names the acceptor here and was never installed (a spare was
   * promoted, and the driver died), its vote may be the one that is missing.
   */
  #becomeAcceptor(base: Layout | undefined): void {
    const { state } = this.#unit
    if (base !== undefined && base.cluster === state.layout?.cluster) this.#acceptor.initialise(base)
  }

  #install(layout: Layout): void {
    const { state } = this.#unit
    const isBlank = state.layout === undefined
    const open = state.places.open
    // Only a unit that durably has a layout, or is sealed, makes an acceptor of it: else a crash in between leaves a
    // blank unit with a bound acceptor.
    const initialise = (): void => {
      this.#steps.afterCommit(() => {
        this.#acceptor.initialise(layout)
      })
    }
    try {
      if (isBlank && isFirst(layout)) this.#unit.membership.genesis(layout)
      else this.#unit.membership.install(layout)
    } catch (thrown) {
      // An acceptor is a disk, not a boot: the epoch after this one may need its promise. A seal makes a blank unit
      // this cluster's.
      if (isError(thrown, 'BOOT')) {
        if (isBlank) this.#unit.membership.seal(layout.cluster, layout.epoch)
        initialise()
      }
      throw thrown
    }
    initialise()
    const now = state.places.open
    if (
      open !== undefined
      && (now === undefined || now.from > open.from || now.step !== open.step || now.index !== open.index)
    ) {
      this.#subscriptions.endAll(layout.epoch)
    }
  }

  /**
   * A salvaged unit whose epoch is open and that has copied everything is like any other; whether it was one.
   *
   * @throws SirtakiError `IO`.
   */
  noteWhole(): boolean {
    const { state } = this.#unit
    const { layout } = state
    if (
      !state.salvaged
      || layout === undefined
      || state.opened !== layout.epoch
      || missingParts(layout, state.identity).length > 0
    ) {
      return false
    }
    this.#store.healed()
    state.noteWhole()
    return true
  }
}
