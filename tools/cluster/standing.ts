/**
 * How a cluster stands: what keeps it from surviving what it was made to survive, in sentences.
 *
 *     degraded   somebody should act, or wait until it has healed: the exit code of `status` and `doctor` is 1
 *     notes      worth knowing, nothing is wrong
 *
 * Pure, from one look at all members. Read next: `members.ts`, `../commands/status.ts`, `../commands/doctor.ts`.
 */
import { missingParts } from '../../log/epochs/whole.ts'
import { UNIT_ADDRESS } from '../../log/io/host-folder.ts'
import { openSegment, type AbsentMember } from '../../log/layout.ts'
import { sizeText } from '../cli/output.ts'
import type { Members, OtherUnit } from './members.ts'

/** A verdict on a cluster. */
export interface Standing {
  readonly degraded: readonly string[]
  readonly notes: readonly string[]
}

/** After so many times a unit that is left out waits before it asks for its place again. */
const PATIENT_DROPS = 1

/** Judges a cluster. */
export function standingOf(members: Members): Standing {
  const { layout, units, spares, absent, sequencer } = members
  const copying = openSegment(layout)
    .chains.flat()
    .filter(({ identity }) => missingParts(layout, identity).length > 0)
  const closed = openSegment(layout).from
  const replaced = (one: OtherUnit): boolean => memberOf(members, one)?.replaced === true
  const full = [...units, ...spares].filter(({ status }) => status?.full === true)
  return {
    degraded: [
      ...units.flatMap((unit) => silentText('unit', unit)),
      ...(sequencer === null ? [] : silentText('sequencer', sequencer)),
      ...(sequencer === null ? [`epoch ${layout.epoch} has no sequencer: start one with sirtaki sequencer`] : []),
      ...absent
        .filter((one) => !replaced(one))
        .map((one) => `the unit at ${one.address} was left out of its chain: ${whyAbsent(members, one)}`),
      ...copying.map(({ address }) => `the unit at ${address} has not copied everything below position ${closed} yet`),
      ...full.map(
        ({ address, status }) =>
          `the disk of the unit at ${address} is full${freeText(status?.store.freeBytes)}: `
          + 'appends are refused until there is room, make some there or trim',
      ),
      ...spares.flatMap((unit) => silentText('spare', unit)),
    ],
    notes: [
      ...absent
        .filter(replaced)
        .map((one) => `the unit at ${one.address} was left out, and a spare has its place: ${whyAbsent(members, one)}`),
      ...(layout.segments.length > 1 && copying.length === 0 ? ['closed positions are about to be merged'] : []),
      ...(standsAlone(members) ? ['no sequencer stands by: start one with sirtaki sequencer --standby'] : []),
    ],
  }
}

const silentText = (kind: string, { address, problem }: Pick<OtherUnit, 'address' | 'problem'>): string[] =>
  problem === undefined ? [] : [`the ${kind} at ${address} does not answer (${problem})`]

/** Any other process that uses a folder follows its host. What an old sequencer does not tell is not known. */
function standsAlone({ units, sequencer }: Members): boolean {
  return sequencer?.status?.standbys?.length === 0 && units.every(({ address }) => address !== UNIT_ADDRESS)
}

const freeText = (bytes: number | undefined): string => (bytes === undefined ? '' : ` (${sizeText(bytes)} free)`)

const memberOf = ({ layout }: Members, { identity }: OtherUnit): AbsentMember | undefined =>
  layout.absent.find((one) => one.identity === identity)

/** Why a unit that was left out is not back. */
export function whyAbsent({ layout }: Members, { identity, address, status, problem }: OtherUnit): string {
  const place = identity.slice(0, 8)
  const replace = `sirtaki reconfigure replace ${place}`
  if (status === undefined) {
    return (
      `it does not answer (${problem ?? 'no reason known'}): start it again, or put another one in its place `
      + `with ${replace} ADDRESS`
    )
  }
  if (status.identity !== identity) {
    return `another disk is at its address: let that one take its place with ${replace} ${address}`
  }
  if (status.stopped !== undefined) return `it has stopped (${status.stopped}): start it again`
  const times = layout.drops.find((one) => one.identity === identity)?.times ?? 1
  if (times > PATIENT_DROPS) {
    return `it answers, was left out ${times} times lately, and waits some minutes before it asks for its place again`
  }
  return 'it answers, and asks for its place again'
}
