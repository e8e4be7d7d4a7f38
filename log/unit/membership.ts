/**
 * Membership: how a unit belongs to a cluster, moves from epoch to epoch and lets go of what was trimmed.
 *
 *     blank ─ genesis ─▶ serves 1 ─ seal 2 ─▶ refuses what is below 2 ─ install 2 ─▶ serves 2 ─ decidedBelow ─▶ open
 *
 * A room of the machine in `unit.ts`, over its state. Keeps: L6, L8, Y3. Read next: `../epochs/reconfigure.ts` (who
 * drives it).
 */
import { SirtakiError, invariant } from '../errors.ts'
import { unitsOf, layoutText, type Layout } from '../layout.ts'
import type { Identity, Sealed } from '../wire/control.ts'
import type { Probe } from '../wire/tail-messages.ts'
import type { UnitState } from './unit-state.ts'

/** Damaged positions that a unit tells of itself at most. */
const DAMAGED_TOLD = 64

/** The membership of one unit. */
export class Membership {
  readonly #state: UnitState

  constructor(state: UnitState) {
    this.#state = state
  }

  /** Answers who this is. */
  identity({
    identity: acceptor,
    initialised,
    slot,
  }: {
    readonly identity: string
    readonly initialised: boolean
    readonly slot: number
  }): Identity {
    const state = this.#state
    const { identity, boot, role, layout, opened, sealed } = state
    return {
      kind: 'unit',
      acceptor,
      identity,
      boot,
      role,
      cluster: layout?.cluster ?? null,
      epoch: layout?.epoch ?? 0,
      opened,
      sealed,
      slot: initialised ? slot : 0,
      initialised,
      damaged: state.damagedOwn(DAMAGED_TOLD),
    }
  }

  /**
   * Refuses everything below `slot` from now on, durably. A blank unit too: an epoch may name it that its driver died
   * with, and nobody could follow that epoch if it could not be sealed.
   *
   * @throws SirtakiError `EPOCH` when sealed above it, `WRONG_CLUSTER`.
   */
  seal(cluster: string, slot: number): Sealed {
    const state = this.#state
    const installed = state.layout === undefined ? 0 : state.requireLayout(cluster).epoch
    if (slot < state.sealed) {
      throw new SirtakiError('EPOCH', `sealed at ${state.sealed}, slot ${slot} is too late`, {
        facts: { sealed: state.sealed },
      })
    }
    if (slot > state.sealed) state.setMeta({ sealed: slot })
    state.failpoint?.('unit.sealed', { slot, identity: state.identity, boot: state.boot })
    return {
      identity: state.identity,
      boot: state.boot,
      installed,
      role: state.role,
      highest: state.highest,
      trim: state.trim,
      prefix: state.prefix,
      heldTo: state.heldTo(),
      logTime: Math.ceil(Math.max(state.logTime, state.heardTime)),
      salvaged: state.salvaged,
    }
  }

  /**
   * Hears the log time of the sequencer that serves its epoch: told when sealed, so that log time does not go back by
   * an idle hour. In memory only: an entry says it durably.
   */
  hear({ epoch, logTime }: Probe): void {
    if (this.#state.serves(epoch)) this.#state.heardTime = Math.max(this.#state.heardTime, logTime)
  }

  /**
   * Moves to a layout. Repeats harmlessly.
   *
   * @throws SirtakiError `BOOT` when the layout names another start of this process, `EPOCH` when sealed above it,
   *   `CONFLICT` when another layout of that epoch is installed, `NOT_MEMBER`.
   */
  install(layout: Layout): void {
    const state = this.#state
    const member = [...unitsOf(layout), ...layout.spares].find((unit) => unit.identity === state.identity)
    if (member === undefined) throw new SirtakiError('NOT_MEMBER', `epoch ${layout.epoch} does not name this unit`)
    if (state.layout !== undefined) state.requireLayout(layout.cluster)
    if (state.layout?.epoch === layout.epoch && state.layout.epoch === state.sealed) {
      if (layoutText(state.layout) !== layoutText(layout)) {
        throw new SirtakiError('CONFLICT', `another layout of epoch ${layout.epoch} is installed`, { next: 'stop' })
      }
      return
    }
    if (layout.epoch < state.sealed) {
      throw new SirtakiError('EPOCH', `sealed at ${state.sealed}, epoch ${layout.epoch} is too late`, {
        facts: { sealed: state.sealed },
      })
    }
    if (member.boot !== state.boot) {
      state.failpoint?.('unit.install.boot', { epoch: layout.epoch })
      throw new SirtakiError('BOOT', `epoch ${layout.epoch} names another start of this unit`, {
        facts: { named: member.boot, boot: state.boot },
      })
    }
    invariant(state.highest < layout.tail, 'L6', { highest: state.highest, tail: layout.tail, epoch: layout.epoch })
    state.installLayout(layout)
  }

  /**
   * Takes the first layout of a cluster into a blank unit: also under another boot, which then has to be named by the
   * next epoch.
   */
  genesis(layout: Layout): void {
    const state = this.#state
    if (state.layout !== undefined) {
      if (layoutText(state.layout) === layoutText(layout)) return
      throw new SirtakiError(
        'NOT_BLANK',
        `this unit belongs to cluster ${state.layout.cluster} at epoch ${state.layout.epoch}: give it an empty folder`,
        { facts: { cluster: state.layout.cluster } },
      )
    }
    if (state.sealed > 0) {
      throw new SirtakiError(
        'NOT_BLANK',
        `this unit was sealed at ${state.sealed}, for a cluster that wants it: give it an empty folder`,
      )
    }
    const member = unitsOf(layout).find((unit) => unit.identity === state.identity)
    if (member === undefined) {
      throw new SirtakiError('NOT_MEMBER', 'the first layout does not name the disk of this unit', { next: 'stop' })
    }
    state.installLayout(layout)
  }

  /** Marks everything below the tail as decided, durably: the epoch is open for this unit. */
  decidedBelow(epoch: number, tail: number): void {
    const state = this.#state
    const layout = state.requireServing(epoch)
    if (layout.tail !== tail) {
      throw new SirtakiError('CONFLICT', `epoch ${epoch} has tail ${layout.tail}, not ${tail}`, { next: 'stop' })
    }
    const heldTo = state.heldTo()
    if (heldTo < tail) {
      throw new SirtakiError('YOUNG', `position ${heldTo} below the tail ${tail} is still empty`, {
        facts: { position: heldTo },
      })
    }
    state.decideBelow(tail, epoch)
  }

  /**
   * Drops everything below `before`, which must be decided.
   *
   * @throws SirtakiError `EPOCH`, `RECOVERING`, `YOUNG` above the decided prefix.
   */
  trim(epoch: number, before: number): void {
    const state = this.#state
    state.requireServing(epoch)
    if (before > state.decidedTo) {
      throw new SirtakiError(
        'YOUNG',
        `everything below ${state.prefix} is decided here, ${before} is above it: resolve first`,
        { facts: { prefix: state.prefix } },
      )
    }
    if (before > state.trim) state.trimTo(before)
  }
}
