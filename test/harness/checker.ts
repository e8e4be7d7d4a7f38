/**
 * The invariants of log, sequencer and layouts, checked at every step of a simulated run from what the parts tell their
 * failpoints and from what their disks hold.
 *
 * Owns: the run's knowledge of the truth (decided values, grants, layouts). A violation is thrown at once and ends
 * the run. Read next: `sim-cluster.ts` (who calls it), INVARIANTS (the ids).
 *
 * Long: all invariants over one history of the log.
 */
import { JUNK_HASH } from '../../log/entry.ts'
import { chainIndex, checkLayout, layoutText, segmentOf, unitsOf, type Layout } from '../../log/layout.ts'
import { visitRow } from '../../log/unit/row.ts'
import type { Commit, StoreImage } from '../../log/unit/store.ts'
import { Rank, compareRanks } from '../../log/wire/control.ts'

/** What was found wrong. */
export class Violation extends Error {
  readonly id: string
  constructor(id: string, text: string) {
    super(`${id}: ${text}`)
    this.id = id
  }
}

export interface Value {
  readonly kind: 'data' | 'junk'
  readonly hash: number
}
/**
 * `fence`: what the running process has sealed or installed, durable or not; `since`: when a position came to hold
 * data; `excused`: what its disk dropped and nobody else knew decided; `boot`: of the running process; `damaged`:
 * what has decayed.
 */
interface UnitTruth {
  readonly held: Map<number, Value>
  readonly since: Map<number, number>
  readonly excused: Map<number, Value>
  boot: string
  fence: number
  trim: number
  sealed: number
  installed: number
  lost: boolean
  epochs: Map<number, number>
  damaged: Set<number>
}

const same = (a: Value, b: Value): boolean => a.kind === b.kind && a.hash === b.hash
const isExcused = (unit: UnitTruth, position: number, value: Value): boolean => {
  const had = unit.excused.get(position)
  return had !== undefined && same(had, value)
}
const text = (value: Value): string => `${value.kind} ${value.hash}`
const numberOf = (facts: Readonly<Record<string, unknown>>, key: string): number => {
  const value = facts[key]
  return typeof value === 'number' ? value : -1
}
const textOf = (facts: Readonly<Record<string, unknown>>, key: string): string => {
  const value = facts[key]
  return typeof value === 'string' ? value : ''
}

/** Checks one run. */
export class Checker {
  readonly units = new Map<string, UnitTruth>()
  readonly decided = new Map<number, Value>()
  readonly layouts = new Map<number, string>()
  newest: Layout | undefined
  /** The newest that a majority has accepted: perhaps nobody has installed it. */
  agreed: Layout | undefined
  acknowledged = 0
  trimCalled = 0
  /** Virtual time. */
  now: () => number = () => 0
  /** Told of every layout that is newer than all before it, once some disk has it. */
  onEpoch: ((before: Layout, layout: Layout) => void) | undefined
  readonly #parsed = new Map<number, Layout>()
  readonly #byText = new Map<string, Layout>()
  readonly #granted = new Map<number, string>()
  #grantedTo = 0
  /** The highest log time that was told with a tail, by epoch. */
  readonly #toldTimes = new Map<number, number>()
  readonly #grantedAt = new Map<number, { readonly epoch: number; readonly at: number }>()
  /** A hole younger than this is not to be filled under the epoch of its token: its writer may only be slow (P16). */
  fillFloorMs = 0
  readonly #bootstraps = new Map<number, string>()
  readonly #acceptors = new Map<string, { slot: number; rank: Rank }>()
  /** Entries that some unit has taken, by position and hash. */
  readonly #taken = new Set<string>()
  readonly #accepted = new Map<number, Map<string, Set<string>>>()
  #decidedTo = 0
  /** The first layout's: what lies below was trimmed before. */
  #start = { epoch: 1, tail: 0 }

  /** Where the cluster begins. */
  begin(start: { readonly epoch: number; readonly tail: number }): void {
    this.#start = start
    this.#decidedTo = start.tail
    this.trimCalled = start.tail
  }

