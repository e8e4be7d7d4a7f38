/**
 * A space: the state machine that one stream plays. Entries go in, in order; outcomes come out.
 *
 *     entry ─ (a) deadlines ─ (b) sessions │ (c) number: lower: dropped, higher: no, it ─ gate ─ step ─ (d) close
 *
 * The mark of a session moves with every op whose turn it was, also where the op is refused, fails or is skipped
 * because the code of its type is missing: so all views agree on the marks, whatever code they have. Keeps: O3, O4, O5,
 * O11, O12, O13, P33, P58. Read next: `journal.ts` (steps), `bound-type.ts`, `slots.ts`; who feeds it: `view.ts`.
 * Long: what is judged at one position, in one order.
 * @source Tango SOSP'13 3.1 (objects as views of a log).
 *
 * Long: the way of one entry through a space is one thought.
 */
import type { Entry } from '../../log/entry.ts'
import { SirtakiError, invariant } from '../../log/errors.ts'
import type { Session, SessionEntry } from '../../sequencer/session-entry.ts'
import { SessionTable } from '../../sequencer/session-table.ts'
import type { Claimed } from './claims.ts'
import { WAITING } from './context.ts'
import { DigestSums, addLanes, hexOf, type Digest } from './digest.ts'
import { OpDecoder, type KnownWhat, type OpEntry, type OpHead, type Part, type SpaceEntry, type What } from './entry.ts'
import { readInput } from './input.ts'
import { mustStop } from './exhausted.ts'
import { ENTRY_FUEL_MAX, Journal, NOBODY, RECORDS_MAX, type Caller } from './journal.ts'
import { hashOf, keepResults, knownResults } from './once.ts'
import { twins, typeId, type AnyBoundType, type AnyObject, type AnyObjectType } from './object-type.ts'
import { refusalOf, type Outcome, type Played, type Refused } from './outcome.ts'
import { Rejection } from './rejection.ts'
import {
  NEEDS_ENGINE,
  OWN_PATHS,
  PROGRAMS_PATH,
  PROGRAMS_TYPE,
  isProgramRegistry,
  programOf,
  type Programs,
  type Reach,
  type Reached,
  type Taker,
} from './programs.ts'
import type { Lanes, Row, RowStore } from './row.ts'
import { RUNTIME_TYPE, requireAnnounced, runRuntimeOp } from './runtime-ops.ts'
import { SessionMarks, type SessionMark } from './session-marks.ts'
import { Slots, type Slot } from './slots.ts'
import { tablesOf, type ObjectSnapshot, type SpaceSnapshot } from './snapshot.ts'
import { SYSTEM_PATH, SYSTEM_TYPE, SystemRecords } from './system-records.ts'
import type { Input } from './values.ts'

/** Positions between two digests: what one digest has to hash at most. */
export const DIGEST_EVERY = 4_096
/** Changes that wait to be hashed, whatever happens. */
const DIRTY_MAX = 65_536
/** Digest points that are remembered: others' claims of them are compared. */
const POINTS_MAX = 16
/** Names of types whose ops were skipped: beyond it every unknown type counts as one of them, and is played anew. */
const SKIPPED_MAX = 65_536
/** Types and paths that an error names. */
const NAMED_MAX = 16

/** The sums of the state at a position. */
export interface DigestPoint {
  readonly position: number
  readonly lanes: Lanes
}

/** Is told what code of types runs: an op that never ends can be named by nobody else. */
export interface Watchdog {
  began(position: number, object: string): void
  /** Nothing runs any more. */
  ended(): void
}

/** Where the ops of one op of a type go. */
interface Route {
  readonly type: AnyBoundType | undefined
  /** The program whose type it is. */
  readonly program: string | undefined
}

/** What a space holds at most. The same on every view: they decide outcomes. */
export interface SpaceBounds {
  /** Records of one table. */
  readonly recordsMax?: number | undefined
  readonly objectsMax?: number | undefined
  readonly sessionsMax?: number | undefined
}

/** The state machine of one stream. */
export class Space {
  readonly journal: Journal
  readonly #decoder = new OpDecoder<Route>()
  readonly #table: SessionTable
  readonly #marks = new SessionMarks()
  readonly #sums = new DigestSums()
  readonly #types = new Map<string, AnyBoundType>()
  readonly #skippedTypes = new Set<string>()
  #programs: Programs | undefined
  readonly #slots: Slots
  readonly #system: SystemRecords
  /** Objects that nothing runs on at a position, by position. */
  readonly #skips = new Map<number, Set<string>>()
  /** Whether it has once been at the tail: digests count from there on. */
  isLive = false
  /** Looks whether what runs here ends. */
  watchdog: Watchdog | undefined
  #position = -1
  #time = 0
  #epoch = 0
  #digestAt = DIGEST_EVERY
  /** The last digest points, oldest first. */
  readonly #points: DigestPoint[] = []
  /** By which process the op of the entry at hand is, if it carries a claim. */
  #claimed: Claimed | undefined

