/**
 * A space: the state machine that one stream plays. Entries go in, in order; outcomes come out.
 *
 *     payload ─ decode ─ session known? ─ number: lower: dropped │ higher: not applied │ next ─ object, op, input ─ run ─ outcome
 *
 * The session's mark moves with every op whose turn it was, also where the op is refused, fails or is skipped because the
 * code of its type is missing: so all views agree on the marks, whatever code they have. Keeps: O3, O4, O11, P33, P58.
 * Read next: `records.ts`, `bound-type.ts`; who feeds it: `view.ts`.
 * @source Tango SOSP'13 3.1 (objects as views of a log).
 */
import type { Entry } from '../../log/entry.ts'
import { SirtakiError, invariant, isError } from '../../log/errors.ts'
import { DigestSums, addLanes, hexOf, type Digest } from './digest.ts'
import { Rejection, typeId, type AnyBoundType, type AnyObject, type AnyObjectType, type AnyOp } from './object-type.ts'
import { OpDecoder, readInput, type KnownTarget, type SpaceEntry } from './op-entry.ts'
import { Journal, type Lanes, type Patch } from './records.ts'
import { SessionMarks, type SessionMark } from './session-marks.ts'
import type { Value } from './values.ts'

/** What became of an op whose turn it was. */
export type Applied =
  | { readonly kind: 'result'; readonly position: number; readonly session: number; readonly number: number; readonly value: unknown }
  | { readonly kind: 'rejected'; readonly position: number; readonly session: number; readonly number: number; readonly reason: string; readonly facts: Readonly<Record<string, Value>> }
  /** The op threw: `cause` is for people near by and never part of the state. */
  | { readonly kind: 'failed'; readonly position: number; readonly session: number; readonly number: number; readonly cause: unknown }
  /** `opaque`: the code of the object's type is missing here. */
  | { readonly kind: 'opaque'; readonly position: number; readonly session: number; readonly number: number }
  | { readonly kind: 'empty'; readonly position: number; readonly session: number; readonly number: number }

/** What an entry came to. */
export type Outcome =
  | Applied
  | { readonly kind: 'opened'; readonly position: number; readonly session: number }
  /** Applied before. */
  | { readonly kind: 'duplicate'; readonly position: number; readonly session: number; readonly number: number }
  /** Too early: the one before it is missing. */
  | { readonly kind: 'gap'; readonly position: number; readonly session: number; readonly number: number }
  /** Not an entry of this space, or of a session that there is not. */
  | { readonly kind: 'ignored'; readonly position: number; readonly session: -1 }

/** Positions between two digests: what one digest has to hash at most. */
export const DIGEST_EVERY = 4_096

type SpaceOp = Extract<SpaceEntry<Route>, { kind: 'op' }>
/** Where the ops of one target go. */
interface Route { readonly slot: Slot; readonly type: AnyBoundType | undefined; readonly op: AnyOp | undefined }
/** One name: its object, or that its ops were skipped, so that nobody here knows what it is. */
interface Slot { object: AnyObject | undefined; opaque: boolean }

/** The state machine of one stream. */
export class Space {
  /** The changes of the last entry are in its `patches`. */
  readonly journal = new Journal()
  readonly #decoder = new OpDecoder<Route>()
  readonly #marks = new SessionMarks()
  readonly #sums = new DigestSums()
  readonly #types = new Map<string, AnyBoundType>()
  readonly #skipped = new Set<string>()
  readonly #slots = new Map<string, Slot>()
  #position = -1
  #digestAt = DIGEST_EVERY
  #lastDigest: { readonly position: number; readonly lanes: Lanes } | undefined

