/**
 * The rule by which one position is brought to decided: what the units of its chain answered, and what follows. Pure.
 *
 *     below a trim mark                                  trimmed
 *     known decided anywhere, and whole there            decided
 *     the first unit did not answer                      silent     nobody else decides
 *     the first unit holds it damaged, or lost it        damaged    nobody else can tell what it decided
 *     the first unit holds a value                       held       goes on all others
 *     the first unit is empty: another holds data        offer      perhaps all others have it already
 *                              the caller's own entry    offer
 *                              another holds junk        offer
 *                              some prefix has passed it damaged    decided, and gone everywhere
 *                              all answered, may fill    fill
 *                              else                      hole
 *
 * Keeps: L1, L3, L5, P15, P16, P66. Read next: `resolve.ts` (who asks and acts), `../unit/decisions.ts` (who answers).
 */
import { KIND_DATA, KIND_JUNK } from '../entry.ts'
import type { Held, Offer } from '../wire/messages.ts'

/** What one unit answered of a range of positions. Below `prefix` everything is decided, below `trim` it is gone. */
export interface Answer {
  readonly held: ReadonlyMap<number, Held>
  readonly prefix: number
  readonly trim: number
}

/** What a resolver may do at a position. */
export interface Rights {
  /** Whether junk may go where nobody holds anything: the caller vouches for the age of the hole. */
  readonly mayFill: boolean
  /** Every position below it has been granted: what was never granted is no hole (P66). */
  readonly fillBelow: number
  /** The caller's own entry, under a token of this epoch. */
  readonly own?: Offer | undefined
}

/** What is to be done at a position. */
export type Verdict =
  /** It is gone. `untold`: a unit that still holds it undecided. */
  | { readonly kind: 'trimmed'; readonly untold: Held | undefined }
  /** This is its value, whatever else is held. `isTold`: no unit holds it undecided. */
  | { readonly kind: 'decided'; readonly held: Held; readonly isTold: boolean }
  /** The first unit holds this: it goes on all others. */
  | { readonly kind: 'held'; readonly held: Held }
  /** The first unit is to take this, or what it has taken meanwhile; without bytes it is junk. */
  | { readonly kind: 'offer'; readonly offer: Offer }
  | { readonly kind: 'fill' }
  | { readonly kind: 'hole' }
  /** `everywhere`: it is decided, and no unit that answers has it; else the deciding unit has lost it. */
  | { readonly kind: 'damaged'; readonly everywhere: boolean }
  /** The deciding unit did not answer. */
  | { readonly kind: 'silent' }

const FILL: Verdict = { kind: 'fill' }
const HOLE: Verdict = { kind: 'hole' }
const SILENT: Verdict = { kind: 'silent' }

/**
 * Decides one position. `answers` are those of the chain's units, in its order; `undefined` for one that did not
 * answer.
 */
export function verdictOf(position: number, answers: readonly (Answer | undefined)[], rights: Rights): Verdict {
  const answered = answers.filter((answer) => answer !== undefined)
  const held = answered.map((answer) => answer.held.get(position)).filter((one) => one !== undefined)
  const whole = held.filter(({ damaged }) => !damaged)
  // Trimmed at one unit: decided at all. One that was told neither would hold everything else up for ever.
  if (answered.some(({ trim }) => position < trim)) {
    return { kind: 'trimmed', untold: whole.find(({ decided }) => !decided) }
  }
  const decided = whole.find((one) => one.decided)
  if (decided !== undefined) return { kind: 'decided', held: decided, isTold: held.every((one) => one.decided) }
  const [first] = answers
  if (first === undefined) return SILENT
  const own = first.held.get(position)
  if (own?.damaged === true || (own === undefined && position < first.prefix)) {
    return { kind: 'damaged', everywhere: false }
  }
  if (own !== undefined) return { kind: 'held', held: own }
  return emptyVerdict(position, answers, whole, rights)
}

/** The first unit holds nothing: `whole` is what others do. */
function emptyVerdict(
  position: number,
  answers: readonly (Answer | undefined)[],
  whole: readonly Held[],
  { own, mayFill, fillBelow }: Rights,
): Verdict {
  const data = whole.find(({ kind, bytes }) => kind === KIND_DATA && bytes !== undefined)
  if (data !== undefined) return { kind: 'offer', offer: { position, bytes: data.bytes } }
  if (own?.position === position) return { kind: 'offer', offer: own }
  if (whole.some(({ kind }) => kind === KIND_JUNK)) return { kind: 'offer', offer: { position, bytes: undefined } }
  if (answers.some((answer) => answer !== undefined && position < answer.prefix)) {
    return { kind: 'damaged', everywhere: true }
  }
  // Who did not answer may hold the entry.
  const allAnswered = answers.every((answer) => answer !== undefined)
  return position < fillBelow && mayFill && allAnswered ? FILL : HOLE
}
