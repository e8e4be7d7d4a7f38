/**
 * The next layout as a pure function of the last one, of who answered, and of what somebody wants.
 *
 * Everything is built and checked before anything is sealed (P23). Keeps: Y4, P24. Read next: `reconfigure.ts`.
 */
import { SirtakiError } from '../errors.ts'
import type { Identity } from '../wire/control.ts'
import { checkLayout, openSegment, type AcceptorMember, type Layout, type SequencerMember, type UnitMember } from './layout.ts'

/** What a driver wants of the next epoch. Without anything: the members that are there, under the boots they have. */
export interface Intent {
  /** The sequencer to name; left out: the present one if it lives, else none. */
  readonly sequencer?: SequencerMember | undefined
  /** Identities or addresses of units to leave out. */
  readonly drop?: readonly string[] | undefined
  /** Members that moved: identity and new address. */
  readonly moved?: readonly { readonly identity: string; readonly address: string }[] | undefined
}

/** Who answered at which address. */
export type Survey = ReadonlyMap<string, Identity>

/** The present address of a unit. */
export const addressIn = (unit: { identity: string; address: string }, intent: Intent): string => intent.moved?.find((one) => one.identity === unit.identity)?.address ?? unit.address

const dropped = (unit: { identity: string; address: string }, intent: Intent): boolean => intent.drop?.some((name) => name === unit.identity || name === unit.address) === true

/**
 * Builds the proposal for the epoch after `base`. Tail, trim mark and log time are still those of `base`: they are known
 * only when every unit that stays is sealed.
 *
 * @throws SirtakiError `UNREACHABLE` when a unit that stays did not answer, `NOT_WHOLE` when a chain would lose its last
 *   unit.
 */
export function nextLayout(base: Layout, survey: Survey, intent: Intent): Layout {
  const stay = (unit: UnitMember): UnitMember => {
    const address = addressIn(unit, intent)
    const answer = survey.get(address)
    if (answer === undefined) throw new SirtakiError('UNREACHABLE', `the unit at ${address} does not answer: start it, or leave it out with drop`, { facts: { address, identity: unit.identity } })
    if (answer.identity !== unit.identity) throw new SirtakiError('NOT_WHOLE', `the unit at ${address} has another disk than epoch ${base.epoch} names: drop the old one`, { facts: { address, named: unit.identity, found: answer.identity }, next: 'again' })
    return { identity: unit.identity, boot: answer.boot, address }
  }
  const segments = base.segments.map((segment) => ({ ...segment, chains: segment.chains.map((chain, i) => {
    const kept = chain.filter((unit) => !dropped(unit, intent))
    if (kept.length === 0) throw new SirtakiError('NOT_WHOLE', `chain ${i} would lose its last unit`, { facts: { chain: i } })
    return kept.map(stay)
  }) }))
  return checkLayout({ ...base, epoch: base.epoch + 1, acceptors: acceptorsOf(base, survey, intent), sequencer: sequencerOf(base, survey, intent), segments })
}

/** Checks that every unit to leave out is there, once, before the first try: after it they may be gone. @throws SirtakiError `BAD_ARGUMENT`. */
export function checkDrops(base: Layout, intent: Intent): void {
  const units = openSegment(base).chains.flat()
  const unknown = intent.drop?.find((name) => !units.some((unit) => unit.identity === name || unit.address === name))
  if (unknown !== undefined) throw new SirtakiError('BAD_ARGUMENT', `no unit of epoch ${base.epoch} is called ${unknown}: name its address or identity`, { facts: { unknown } })
}

/** Those that still have their register, then new registers of units that stay; an odd number of them. */
function acceptorsOf(base: Layout, survey: Survey, intent: Intent): AcceptorMember[] {
  const units = openSegment(base).chains.flat().filter((unit) => !dropped(unit, intent))
  const members = units.flatMap((unit) => {
    const address = addressIn(unit, intent)
    const answer = survey.get(address)
    return answer === undefined ? [] : [{ identity: answer.acceptor, address }]
  })
  const old = members.filter((one) => base.acceptors.some((acceptor) => acceptor.identity === one.identity))
  const fresh = members.filter((one) => !old.includes(one))
  const count = Math.min(members.length, Math.max(base.acceptors.length, 1))
  return [...old, ...fresh].slice(0, count % 2 === 0 ? count - 1 : count)
}

function sequencerOf(base: Layout, survey: Survey, intent: Intent): SequencerMember | null {
  const wanted = intent.sequencer
  // An epoch whose sequencer does not live would open and grant nothing.
  if (wanted !== undefined && survey.get(wanted.address)?.boot !== wanted.boot) throw new SirtakiError('UNREACHABLE', `the sequencer to be named does not answer at ${wanted.address}`, { facts: { address: wanted.address, boot: wanted.boot } })
  if (wanted !== undefined) return wanted
  const { sequencer } = base
  return sequencer !== null && survey.get(sequencer.address)?.boot === sequencer.boot ? sequencer : null
}

/** Tells whether the layout names everybody as they answered: then nothing needs a new epoch. */
export function namesAll(layout: Layout, survey: Survey, intent: Intent): boolean {
  const next = nextLayout(layout, survey, intent)
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
  return same(next.segments, layout.segments) && same(next.sequencer, layout.sequencer) && next.acceptors.length === layout.acceptors.length && next.acceptors.every((one) => layout.acceptors.some((acceptor) => acceptor.identity === one.identity))
}