  /** Position of the last entry, -1 before the first. */
  get position(): number { return this.#position }
  /** Changes of the last entry, in order. */
  get patches(): readonly Patch[] { return this.journal.patches }
  /** The digest at the last digest point: the first entry at or past a multiple of 4,096. */
  get lastDigest(): { readonly position: number; readonly digest: string } | undefined {
    return this.#lastDigest && { position: this.#lastDigest.position, digest: hexOf(this.#lastDigest.lanes) }
  }

  session(session: number): SessionMark | undefined { return this.#marks.get(session) }
  sessions(): SessionMark[] { return this.#marks.all() }

  /**
   * Makes the code of a type known. False: ops of it have been skipped already; only a replay from the start can have it.
   *
   * @throws SirtakiError `MISUSE` when another type has its name and version.
   */
  register(type: AnyObjectType): boolean {
    const id = typeId(type.name, type.version)
    if (this.#skipped.has(id)) return false
    const bound = type.bind(this.journal)
    const known = this.#types.get(id)
    if (known !== undefined && known !== bound) throw new SirtakiError('MISUSE', `two types are named ${id}: give one of them another name or version`)
    this.#types.set(id, bound)
    return true
  }

  /**
   * Applies the next entry.
   *
   * @throws SirtakiError `UNSUPPORTED` for a format of a later version, `STOPPED` when an op ran out of stack or memory,
   *   `INVARIANT`: this view cannot go on.
   */
  apply(entry: Entry): Outcome {
    const { position } = entry
    invariant(position > this.#position, 'Q4', { position, last: this.#position })
    const decoded = this.#decoder.decode(entry.payload)
    this.journal.begin(position, entry.logTime, 'session' in decoded ? decoded.session : position)
    this.#position = position
    const outcome = this.#judge(entry, decoded)
    if (position >= this.#digestAt) this.#digestPoint(position)
    return outcome
  }

  /** The digest of the state as it is. */
  digest(): Digest {
    return { position: this.#position, digest: hexOf(this.#lanes()), objects: this.#sums.objects() }
  }

  #judge(entry: Entry, decoded: SpaceEntry<Route>): Outcome {
    const { position } = entry
    if (decoded.kind === 'bad') return { kind: 'ignored', position, session: -1 }
    if (decoded.kind === 'open') {
      this.#marks.open(position, decoded.name)
      return { kind: 'opened', position, session: position }
    }
    const { session, number } = decoded
    const ahead = this.#marks.take(session, number)
    if (ahead === undefined) return { kind: 'ignored', position, session: -1 }
    if (ahead < 0) return { kind: 'duplicate', position, session, number }
    if (ahead > 0) return { kind: 'gap', position, session, number }
    if (decoded.kind === 'empty') return { kind: 'empty', position, session, number }
    if (decoded.kind === 'unreadable') return rejected(decoded, position, 'the entry cannot be decoded')
    return this.#run(entry, decoded, decoded.to.route ?? this.#routeOf(decoded.to))
  }

  #run({ position, payload }: Entry, decoded: SpaceOp, { slot, type, op }: Route): Outcome {
    const { session, number, to: { target } } = decoded
    if (slot.object?.exists === true) {
      if (slot.object.type !== type) return rejected(decoded, position, 'the object is of another type')
    } else if (slot.opaque || type === undefined) {
      // Whether this op makes the object is for its code to say, so from here on nothing is known of it.
      slot.opaque = true
      this.#skipped.add(typeId(target.type, target.version))
      return { kind: 'opaque', position, session, number }
    } else if (slot.object?.type !== type) slot.object = type.object(target.object)
    if (op === undefined) return rejected(decoded, position, 'the type has no such op')
    try {
      const input = readInput(payload, decoded.inputAt)
      if (input === undefined) return rejected(decoded, position, 'the input is no value')
      return { kind: 'result', position, session, number, value: slot.object.run(op, input) }
    } catch (thrown) {
      this.journal.rollback()
      if (thrown instanceof Rejection) return rejected(decoded, position, thrown.reason, thrown.facts)
      // Stack depths and memory differ from view to view: going on would make the state differ.
      if (thrown instanceof RangeError || isError(thrown, 'INVARIANT')) throw new SirtakiError('STOPPED', `op ${target.op} of ${target.object} at position ${position} cannot be applied here`, { cause: thrown, facts: { position } })
      return { kind: 'failed', position, session, number, cause: thrown }
    }
  }

  #routeOf(to: KnownTarget<Route>): Route {
    const { target } = to
    const type = this.#types.get(typeId(target.type, target.version))
    const slot: Slot = this.#slots.get(target.object) ?? { object: undefined, opaque: false }
    this.#slots.set(target.object, slot)
    const route: Route = { slot, type, op: type?.op(target.op) }
    // A type may become known later.
    if (type !== undefined) to.route = route
    return route
  }

  #digestPoint(position: number): void {
    this.#digestAt = (Math.floor(position / DIGEST_EVERY) + 1) * DIGEST_EVERY
    this.#lastDigest = { position, lanes: this.#lanes() }
  }

  #lanes(): Lanes {
    this.#sums.fold(this.journal.takeDirty())
    return addLanes(this.#sums.lanes, this.#marks.lanes())
  }
}

function rejected({ session, number }: { readonly session: number; readonly number: number }, position: number, reason: string, facts: Readonly<Record<string, Value>> = {}): Outcome {
  return { kind: 'rejected', position, session, number, reason, facts }
}
