/**
 * One position of a unit: what is held there, what an offer meets, and how a value comes there.
 *
 * Functions over the unit's state that its rooms share: `unit.ts`, `decisions.ts`, `copies.ts`. Keeps: L1 (equal
 * means equal kind and hash). Read next: `unit-state.ts`.
 */
import { viewOf } from '../bytes/bytes.ts'
import { KIND_DATA, KIND_JUNK, JUNK_HASH, hashAt, checkEntry, positionAt, epochAt, type EntryKind } from '../entry.ts'
import { SirtakiError } from '../errors.ts'
import {
  EMPTY,
  TRIMMED,
  DAMAGED_HERE,
  STORED,
  OTHER,
  type OfferStatus,
  type Offer,
  type Held,
} from '../wire/messages.ts'
import { DAMAGED, DATA, JUNK } from './position-index.ts'
import type { UnitState } from './unit-state.ts'

/** How a value compares with what is here. */
export function statusOf(
  state: UnitState,
  position: number,
  kind: EntryKind,
  hash: number,
): OfferStatus | typeof EMPTY {
  if (position < state.trim) return TRIMMED
  const flags = state.index.flags(position)
  if (flags === 0) return EMPTY
  if ((flags & DAMAGED) !== 0) return DAMAGED_HERE
  const same = kind === KIND_DATA ? (flags & DATA) !== 0 && state.index.hash(position) === hash : (flags & JUNK) !== 0
  return same ? STORED : OTHER
}

/** The same for an offer. */
export function offerStatus(state: UnitState, { position, bytes }: Offer): OfferStatus | typeof EMPTY {
  return bytes === undefined
    ? statusOf(state, position, KIND_JUNK, JUNK_HASH)
    : statusOf(state, position, KIND_DATA, hashAt(viewOf(bytes), 0))
}

/**
 * Checks offers before anything is changed: each is a whole entry of just that position, and with `own` a position of
 * this unit.
 *
 * @throws SirtakiError `BAD_FRAME`, `WRONG_CHAIN`.
 */
export function checkOffers(state: UnitState, epoch: number, offers: readonly Offer[], own = true): void {
  for (const { position, bytes } of offers) {
    if (own) state.places.requireOwn(position)
    if (bytes === undefined) continue
    const view = viewOf(bytes)
    if (
      checkEntry(bytes, view, 0, state.bounds) !== bytes.byteLength
      || positionAt(view, 0) !== position
      || epochAt(view, 0) > epoch
    ) {
      throw new SirtakiError('BAD_FRAME', `the entry offered for position ${position} is another one`)
    }
  }
}

/** Stages what was offered over whatever is here. */
export function putOffer(state: UnitState, { position, bytes }: Offer, epoch: number): void {
  if (bytes === undefined) state.putJunk({ from: position, to: position + 1, step: 1 }, epoch)
  else state.putData(position, bytes, viewOf(bytes), 0, state.pack(bytes), epoch)
}

/** The answer to an offer: its status, and what is held where that is something else. */
export function answerOf(
  state: UnitState,
  position: number,
  status: OfferStatus,
): { status: OfferStatus; held: Held | undefined } {
  return { status, held: status === STORED || status === TRIMMED ? undefined : heldAt(state, position, true) }
}

/** What is held at a position, `undefined` for nothing. */
export function heldAt(state: UnitState, position: number, withBytes: boolean): Held | undefined {
  const flags = state.index.flags(position)
  if (flags === 0) return undefined
  const bytes = withBytes && (flags & DATA) !== 0 ? state.bytesOf(position) : undefined
  const damaged = (state.index.flags(position) & DAMAGED) !== 0
  return {
    position,
    kind: (flags & DATA) !== 0 ? KIND_DATA : KIND_JUNK,
    decided: state.isDecided(position),
    damaged,
    hash: state.index.hash(position),
    bytes,
  }
}