  constructor({ recordsMax = RECORDS_MAX, objectsMax = RECORDS_MAX, sessionsMax }: SpaceBounds = {}) {
    this.journal = new Journal(recordsMax)
    this.#slots = new Slots(objectsMax)
    this.#table = new SessionTable(sessionsMax)
    this.journal.isLive = (session) => this.#table.ofSession(session) !== undefined
    this.#system = new SystemRecords(this.journal)
  }

  /** Position of the last entry, -1 before the first. */
  get position(): number {
    return this.#position
  }
  /** Log time of the last entry. */
  get time(): number {
    return this.#time
  }
  /** The epoch of its token; 0 before the first. */
  get epoch(): number {
    return this.#epoch
  }
  /** What log time lacks to the sequencer's wall time. */
  get wallOffset(): number {
    return this.#system.offset
  }
  /** When the next deadline falls due in log time, or earlier; Infinity: there is none. */
  get firstDeadline(): number {
    return this.journal.deadlines.first
  }
  /** Whether the code of some object's type is missing here. */
  get isOpaque(): boolean {
    return this.#slots.isOpaque
  }
  /** The last digest point: the first entry at or past a multiple of 4,096, played while live. */
  get lastPoint(): DigestPoint | undefined {
    return this.#points.at(-1)
  }
  /** The digest at the last digest point. */
  get lastDigest(): { readonly position: number; readonly digest: string } | undefined {
    return this.lastPoint && { position: this.lastPoint.position, digest: hexOf(this.lastPoint.lanes) }
  }
  /** The sums at one of the last digest points. */
  lanesAt(position: number): Lanes | undefined {
    return this.#points.find((point) => point.position === position)?.lanes
  }

  /** All live sessions with the numbers of their next ops. */
  sessions(): SessionMark[] {
    return this.#marks.all()
  }
  session(session: number): Session | undefined {
    return this.#table.ofSession(session)
  }
  /** A live session by its latest incarnation. */
  ofIncarnation(incarnation: number): Session | undefined {
    return this.#table.live(incarnation)
  }
  /** The object at a path, if there is one whose code is known. */
  object(path: string): AnyObject | undefined {
    const object = this.#slots.get(path)?.object
    return object?.exists === true ? object : undefined
  }
  objects(): AnyObject[] {
    return this.#slots.objects()
  }
  /** A table as a snapshot names it, with the type of its object; the space's own records are one of them. */
  tableOf(
    path: string,
    table: string,
  ): { readonly type: string; readonly version: number; readonly store: RowStore } | undefined {
    const isSystem = path === SYSTEM_PATH
    const object = isSystem ? undefined : this.object(path)
    const store = isSystem ? this.#systemStore(table) : object?.store(table)
    const { name, version } = object?.type ?? SYSTEM_TYPE
    return store && { type: name, version, store }
  }
  /** Paths whose objects, if there are any, are of types whose code is missing here. */
  hidden(): string[] {
    return this.#slots.hidden()
  }
  /** The programs of the space, where their registry is known here. */
  get programs(): Programs | undefined {
    return this.#programs
  }
  /** Brings what they run in, after NEEDS_ENGINE. @throws SirtakiError why it cannot be had. */
  async bringEngine(): Promise<void> {
    await this.#programs?.bring()
  }
  /** The active versions of types by name. */
  activeTypes(): [name: string, version: number][] {
    return this.#system.types()
  }

