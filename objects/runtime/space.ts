/**
 * A space: the state machine that one stream plays. Entries go in, in order; outcomes come out.
 *
 *     payload ─ decode ─ session known? ─ number: lower: dropped │ higher: no │ it ─ object, op, input ─ run ─ outcome
 *
 * The session's mark moves with every op whose turn it was, also where the op is refused, fails or is skipped because
 * the code of its type is missing: so all views agree on the marks, whatever code they have. Keeps: O3, O4, O11, P33,
 * P58. Read next: `records.ts`, `bound-type.ts`; who feeds it: `view.ts`.
 * @source Tango SOSP'13 3.1 (objects as views of a log).
 */
import type { Entry } from '../../log/entry.ts'
import { SirtakiError, invariant, isError } from '../../log/errors.ts'
import { DigestSums, addLanes, hexOf, type Digest } from './digest.ts'
import { isExhausted } from './exhausted.ts'
import { twins, typeId, type AnyBoundType, type AnyObject, type AnyObjectType, type AnyOp } from './object-type.ts'
import { OpDecoder, readInput, type KnownTarget, type SpaceEntry, type Target } from './op-entry.ts'
import { Journal, RECORDS_MAX, type Lanes, type Patch } from './records.ts'
import { Rejection } from './rejection.ts'
import { SESSIONS_MAX, SessionMarks, type SessionMark } from './session-marks.ts'
import type { Value } from './values.ts'

/** What became of an op whose turn it was. */
export type Applied =
  | {
      readonly kind: 'result'
      readonly position: number
      readonly session: number
      readonly number: number
      readonly value: unknown
    }
  | {
      readonly kind: 'rejected'
      readonly position: number
      readonly session: number
      readonly number: number
      readonly reason: string
      readonly facts: Readonly<Record<string, Value>>
    }
  /** The op threw: `cause` is for people near by and never part of the state. */
  | {
      readonly kind: 'failed'
      readonly position: number
      readonly session: number
      readonly number: number
      readonly cause: unknown
    }
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
  /** Of a session that the space has forgotten, or never knew: nothing of it is applied any more. */
  | { readonly kind: 'unknown'; readonly position: number; readonly session: number; readonly number: number }
  /** Not an entry of this space. */
  | { readonly kind: 'ignored'; readonly position: number; readonly session: -1 }

/** Positions between two digests: what one digest has to hash at most. */
export const DIGEST_EVERY = 4_096

type SpaceOp = Extract<SpaceEntry<Route>, { kind: 'op' }>
/** Where the ops of one target go. */
interface Route {
  readonly slot: Slot
  readonly type: AnyBoundType | undefined
  readonly op: AnyOp | undefined
}
/** One name: its object, or that its ops were skipped, so that nobody here knows what it is. */
interface Slot {
  object: AnyObject | undefined
  opaque: boolean
}

/** What a space holds at most. The same on every view: they decide outcomes. */
export interface SpaceBounds {
  /** Records of one table. */
  readonly recordsMax?: number | undefined
  /** Names of objects that an op was ever for. */
  readonly objectsMax?: number | undefined
  /** Sessions remembered. */
  readonly sessionsMax?: number | undefined
}

/** Names of types whose ops were skipped: beyond it every unknown type counts as one of them, and is played anew. */
const SKIPPED_MAX = 65_536

/** The state machine of one stream. */
export class Space {
  /** The changes of the last entry are in its `patches`. */
  readonly journal: Journal
  readonly #decoder = new OpDecoder<Route>()
  readonly #marks: SessionMarks
  readonly #objectsMax: number
  readonly #sums = new DigestSums()
  readonly #types = new Map<string, AnyBoundType>()
  readonly #skipped = new Set<string>()
  readonly #slots = new Map<string, Slot>()
  #position = -1
  #digestAt = DIGEST_EVERY
  #lastDigest: { readonly position: number; readonly lanes: Lanes } | undefined

  constructor({ recordsMax = RECORDS_MAX, objectsMax = RECORDS_MAX, sessionsMax = SESSIONS_MAX }: SpaceBounds = {}) {
    this.journal = new Journal(recordsMax)
    this.#marks = new SessionMarks(sessionsMax)
    this.#objectsMax = objectsMax
  }