  unit(identity: string): UnitTruth {
    const known = this.units.get(identity)
    if (known !== undefined) return known
    const truth: UnitTruth = {
      held: new Map(),
      since: new Map(),
      excused: new Map(),
      boot: '',
      fence: 0,
      trim: 0,
      sealed: 0,
      installed: 0,
      lost: false,
      epochs: new Map(),
      damaged: new Set(),
    }
    this.units.set(identity, truth)
    return truth
  }

  fail(id: string, message: string): never {
    throw new Violation(id, message)
  }

  /** A disk has made a commit durable. */
  durable(identity: string, commit: Commit): void {
    const unit = this.unit(identity)
    if (commit.row !== undefined) this.#row(identity, unit, commit.row, commit.meta?.epoch ?? unit.sealed)
    if (commit.meta !== undefined) this.#meta(identity, unit, commit.meta)
  }

  #row(identity: string, unit: UnitTruth, row: { id: number; header: Uint8Array }, newEpoch: number): void {
    visitRow(row.id, row.header, {
      prefix: () => undefined,
      data: (position, _offset, hash) => {
        this.#put(identity, unit, position, { kind: 'data', hash }, newEpoch)
      },
      junk: ({ from, to, step }) => {
        for (let at = from; at < to; at += step) {
          this.#put(identity, unit, at, { kind: 'junk', hash: JUNK_HASH }, newEpoch)
        }
      },
      decided: () => undefined,
    })
  }

  #put(identity: string, unit: UnitTruth, position: number, value: Value, newEpoch: number): void {
    const prior = unit.held.get(position)
    const decided = this.decided.get(position)
    const epoch = unit.epochs.get(position) ?? -1
    // A unit may be moved to an epoch and write under it in one commit.
    if (epoch !== unit.sealed && epoch !== newEpoch) {
      this.fail(
        'L6',
        `unit ${identity.slice(0, 6)} executed a write of epoch ${epoch} at position ${position}, its `
          + `durable epoch is ${unit.sealed}`,
      )
    }
    if (decided !== undefined && !same(decided, value) && !this.#isLeftBehind(identity, position, epoch)) {
      this.fail(
        decided.kind === value.kind ? 'L1' : 'L3',
        `position ${position} is decided as ${text(decided)}, unit ${identity.slice(0, 6)} stores `
          + `${text(value)} over ${prior === undefined ? 'nothing' : text(prior)}`,
      )
    }
    if (position < unit.trim) {
      this.fail('L8', `position ${position} comes back on unit ${identity.slice(0, 6)}, trimmed below ${unit.trim}`)
    }
    unit.held.set(position, value)
    unit.excused.delete(position)
    if (value.kind === 'data' && !unit.since.has(position)) unit.since.set(position, this.now())
  }

  /**
   * Who was left out unsealed may go on under its old epoch: nobody who knows the newer one asks it, and before it
   * comes back it copies.
   */
  #isLeftBehind(identity: string, position: number, epoch: number): boolean {
    return (
      this.newest !== undefined
      && epoch < this.newest.epoch
      && !this.#chainOf(position).some((unit) => unit.identity === identity)
    )
  }

  #meta(identity: string, unit: UnitTruth, meta: { epoch: number; text: string }): void {
    if (meta.epoch < unit.sealed) {
      this.fail(
        'L6',
        `the durable epoch of unit ${identity.slice(0, 6)} goes back from ${unit.sealed} to ${meta.epoch}`,
      )
    }
    const read: unknown = JSON.parse(meta.text)
    const { trim, layout } =
      read !== null && typeof read === 'object' ? { trim: 0, layout: null, ...read } : { trim: 0, layout: null }
    if (trim < unit.trim) {
      this.fail('L8', `the trim mark of unit ${identity.slice(0, 6)} goes back from ${unit.trim} to ${trim}`)
    }
    if (trim > unit.trim) {
      for (const position of unit.held.keys()) {
        if (position < trim && !this.decided.has(position)) {
          this.fail('L8', `position ${position} was trimmed before it was decided`)
        }
      }
    }
    unit.sealed = meta.epoch
    unit.trim = trim
    if (layout !== null) this.#durablyInstalled(unit, checkLayout(layout))
  }

  /** A unit was started anew: what its last process had not made durable is forgotten. */
  started(identity: string, boot: string): void {
    const unit = this.unit(identity)
    unit.fence = unit.sealed
    unit.boot = boot
  }

  /**
   * A disk has dropped rows that it had synced; `isKnown`: another unit of its chain knows the position decided, and
   * must notice.
   */
  dropped(identity: string, headers: StoreImage['headers'], isKnown: (position: number) => boolean): void {
    const unit = this.unit(identity)
    const before = new Map(unit.held)
    unit.held.clear()
    const put = (position: number, value: Value): void => {
      unit.held.set(position, value)
    }
    for (const { id, header } of headers) {
      visitRow(id, header, {
        prefix: () => undefined,
        data: (position, _offset, hash) => {
          put(position, { kind: 'data', hash })
        },
        junk: ({ from, to, step }) => {
          for (let at = from; at < to; at += step) put(at, { kind: 'junk', hash: JUNK_HASH })
        },
        decided: () => undefined,
      })
    }
    for (const [position, value] of before) {
      const held = unit.held.get(position)
      if (held === undefined) unit.since.delete(position)
      if (!isKnown(position) && (held === undefined || !same(held, value))) unit.excused.set(position, value)
    }
  }

  /** A disk is gone with everything on it. */
  lost(identity: string): void {
    this.unit(identity).lost = true
  }

  /** Every unit that holds anything has trimmed, durably; who joins gets the mark with its layout. */
  trimAcknowledged(before: number): void {
    const { newest } = this
    for (const { identity } of newest === undefined ? [] : unitsOf(newest)) {
      const unit = this.unit(identity)
      if (!unit.lost && unit.installed === newest?.epoch && unit.trim < before) {
        this.fail(
          'L8',
          `a trim below ${before} was acknowledged, unit ${identity.slice(0, 6)} has trimmed below ${unit.trim}`,
        )
      }
    }
  }

  /** What a part told its failpoint. */
  event(name: string, facts: Readonly<Record<string, unknown>>): void {
    switch (name) {
      case 'unit.put':
        this.#staged(facts)
        return
      case 'unit.sealed':
        this.#raiseFence(textOf(facts, 'identity'), numberOf(facts, 'slot'))
        return
      case 'drive.sealed':
        this.#sealedBy(facts)
        return
      case 'resolve.fill':
        this.#filled(facts)
        return
      case 'unit.decided':
        this.decide(numberOf(facts, 'position'), this.#value(facts), 'a unit marked')
        return
      case 'resolved':
        this.decide(numberOf(facts, 'position'), this.#value(facts), 'a resolve reported')
        return
      case 'append.acknowledged':
        this.acknowledged++
        this.decide(
          numberOf(facts, 'position'),
          { kind: 'data', hash: numberOf(facts, 'hash') },
          'an append was acknowledged',
        )
        return
      case 'read':
        this.#read(facts)
        return
      case 'trim.called':
        this.trimCalled = Math.max(this.trimCalled, numberOf(facts, 'before'))
        return
      case 'sequencer.granted':
        this.#grant(facts)
        return
      case 'sequencer.skipped':
        this.fail('Q1', `what follows ${numberOf(facts, 'from')} was decided and never granted`)
      case 'sequencer.tells':
        this.#tells(numberOf(facts, 'epoch'), numberOf(facts, 'logTime'))
        return
      case 'sequencer.bootstrapped':
        this.#bootstrap(facts)
        return
      case 'unit.installed':
        this.#installed(facts)
        return
      case 'acceptor.promised':
        this.#promised(facts)
        return
      case 'acceptor.accepted':
        this.#acceptedAt(facts)
        return
      default:
    }
  }

  /**
   * A unit executes a message: its epoch must be exactly the one the unit is at, and a new entry must come under its
   * token's.
   */
  #staged(facts: Readonly<Record<string, unknown>>): void {
    const unit = this.unit(textOf(facts, 'unit'))
    const position = numberOf(facts, 'position')
    const epoch = numberOf(facts, 'epoch')
    if (epoch !== unit.fence) {
      this.fail(
        'L6',
        `unit ${textOf(facts, 'unit').slice(0, 6)} executes a write of epoch ${epoch} at position `
          + `${position}, it is sealed at ${unit.fence}`,
      )
    }
    this.#requireNamed(unit, facts)
    unit.epochs.set(position, epoch)
    if (textOf(facts, 'kind') !== 'data') return
    const entry = `${position} ${numberOf(facts, 'hash')}`
    if (!this.#taken.has(entry) && this.#grantEpoch(position) !== epoch) {
      this.fail(
        'Q1',
        `an entry first comes to position ${position} under epoch ${epoch}, its token is of epoch `
          + `${this.#grantEpoch(position)}`,
      )
    }
    this.#taken.add(entry)
  }

  /**
   * Who executes is named by the epoch, under the boot that it has; what is decided may be mended or copied at any
   * time.
   */
  #requireNamed({ boot }: UnitTruth, facts: Readonly<Record<string, unknown>>): void {
    const [identity, epoch, position] = [textOf(facts, 'unit'), numberOf(facts, 'epoch'), numberOf(facts, 'position')]
    const layout = this.#parsed.get(epoch)
    const decided = this.decided.get(position)
    if (layout === undefined || (decided !== undefined && same(decided, this.#value(facts)))) return
    const member = unitsOf(layout).find((unit) => unit.identity === identity)
    if (member?.boot !== boot) {
      this.fail(
        'L6',
        `unit ${identity.slice(0, 6)} executes a write at position ${position}, epoch ${epoch} `
          + (member === undefined ? 'does not name it' : 'names another boot of it'),
      )
    }
  }

  #raiseFence(identity: string, epoch: number): void {
    const unit = this.unit(identity)
    unit.fence = Math.max(unit.fence, epoch)
  }

  /** A driver goes on from sealing: what it was told must be on the disks. */
  #sealedBy(facts: Readonly<Record<string, unknown>>): void {
    const epoch = numberOf(facts, 'epoch')
    const units: unknown = facts['units']
    for (const [identity, unit] of this.units) {
      if (Array.isArray(units) && units.includes(identity) && !unit.lost && unit.sealed < epoch) {
        this.fail(
          'L6',
          `a driver was told that unit ${identity.slice(0, 6)} is sealed at ${epoch}, its disk says ${unit.sealed}`,
        )
      }
    }
  }

  /** A fill that could have found a value must complete it: every unit is asked, and what one held before is found. */
  #filled(facts: Readonly<Record<string, unknown>>): void {
    const position = numberOf(facts, 'position')
    if (position >= Math.max(this.newest?.tail ?? 0, this.#grantedTo)) {
      this.fail('Q1', `position ${position} is filled though nobody was granted it`)
    }
    const granted = this.#grantedAt.get(position)
    const age = this.now() - (granted?.at ?? 0)
    // A newer epoch has sealed the writer off; a clock that jumped makes everything look old.
    if (granted?.epoch === this.newest?.epoch && age < this.fillFloorMs && facts['jumped'] !== true) {
      this.fail('P16', `position ${position} is filled ${age.toFixed(1)} ms after its token was granted`)
    }
    for (const { identity } of this.#chainOf(position)) {
      const unit = this.unit(identity)
      if (
        unit.lost
        || unit.damaged.has(position)
        || position < unit.trim
        || unit.held.get(position)?.kind !== 'data'
        || (unit.since.get(position) ?? Infinity) >= numberOf(facts, 'askedAt')
      ) {
        continue
      }
      this.fail(
        'L3',
        `position ${position} is filled with junk though unit ${identity.slice(0, 6)} held data before `
          + 'anybody was asked',
      )
    }
  }

  #value(facts: Readonly<Record<string, unknown>>): Value {
    return { kind: textOf(facts, 'kind') === 'data' ? 'data' : 'junk', hash: numberOf(facts, 'hash') }
  }

  #read(facts: Readonly<Record<string, unknown>>): void {
    const kind = textOf(facts, 'kind')
    const position = numberOf(facts, 'position')
    if (kind === 'data' || kind === 'junk') this.decide(position, this.#value(facts), 'a read returned')
    else if (kind === 'trimmed' && position >= this.trimCalled) {
      this.fail('L8', `position ${position} was read as trimmed, nothing above ${this.trimCalled} was ever trimmed`)
    }
  }

  /** A value was exposed: it must be on every unit of its chain, durably, and it must be the only one. */
  decide(position: number, value: Value, who: string): void {
    const known = this.decided.get(position)
    if (known !== undefined && !same(known, value)) {
      this.fail(
        known.kind === value.kind ? 'L1' : 'L3',
        `${who} ${text(value)} at position ${position}, which is ${text(known)}`,
      )
    }
    if (known !== undefined) return
    for (const { identity } of this.#chainOf(position)) {
      const unit = this.unit(identity)
      const held = unit.held.get(position)
      if (
        unit.lost
        || position < unit.trim
        || (held !== undefined && same(held, value))
        || isExcused(unit, position, value)
      ) {
        continue
      }
      this.fail(
        'L5',
        `${who} ${text(value)} at position ${position}, but unit ${identity.slice(0, 6)} holds `
          + (held === undefined ? 'nothing' : text(held)),
      )
    }
    this.decided.set(position, value)
  }

  #chainOf(position: number): readonly { readonly identity: string }[] {
    const segment = this.newest === undefined ? undefined : segmentOf(this.newest, position)
    return segment?.chains[chainIndex(segment, position)] ?? []
  }

  #grant(facts: Readonly<Record<string, unknown>>): void {
    const from = numberOf(facts, 'from')
    const to = from + numberOf(facts, 'count')
    const epoch = numberOf(facts, 'epoch')
    const who = `epoch ${epoch}, boot ${textOf(facts, 'boot').slice(0, 6)}`
    for (let at = from; at < to; at++) {
      const other = this.#granted.get(at)
      if (other !== undefined) this.fail('Q1', `position ${at} is granted twice: by ${other} and by ${who}`)
      this.#granted.set(at, who)
      this.#grantedAt.set(at, { epoch, at: this.now() })
    }
    this.#grantedTo = Math.max(this.#grantedTo, to)
    const next = this.#parsed.get(epoch + 1)
    if (next !== undefined && to > next.tail) {
      this.fail('Q1', `epoch ${epoch} grants up to ${to}, above the tail of epoch ${epoch + 1}`)
    }
    if (to > numberOf(facts, 'prefix') + numberOf(facts, 'window')) {
      this.fail(
        'Q1',
        `a grant up to ${to} leaves the window of ${numberOf(facts, 'window')} above ${numberOf(facts, 'prefix')}`,
      )
    }
    for (; this.#decidedTo < numberOf(facts, 'prefix'); this.#decidedTo++) {
      if (!this.decided.has(this.#decidedTo)) {
        this.fail(
          'Q4',
          `the sequencer believes everything below ${numberOf(facts, 'prefix')} decided, ${this.#decidedTo} is not`,
        )
      }
    }
  }

  /** Whatever log time is told with a tail, later epochs start from it, or from more. */
  #tells(epoch: number, logTime: number): void {
    this.#toldTimes.set(epoch, Math.max(this.#toldTimes.get(epoch) ?? 0, logTime))
    if (this.newest !== undefined) this.#checkTimes(this.newest)
  }

  #checkTimes(layout: Layout): void {
    for (const [epoch, told] of this.#toldTimes) {
      if (epoch >= layout.epoch || told <= layout.logTime) continue
      this.fail(
        'Q3',
        `log time ${told} was told in epoch ${epoch}, epoch ${layout.epoch} starts from ${layout.logTime}`,
      )
    }
  }

  #bootstrap(facts: Readonly<Record<string, unknown>>): void {
    const epoch = numberOf(facts, 'epoch')
    const boot = textOf(facts, 'boot')
    const other = this.#bootstraps.get(epoch)
    if (other !== undefined) {
      this.fail('Q2', `epoch ${epoch} is bootstrapped again by boot ${boot.slice(0, 6)} after ${other.slice(0, 6)}`)
    }
    this.#bootstraps.set(epoch, boot)
    const layout = this.layouts.get(epoch)
    if (layout === undefined) this.fail('Y3', `epoch ${epoch} opens, no unit has installed it`)
    const opened = this.#layoutOf(layout)
    if (opened.sequencer?.boot !== boot) {
      this.fail(
        'Q2',
        `epoch ${epoch} is bootstrapped by boot ${boot.slice(0, 6)}, it names ${opened.sequencer?.boot.slice(0, 6)}`,
      )
    }
    for (const { identity } of unitsOf(opened)) {
      const unit = this.unit(identity)
      if (!unit.lost && unit.installed < epoch) {
        this.fail('Y3', `epoch ${epoch} opens, unit ${identity.slice(0, 6)} has installed ${unit.installed}`)
      }
    }
  }

  /** Only what a disk has counts: a first layout that was lost with a crash was never anybody's. */
  #durablyInstalled(unit: UnitTruth, layout: Layout): void {
    unit.installed = layout.epoch
    const known = this.layouts.get(layout.epoch)
    if (known !== undefined && known !== layoutText(layout)) {
      this.fail('Y1', `two layouts of epoch ${layout.epoch} are installed`)
    }
    if (layout.epoch > this.#start.epoch && this.#chosen.get(layout.epoch) !== layoutText(layout)) {
      this.fail(
        'Y2',
        `epoch ${layout.epoch} is installed, no majority of the acceptors of epoch ${layout.epoch - 1} has accepted it`,
      )
    }
    this.layouts.set(layout.epoch, layoutText(layout))
    this.#parsed.set(layout.epoch, layout)
    if (this.newest !== undefined && layout.epoch <= this.newest.epoch) return
    const before = this.newest
    this.newest = layout
    if (before !== undefined) this.onEpoch?.(before, layout)
    for (const [position, value] of this.decided) this.#keeps(layout, position, value)
  }

  /** A layout may name for a position only who holds it, and somebody whose disk is not lost. */
  #keeps(layout: Layout, position: number, value: Value): void {
    if (position < layout.trim) return
    let whole = 0
    for (const { identity } of this.#chainOf(position)) {
      const unit = this.unit(identity)
      const held = unit.held.get(position)
      if (unit.lost) continue
      whole++
      if (position >= unit.trim && (held === undefined || !same(held, value)) && !isExcused(unit, position, value)) {
        this.fail(
          'L5',
          `epoch ${layout.epoch} names unit ${identity.slice(0, 6)} for position ${position}, which is `
            + `${text(value)}; it holds ${held === undefined ? 'nothing' : text(held)}`,
        )
      }
    }
    if (whole === 0 && this.#wasKept(position)) {
      this.fail('Y4', `epoch ${layout.epoch} names nobody who still has position ${position}`)
    }
  }

  /** Whether anybody at all still has it. */
  #wasKept(position: number): boolean {
    return [...this.units.values()].some((unit) => !unit.lost && (unit.held.has(position) || position < unit.trim))
  }

  #installed(facts: Readonly<Record<string, unknown>>): void {
    const epoch = numberOf(facts, 'epoch')
    const read = this.#layoutOf(textOf(facts, 'layout'))
    this.#raiseFence(textOf(facts, 'unit'), epoch)
    this.#checkTimes(read)
    const member = [...unitsOf(read), ...read.spares].find((unit) => unit.identity === facts['unit'])
    if (epoch > 1 && member?.boot !== facts['boot']) {
      this.fail('L6', `unit ${textOf(facts, 'unit').slice(0, 6)} installs epoch ${epoch}, which names another boot`)
    }
    for (const [position, value] of this.unit(textOf(facts, 'unit')).held) {
      if (position >= read.tail) {
        this.fail(
          'L6',
          `unit ${textOf(facts, 'unit').slice(0, 6)} holds ${text(value)} at ${position}, above the tail `
            + `${read.tail} of epoch ${epoch}`,
        )
      }
    }
    for (const position of this.decided.keys()) {
      if (position >= read.tail && this.#grantEpoch(position) < epoch) {
        this.fail(
          'L6',
          `position ${position} was decided under an older epoch, above the tail ${read.tail} of epoch ${epoch}`,
        )
      }
    }
  }

  /** Every part tells of the same few layouts, again and again. */
  #layoutOf(layout: string): Layout {
    const known = this.#byText.get(layout)
    if (known !== undefined) return known
    const read = checkLayout(JSON.parse(layout))
    this.#byText.set(layout, read)
    return read
  }

  #grantEpoch(position: number): number {
    return this.#grantedAt.get(position)?.epoch ?? Infinity
  }

  #promised(facts: Readonly<Record<string, unknown>>): void {
    const acceptor = textOf(facts, 'acceptor')
    const slot = numberOf(facts, 'slot')
    const known = this.#acceptors.get(acceptor)
    const rank = Rank.create(facts['rank'])
    if (known !== undefined && slot < known.slot) {
      this.fail('Y2', `acceptor ${acceptor.slice(0, 6)} promises slot ${slot} after ${known.slot}`)
    }
    if (known?.slot === slot && compareRanks(rank, known.rank) <= 0) {
      this.fail(
        'Y2',
        `acceptor ${acceptor.slice(0, 6)} promises round ${rank.round} of slot ${slot} after round ${known.rank.round}`,
      )
    }
    this.#acceptors.set(acceptor, { slot, rank })
  }

  /** The layout chosen in a slot is what a majority accepted under one rank: there can be only one. */
  #acceptedAt(facts: Readonly<Record<string, unknown>>): void {
    const slot = numberOf(facts, 'slot')
    const layout = textOf(facts, 'layout')
    const base = this.layouts.get(slot - 1) ?? this.#chosen.get(slot - 1)
    if (base === undefined) return
    const votes = this.#accepted.get(slot) ?? new Map<string, Set<string>>()
    this.#accepted.set(slot, votes)
    const ballot = `${JSON.stringify(facts['rank'])}${layout}`
    const voters = votes.get(ballot) ?? new Set<string>()
    votes.set(ballot, voters.add(textOf(facts, 'acceptor')))
    const { acceptors } = this.#layoutOf(base)
    const yes = acceptors.filter((one) => voters.has(one.identity)).length
    if (yes * 2 <= acceptors.length) return
    const chosen = this.layouts.get(slot) ?? this.#chosen.get(slot)
    if (chosen !== undefined && chosen !== layout) this.fail('Y1', `two layouts are chosen for epoch ${slot}`)
    this.#chosen.set(slot, layout)
    if (slot > (this.agreed?.epoch ?? 0)) this.agreed = this.#layoutOf(layout)
  }

  readonly #chosen = new Map<number, string>()

  /** When everything has stopped: every unit of the newest layout tells the same story (L1, L2, L5, D). */
  atEnd(tail: number): void {
    const newest = this.newest
    if (newest === undefined) return
    for (let position = this.#start.tail; position < tail; position++) {
      const decided = this.decided.get(position)
      for (const { identity } of this.#chainOf(position)) {
        const unit = this.unit(identity)
        if (position < unit.trim) continue
        const held = unit.held.get(position)
        if (held === undefined) {
          this.fail(
            'L11',
            `position ${position} below the tail ${tail} is empty on unit ${identity.slice(0, 6)} at the end`,
          )
        }
        if (decided === undefined || !same(held, decided)) {
          this.fail(
            'L2',
            `position ${position} is ${decided === undefined ? 'undecided' : text(decided)}, unit `
              + `${identity.slice(0, 6)} holds ${text(held)} at the end`,
          )
        }
      }
    }
  }
}