  /**
   * Makes the code of a type known. False: ops of it have been skipped already; only a replay from the start can have
   * it.
   *
   * @throws SirtakiError `MISUSE` when another type has its name and version.
   */
  register(type: AnyObjectType): boolean {
    const id = typeId(type.name, type.version)
    const isSkipped = this.#skippedTypes.has(id) || this.#skippedTypes.size >= SKIPPED_MAX
    if (isSkipped && !this.#types.has(id)) return false
    const bound = type.bind(this.journal)
    const known = this.#types.get(id)
    if (known !== undefined && known !== bound) throw twins(id)
    this.#types.set(id, bound)
    if (isProgramRegistry(type)) this.#programs = type.programs(this.journal, this.#reach)
    return true
  }

  /** Has nothing of an object run at a position (finding 28). To be said before that position is played. */
  skip(position: number, object: string): void {
    const objects = this.#skips.get(position) ?? new Set()
    this.#skips.set(position, objects.add(object))
  }

  /**
   * Applies the next entry.
   *
   * @throws SirtakiError `UNSUPPORTED` for a format of a later version, `STOPPED` when an op ran out of stack or
   *   memory, `INVARIANT`: this view cannot go on.
   * @throws NEEDS_ENGINE before anything is changed: it may be repeated once the engine is here.
   */
  apply(entry: Entry): Played {
    if (this.watchdog === undefined) return this.#apply(entry)
    try {
      return this.#apply(entry)
    } finally {
      this.watchdog.ended()
    }
  }

  #apply(entry: Entry): Played {
    const { position, epoch, logTime, payload } = entry
    invariant(position > this.#position, 'Q4', { position, last: this.#position })
    const { journal } = this
    const decoded = this.#decoder.decode(payload)
    if (this.#programs?.isReady === false && this.#needsEngine(decoded)) throw NEEDS_ENGINE
    journal.begin(position, logTime, logTime + this.#system.offset)
    this.#position = position
    this.#time = logTime
    this.#epoch = epoch
    if (journal.deadlines.first <= logTime) this.#fire(position, logTime)
    this.#claimed = undefined
    const outcome = this.#judge(entry, decoded)
    this.#programs?.ended()
    this.#slots.close(logTime, (object) => journal.step(NOBODY, () => object.cell.delete('')))
    if (position >= this.#digestAt || journal.dirty >= DIRTY_MAX) this.#digestPoint(position)
    return {
      position,
      time: logTime,
      outcome,
      settled: journal.settlements,
      events: journal.events,
      patches: journal.patches,
      bytes: payload.byteLength,
      fuel: journal.fuel + journal.hookFuel,
      calls: journal.calls,
      claimed: this.#claimed,
    }
  }

  /** The digest of the state as it is. */
  digest(): Digest {
    return { position: this.#position, digest: hexOf(this.#lanes()), objects: this.#sums.objects() }
  }

  /**
   * Everything that playback needs from here on.
   *
   * @throws SirtakiError `CODE_MISSING` where the code of some object's type is missing: its records are not here.
   */
  snapshot(): SpaceSnapshot {
    if (this.isOpaque) throw this.#codeMissing()
    this.#sums.fold(this.journal.takeDirty())
    const objects: ObjectSnapshot[] = this.#slots.objects().map((object) => ({
      path: object.path,
      type: object.type.name,
      version: object.type.version,
      tables: tablesOf(object.stores(), object.cell),
    }))
    const system = this.#system.stores()
    objects.push({
      path: SYSTEM_PATH,
      type: SYSTEM_TYPE.name,
      version: SYSTEM_TYPE.version,
      tables: tablesOf(system, system[0]),
    })
    return { position: this.#position, time: this.#time, epoch: this.#epoch, sessions: this.#marks.all(), objects }
  }

  #codeMissing(...more: readonly string[]): SirtakiError {
    const types = [...more, ...this.#skippedTypes].slice(0, NAMED_MAX)
    const which = `the code of ${types.join(', ')} is missing here`
    return new SirtakiError('CODE_MISSING', `${which}, so that there is no snapshot: give it, as with --code FILE`, {
      facts: { types, paths: this.hidden().slice(0, NAMED_MAX) },
    })
  }

  /** Takes a snapshot in place of what it has, which must be nothing. Objects without their code stay unknown. */
  load({ position, time, epoch, sessions, objects }: SpaceSnapshot): void {
    invariant(this.#position === -1, 'C4', { position: this.#position })
    this.#position = position
    this.#time = time
    this.#epoch = epoch
    this.#digestAt = (Math.floor(position / DIGEST_EVERY) + 1) * DIGEST_EVERY
    const live = sessions.map(({ next, ...session }) => ({ session, next }))
    this.#table.load(live.map(({ session }) => session))
    for (const { session, next } of live) this.#marks.open(session, next)
    for (const { path, type, version, tables } of objects) {
      const storeOf = path === SYSTEM_PATH ? this.#systemStore : this.#loaded(path, type, typeId(type, version))
      for (const { table, keys, rows } of tables) {
        const store = storeOf?.(table)
        if (store !== undefined) this.#loadTable(store, keys, rows)
      }
    }
    this.#slots.loaded()
  }

  /** Records come with their hashes: to make them anew would take longer than all the rest. */
  #loadTable(store: RowStore, keys: readonly string[], rows: readonly Row<unknown>[]): void {
    for (let i = 0; i < keys.length; i++) {
      const [key, row] = [keys[i], rows[i]]
      if (key === undefined || row === undefined) continue
      store.load(key, row)
      this.#sums.loaded(store, row)
    }
  }

  readonly #systemStore = (table: string) => this.#system.stores()[table === '' ? 0 : 1]

  #loaded(path: string, type: string, id: string) {
    const program = programOf(type)
    const bound = program === undefined ? this.#types.get(id) : this.#programs?.type(program)
    if (bound === undefined) {
      if (path === PROGRAMS_PATH) throw this.#codeMissing(id)
      this.#skipType(id)
      this.#slots.hide(path)
      return undefined
    }
    const object = bound.object(path)
    this.#slots.touch(path).object = object
    return (table: string) => object.storeFor(table)
  }

  /** Whether an entry may call programs: any may where there are some, since deadlines and ends of sessions do too. */
  #needsEngine(decoded: SpaceEntry<Route>): boolean {
    if (this.#programs === undefined) return false
    if (this.#programs.any) return true
    if (decoded.kind !== 'op' && decoded.kind !== 'transaction') return false
    const parts = decoded.kind === 'op' ? [decoded.part] : decoded.parts
    return parts.some(({ what: { what } }) => what.type === PROGRAMS_TYPE)
  }

  /** Fires what is due, object by object, each as a step of its own; a deadline goes before its step. */
  #fire(position: number, time: number): void {
    for (const deadlines of this.journal.deadlines.takeDue(time)) {
      const slot = this.#slots.get(deadlines.object)
      const object = slot?.object
      const due = object?.due
      if (slot === undefined || object === undefined || due === undefined || object.deadlines !== deadlines) continue
      if (object.type.park(deadlines)) continue
      if (!this.#isSkipped(position, slot.path)) {
        const isOld = (key: string): boolean => (due.row(key)?.modified ?? position) < position
        for (const key of deadlines.takeDue(time, isOld)) {
          if (!isOld(key) || (due.get(key) ?? Infinity) > time) continue
          // Nobody fails because others have used what there is: the next entry fires it.
          if (object.type.hookFuel > ENTRY_FUEL_MAX - this.journal.hookFuel) {
            deadlines.putBack(key)
            continue
          }
          this.journal.step(NOBODY, () => due.delete(key))
          this.#hook(object, () => {
            object.runDue(key)
          })
        }
      }
      deadlines.rearm()
      this.#slots.note(slot)
    }
  }