  /** Position of the last entry, -1 before the first. */
  get position(): number {
    return this.#position
  }
  /** Changes of the last entry, in order. */
  get patches(): readonly Patch[] {
    return this.journal.patches
  }
  /** The digest at the last digest point: the first entry at or past a multiple of 4,096. */
  get lastDigest(): { readonly position: number; readonly digest: string } | undefined {
    return this.#lastDigest && { position: this.#lastDigest.position, digest: hexOf(this.#lastDigest.lanes) }
  }

  session(session: number): SessionMark | undefined {
    return this.#marks.get(session)
  }
  sessions(): SessionMark[] {
    return this.#marks.all()
  }

  /**
   * Makes the code of a type known. False: ops of it have been skipped already; only a replay from the start can have
   * it.
   *
   * @throws SirtakiError `MISUSE` when another type has its name and version.
   */
  register(type: AnyObjectType): boolean {
    const id = typeId(type.name, type.version)
    if (this.#skipped.has(id) || (this.#skipped.size >= SKIPPED_MAX && !this.#types.has(id))) return false
    const bound = type.bind(this.journal)
    const known = this.#types.get(id)
    if (known !== undefined && known !== bound) throw twins(id)
    this.#types.set(id, bound)
    return true
  }

  /**
   * Applies the next entry.
   *
   * @throws SirtakiError `UNSUPPORTED` for a format of a later version, `STOPPED` when an op ran out of stack or
   *   memory, `INVARIANT`: this view cannot go on.
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
    const ahead = this.#marks.take(session, number, position)
    if (ahead === undefined) return { kind: 'unknown', position, session, number }
    if (ahead < 0) return { kind: 'duplicate', position, session, number }
    if (ahead > 0) return { kind: 'gap', position, session, number }
    if (decoded.kind === 'empty') return { kind: 'empty', position, session, number }
    if (decoded.kind === 'unreadable') return rejected(decoded, position, 'the entry cannot be decoded')
    const route = decoded.to.route ?? this.#routeOf(decoded.to)
    if (route === undefined) return rejected(decoded, position, 'the space is full', { objects: this.#slots.size })
    return this.#run(entry, decoded, route)
  }

  #run({ position, payload }: Entry, decoded: SpaceOp, { slot, type, op }: Route): Outcome {
    const {
      session,
      number,
      to: { target },
    } = decoded
    if (slot.object?.exists === true) {
      if (slot.object.type !== type) return rejected(decoded, position, 'the object is of another type')
    } else if (slot.opaque || type === undefined) {
      // Whether this op makes the object is for its code to say, so from here on nothing is known of it.
      slot.opaque = true
      this.#skip(typeId(target.type, target.version))
      return { kind: 'opaque', position, session, number }
    } else if (slot.object?.type !== type) slot.object = type.object(target.object)
    if (op === undefined) return rejected(decoded, position, 'the type has no such op')
    try {
      const input = readInput(payload, decoded.inputAt)
      if (input === undefined) return rejected(decoded, position, 'the input is no value')
      const { object } = slot
      return { kind: 'result', position, session, number, value: this.journal.step(() => object.run(op, input)) }
    } catch (thrown) {
      if (thrown instanceof Rejection) return rejected(decoded, position, thrown.reason, thrown.facts)
      // Stack depths and memory differ from view to view: going on would make the state differ.
      if (isExhausted(thrown) || isError(thrown, 'INVARIANT')) throw cannotApply(target, position, thrown)
      return { kind: 'failed', position, session, number, cause: thrown }
    }
  }

  /** Where names are kept that nobody bounds: of so many skipped types any may be another one. */
  #skip(id: string): void {
    if (this.#skipped.size < SKIPPED_MAX) this.#skipped.add(id)
  }

  /** `undefined`: the space has as many objects as it may have, and this is none of them. */
  #routeOf(to: KnownTarget<Route>): Route | undefined {
    const { target } = to
    const type = this.#types.get(typeId(target.type, target.version))
    const known = this.#slots.get(target.object)
    if (known === undefined && this.#slots.size >= this.#objectsMax) return undefined
    const slot: Slot = known ?? { object: undefined, opaque: false }
    if (known === undefined) this.#slots.set(target.object, slot)
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

function rejected(
  { session, number }: { readonly session: number; readonly number: number },
  position: number,
  reason: string,
  facts: Readonly<Record<string, Value>> = {},
): Outcome {
  return { kind: 'rejected', position, session, number, reason, facts }
}

const cannotApply = ({ op, object }: Target, position: number, cause: unknown): SirtakiError =>
  new SirtakiError('STOPPED', `op ${op} of ${object} at position ${position} cannot be applied here`, {
    cause,
    facts: { position },
  })