  #judge(entry: Entry, decoded: SpaceEntry<Route>): Outcome {
    const { position, payload } = entry
    if (decoded.kind === 'bad') return { kind: 'ignored', position }
    if (decoded.kind === 'session') return this.#session(entry, decoded.entry)
    const { incarnation, number } = decoded
    const ahead = this.#marks.take(incarnation, number)
    if (ahead === undefined) return { kind: 'unknown', position, incarnation, number }
    if (ahead !== 0) return { kind: ahead < 0 ? 'duplicate' : 'gap', position, incarnation, number }
    if (decoded.kind === 'empty') return { kind: 'empty', position, incarnation, number }
    if (decoded.kind === 'unreadable') {
      const facts = { reason: 'it cannot be decoded' }
      return { kind: 'rejected', position, incarnation, number, code: 'REJECTED', next: 'stop', facts }
    }
    if (decoded.claim !== undefined) this.#noteClaim(decoded, entry.logTime)
    const caller = this.#callerOf(decoded)
    const straight = decoded.kind === 'op' ? this.#straight(decoded, caller) : undefined
    if (decoded.kind !== 'op' || straight === undefined) {
      return { ...this.#run(entry, decoded, caller), position, incarnation, number }
    }
    try {
      const value = this.journal.step(caller, () => this.#runOn(straight, decoded.part, payload))
      return value === WAITING
        ? { kind: 'waiting', position, incarnation, number }
        : { kind: 'result', position, incarnation, number, value }
    } catch (thrown) {
      return { ...this.#failure(thrown, decoded.part, position), position, incarnation, number }
    }
  }

  /** A claim is for the view: nothing here depends on it. */
  #noteClaim({ incarnation, claim }: OpHead, time: number): void {
    const process = this.#marks.of(incarnation)?.process
    if (process !== undefined && claim !== undefined) this.#claimed = { claim, process, time }
  }

  #session(entry: Entry, decoded: SessionEntry): Outcome {
    const { position, epoch, logTime } = entry
    if (decoded.kind === 'tick') {
      if (decoded.epoch !== 0 && decoded.epoch === epoch) {
        this.journal.step(NOBODY, () => {
          this.#system.offset = decoded.wall - logTime
        })
      }
      return { kind: 'tick', position }
    }
    const streams = entry.streams.map(({ stream }) => stream)
    const change = this.#table.apply({ position, epoch, streams }, decoded)
    if (change === undefined) return { kind: 'ignored', position }
    if (change.kind === 'resumed') this.#marks.drop(change.before.incarnation)
    if (change.kind === 'ended') {
      this.#marks.drop(change.session.incarnation)
      this.#endOwned(change.session.session, change.clean)
    } else if (change.kind === 'restored') {
      for (const { incarnation } of change.gone) this.#marks.drop(incarnation)
      for (const { session } of change.gone) this.#endOwned(session, false)
    } else this.#marks.open(change.session)
    return { ...change, position }
  }

  /** Drops what a session owned, object by object; in each the rows go first, then the type does what follows. */
  #endOwned(session: number, clean: boolean): void {
    for (const path of this.journal.owners.objectsOf(session)) {
      const slot = this.#slots.get(path)
      const object = slot?.object
      if (slot === undefined || object === undefined) continue
      const ended = this.journal.step(NOBODY, () => object.dropOwned(session, clean))
      this.#slots.note(slot)
      if (!this.#isSkipped(this.#position, path)) this.#hook(object, ended)
    }
  }

  /** Runs a hook of a type as a step: one that is refused or throws changes nothing and stops nobody. */
  #hook(object: AnyObject, run: () => void): void {
    this.watchdog?.began(this.#position, object.path)
    try {
      this.journal.step(NOBODY, run)
    } catch (thrown) {
      if (mustStop(thrown)) throw cannotApply('a hook', object.path, this.#position, thrown)
    }
  }

  #run(entry: Entry, decoded: OpEntry<Route>, caller: Caller): Judged {
    const parts = decoded.kind === 'op' ? [decoded.part] : decoded.parts
    const [first] = parts
    invariant(first !== undefined, 'O4', { position: entry.position })
    let at = first
    try {
      for (const part of parts) {
        at = part
        requireBeside(part, parts)
        this.#admit(part, entry.position, caller)
      }
      if (this.#hideUnknown(parts)) return { kind: 'opaque' }
      for (const part of parts) this.#upgrade((at = part))
      const { key } = decoded
      const values = this.journal.step(caller, () => {
        // A key is kept by the object of the first part.
        const used = key === undefined ? undefined : { key, hash: hashOf(entry.payload, decoded), entry }
        if (used !== undefined) {
          at = first
          // By that of a program, where one took it.
          for (const path of [first.object, ...this.#takersOf(first.object)]) {
            const known = knownResults(this.object(path), used)
            if (known !== undefined) return known
          }
        }
        const taker = used && this.#takerOf(first)
        const results = parts.map((part) => this.#part((at = part), entry.payload, decoded.kind === 'op'))
        if (used !== undefined) {
          at = first
          keepResults(this.object(taker?.path ?? first.object), used, results)
        }
        return results
      })
      if (decoded.kind === 'transaction') return { kind: 'result', value: values }
      return values[0] === WAITING ? { kind: 'waiting' } : { kind: 'result', value: values[0] }
    } catch (thrown) {
      return this.#failure(thrown, at, entry.position, decoded.kind === 'op' ? undefined : parts.indexOf(at))
    }
  }

  /** What a step that was refused or threw comes to. @throws SirtakiError `STOPPED` where this view cannot go on. */
  #failure(thrown: unknown, part: Part<Route>, position: number, index?: number): Judged {
    if (thrown instanceof Rejection) {
      const where = index === undefined ? {} : { part: index, path: part.object }
      return refusalOf(thrown, this.#typeOf(part.what)?.refusals, where)
    }
    // Stack depths and memory differ from view to view: going on would make the state differ.
    if (mustStop(thrown)) throw cannotApply(part.what.what.op, part.object, position, thrown)
    return { kind: 'failed', cause: thrown }
  }

  /** The object of an op for which nothing else is to be judged: it is there, of this type and this active version. */
  #straight(
    { key, part: { what, object: path } }: OpHead & { readonly part: Part<Route> },
    { session }: Caller,
  ): AnyObject | undefined {
    const { type, program } = what.route ?? {}
    if (key !== undefined || type === undefined || this.#skips.size > 0 || path.startsWith('/.')) return undefined
    if (this.#programs?.take === true) return undefined
    const slot = this.#slots.get(path)
    if (slot?.object?.type !== type || !slot.object.exists) return undefined
    const isActive =
      program === undefined
        ? this.#system.active(what.what.type) === what.what.version
        : this.#programs?.refusal(program, what.what, session) === undefined
    if (!isActive) return undefined
    if (type.ends) this.#slots.note(slot)
    return slot.object
  }

  #runOn(object: AnyObject, part: Part<Route>, payload: Uint8Array): unknown {
    const input = inputOf(payload, part)
    this.watchdog?.began(this.#position, object.path)
    return object.run(part.what.what.op, input)
  }

  /** What is judged before a step, alike by everyone. @throws Rejection `SKIPPED`, `OLD_CODE`, `NOT_ACTIVE`. */
  #admit({ what: { what }, object }: Part<Route>, position: number, { session }: Caller): void {
    const { type, version } = what
    requirePlace(what, object)
    const program = programOf(type)
    if (program !== undefined) this.#requireProgram(program, what, session)
    else if (type !== RUNTIME_TYPE) {
      if (this.#system.active(type) === undefined) {
        // Views without that engine stop there: nobody makes it the first one but with all that are there.
        if (type === PROGRAMS_TYPE) requireAnnounced({ type, version, active: 0 }, this.#table.all())
        this.journal.step(NOBODY, () => {
          this.#system.activate(type, version)
        })
      } else this.#system.requireActive(type, version)
    }
    if (this.#isSkipped(position, object)) throw new Rejection('SKIPPED', { object })
  }

  /** @throws Rejection unless a session may call a program in this version now. */
  #requireProgram(program: string, what: What, session: number): void {
    const refusal = this.#programsHere().refusal(program, what, session)
    if (refusal !== undefined) throw refusal
  }

  /**
   * Whether code is missing for a part. Then nothing is known of any of its objects from here on: whether the op makes
   * or changes one is for that code to say.
   */
  #hideUnknown(parts: readonly Part<Route>[]): boolean {
    const isUnknown = ({ what, object }: Part<Route>): boolean => {
      const slot = this.#slots.get(object)
      if (slot?.isOpaque === true) return true
      if (what.what.type === RUNTIME_TYPE || this.#typeOf(what) !== undefined) return false
      // There is another type's object, which every view sees: it refuses.
      return parts.length > 1 || slot?.object?.exists !== true || slot.object.type.name === what.what.type
    }
    if (!parts.some(isUnknown)) return false
    for (const { what, object } of parts) {
      if (object === SYSTEM_PATH) continue
      // Another engine; a program that may run; changes that programs are called for: others would go on alone.
      const { type } = what.what
      const mayRun = type === PROGRAMS_TYPE || programOf(type) !== undefined || this.#isTaken(what, object)
      const isMissed = mayRun || this.#programs?.listensTo(object) === true
      if (isMissed) throw this.#codeMissing(typeId(what.what.type, what.what.version))
      if (this.#typeOf(what) === undefined) this.#skipType(typeId(what.what.type, what.what.version))
      this.#slots.hide(object)
    }
    return true
  }

  /** Whether programs may do what this op asks for, or have ops that wait there. */
  #isTaken({ what }: KnownWhat<Route>, object: string): boolean {
    if (this.#programs?.take !== true) return false
    const isTheirs = what.type === RUNTIME_TYPE || this.#programs.mayTake(what, object)
    return isTheirs && this.#takersOf(object).length > 0
  }

  /** Makes an object of an older version one of the active one. A step of its own. */
  #upgrade({ what, object: path }: Part<Route>): void {
    const type = this.#typeOf(what)
    const slot = this.#slots.get(path)
    const old = slot?.object
    if (slot === undefined || type === undefined || !isOlder(old, type)) return
    const made = type.object(path)
    this.watchdog?.began(this.#position, path)
    try {
      this.journal.step(NOBODY, () => {
        made.upgradeFrom(old)
      })
    } catch (thrown) {
      made.forget()
      throw thrown
    }
    old.forget()
    slot.object = made
  }

  /** Runs one part in the open step. */
  #part(part: Part<Route>, payload: Uint8Array, mayWait: boolean): unknown {
    const { what, object: path } = part
    this.watchdog?.began(this.#position, path)
    const input = inputOf(payload, part)
    if (what.what.type === RUNTIME_TYPE) {
      // An op that is given up may have been taken by a program, and wait there.
      for (const at of what.what.op === '$cancel' ? [path, ...this.#takersOf(path)] : [path]) {
        const known = this.#slots.get(at)
        if (known !== undefined) this.#slots.note(known)
        const scope = { object: this.object(at), system: this.#system, sessions: () => this.#table.all() }
        runRuntimeOp(what.what.op, input, scope)
      }
      return null
    }
    const value = this.#runPart(part, input)
    if (value === WAITING && !mayWait) throw new Rejection('WAIT_IN_TRANSACTION', { op: what.what.op })
    return value
  }

  /** Has the op run by its type, or by the program that takes it. */
  #runPart(part: Part<Route>, input: Input): unknown {
    const { what: known, object: path } = part
    const { what } = known
    const taker = this.#takerOf(part)
    if (taker === undefined) {
      const program = programOf(what.type)
      // Parts before this one may have changed what is registered.
      if (program !== undefined) this.#requireProgram(program, what, this.journal.caller.session)
      return this.#objectFor(path, what.type, this.#typeOf(known)).run(what.op, input)
    }
    const type = this.#programsHere().type(taker.program)
    return this.#objectFor(taker.path, type.name, type).take(taker.run, { path, op: what.op, input })
  }

  /** Who takes an op from its type, in the open step. */
  #takerOf({ what: { what }, object }: Part<Route>): Taker | undefined {
    if (this.#programs?.take !== true) return undefined
    return this.#programs.taker(what, object, this.journal.caller.session)
  }

  /** Objects of programs that take ops at a path. */
  #takersOf(path: string): readonly string[] {
    return this.#programs?.take === true ? this.#programs.takersOf(path) : []
  }

  /**
   * The object of a part, made where there is none. What an earlier part has dropped keeps its place until the end of
   * the entry, so that a refusal finds it there.
   *
   * @throws Rejection `WRONG_TYPE`, `TOO_MANY`.
   */
  #objectFor(path: string, wanted: string, type: AnyBoundType | undefined): AnyObject {
    const slot: Slot = this.#slots.touch(path)
    if (slot.object !== undefined) {
      if (slot.object.type === type) return slot.object
      throw new Rejection('WRONG_TYPE', { path, type: slot.object.type.name, wanted })
    }
    invariant(type !== undefined, 'O3', { path, type: wanted })
    slot.object = type.object(path)
    return slot.object
  }

  #callerOf({ incarnation, ids }: OpHead): Caller {
    const session = this.#marks.of(incarnation)
    invariant(session !== undefined, 'O4', { incarnation })
    return { session: session.session, ids: ids ?? session.ids }
  }

  readonly #reach: Reach = {
    object: (path) => {
      if (this.#slots.get(path)?.isOpaque === true) throw this.#codeMissing()
      return this.object(path)
    },
    typeAt: (path) => this.#slots.get(path)?.object?.type.name,
    run: (what) => this.#runReached(what),
    step: (path, type, run) => {
      if (this.#isSkipped(this.#position, path)) return
      this.watchdog?.began(this.#position, path)
      const object = this.#objectFor(path, type.name, type)
      run(object)
    },
  }

  #runReached({ path, type: { name, version }, op, input }: Reached): unknown {
    if (this.#slots.get(path)?.isOpaque === true) throw this.#codeMissing()
    if (path.startsWith('/.')) {
      throw this.journal.refuse(new Rejection('BAD_ARGUMENT', { reason: 'paths in /. are ours' }))
    }
    if (this.#isSkipped(this.#position, path)) throw this.journal.refuse(new Rejection('SKIPPED', { object: path }))
    const active = this.#system.active(name)
    if (active === undefined) this.#system.activate(name, version)
    // What the engine knows every view has; of another version that is for nobody to know here.
    else if (active !== version) {
      const code = version < active ? 'OLD_CODE' : 'NOT_ACTIVE'
      throw this.journal.refuse(new Rejection(code, { type: name, version, active }))
    }
    const type = this.#types.get(typeId(name, version))
    if (type === undefined) throw this.#codeMissing(typeId(name, version))
    // An object is made one of a later version in a step of its own, which no step holds.
    if (isOlder(this.#slots.get(path)?.object, type)) {
      throw this.journal.refuse(new Rejection('OLD_CODE', { path, version: type.version }))
    }
    try {
      return this.#objectFor(path, name, type).run(op, input)
    } catch (thrown) {
      if (!(thrown instanceof Rejection)) throw thrown
      thrown.next ??= type.refusals.get(thrown.code)
      throw this.journal.refuse(thrown)
    }
  }

  /** @throws SirtakiError `CODE_MISSING` where the registry of programs is not known here. */
  #programsHere(): Programs {
    if (this.#programs === undefined) throw this.#codeMissing('the engine of programs')
    return this.#programs
  }

  #typeOf(known: KnownWhat<Route>): AnyBoundType | undefined {
    if (known.route !== undefined) return known.route.type
    const program = programOf(known.what.type)
    const type =
      program === undefined
        ? this.#types.get(typeId(known.what.type, known.what.version))
        : this.#programs?.type(program)
    // A type may become known later.
    if (type !== undefined) known.route = { type, program }
    return type
  }

  #isSkipped(position: number, object: string): boolean {
    return this.#skips.size > 0 && this.#skips.get(position)?.has(object) === true
  }

  /** Where names are kept that nobody bounds: of so many skipped types any may be another one. */
  #skipType(id: string): void {
    if (this.#skippedTypes.size < SKIPPED_MAX) this.#skippedTypes.add(id)
  }

  #digestPoint(position: number): void {
    if (position < this.#digestAt) {
      this.#sums.fold(this.journal.takeDirty())
      return
    }
    this.#digestAt = (Math.floor(position / DIGEST_EVERY) + 1) * DIGEST_EVERY
    if (!this.isLive) return
    this.#points.push({ position, lanes: this.#lanes() })
    if (this.#points.length > POINTS_MAX) this.#points.shift()
  }

  #lanes(): Lanes {
    this.#sums.fold(this.journal.takeDirty())
    return addLanes(this.#sums.lanes, this.#marks.lanes())
  }
}

type Judged =
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'waiting' | 'opaque' }
  | { readonly kind: 'failed'; readonly cause: unknown }
  | Refused

/** Whether an object is one of an older version of a type. */
const isOlder = (object: AnyObject | undefined, type: AnyBoundType): object is AnyObject =>
  object?.exists === true && object.type.name === type.name && object.type.version < type.version

/**
 * Whether a part may stand beside the others. Where a part is missed for want of its code, all of them are: so what
 * every view has to do alike stands only beside what every view has the code of.
 *
 * @throws Rejection `BAD_ARGUMENT`, `NOT_PORTABLE`.
 */
function requireBeside({ what: { what } }: Part<Route>, parts: readonly Part<Route>[]): void {
  if (parts.length === 1) return
  if (what.type === RUNTIME_TYPE && what.op === '$activate') {
    throw new Rejection('BAD_ARGUMENT', { reason: '$activate stands alone' })
  }
  if (what.type !== PROGRAMS_TYPE && programOf(what.type) === undefined) return
  for (const { what: other, object: path } of parts) {
    const { type } = other.what
    const isKnown = type === RUNTIME_TYPE || type.startsWith('sirtaki.') || programOf(type) !== undefined
    if (!isKnown) throw new Rejection('NOT_PORTABLE', { path, type })
  }
}

/** Whether ops of this type go to a path. Paths in `/.` are ours. @throws Rejection `BAD_ARGUMENT`. */
function requirePlace({ type, op }: What, object: string): void {
  const refuse = (reason: string): never => {
    throw new Rejection('BAD_ARGUMENT', { reason })
  }
  if (op === '$activate' && type === RUNTIME_TYPE && object !== SYSTEM_PATH) refuse(`${op} is for ${SYSTEM_PATH} alone`)
  if ((type === PROGRAMS_TYPE) !== (object === PROGRAMS_PATH) && type !== RUNTIME_TYPE) {
    if (type === PROGRAMS_TYPE) refuse(`the registry of extensions is ${PROGRAMS_PATH}`)
    if (object === PROGRAMS_PATH) refuse(`${PROGRAMS_PATH} is the registry of extensions`)
  }
  const isReserved = object.startsWith('/.') && (type !== RUNTIME_TYPE || op === '$drop')
  const isOurs = object.startsWith(`${SYSTEM_PATH}/`) && !object.startsWith(OWN_PATHS) && type.startsWith('sirtaki.')
  if (isReserved && !isOurs) refuse('paths in /. are ours')
}

/** @throws Rejection `BAD_ARGUMENT`. */
function inputOf(payload: Uint8Array, part: Part<Route>): Input {
  const input = readInput(payload, part)
  if (input === undefined) throw new Rejection('BAD_ARGUMENT', { reason: 'the input is no value' })
  return input
}

const cannotApply = (op: string, object: string, position: number, cause: unknown): SirtakiError =>
  new SirtakiError('STOPPED', `${op} of ${object} at position ${position} cannot be applied here`, {
    cause,
    facts: { position },
  })
