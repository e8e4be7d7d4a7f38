/**
 * Whether a unit that was restarted still holds what its peers know decided: only then it goes on in its place.
 *
 * Keeps: L5, L10, P3. Read next: `whole.ts` (how two units are compared), `reconfigure.ts` (step 4).
 */
import type { Cluster } from '../cluster/cluster.ts'
import { SirtakiError } from '../errors.ts'
import { placesOf, type Layout, type Place, type UnitMember } from '../layout.ts'
import type { Sealed } from '../wire/control.ts'
import type { Driver } from './driver.ts'
import { holdsDecided, isSame, lackingFrom } from './whole.ts'

interface Member {
  readonly unit: UnitMember
  readonly answer: Sealed
  readonly places: readonly Place[]
}

/**
 * A restarted unit goes on only if it holds everything that its peers know decided; else it joins anew, in the next
 * try.
 *
 * @throws SirtakiError `NOT_WHOLE` (next `again`).
 */
export async function requireWhole(
  driver: Driver,
  base: Layout,
  units: readonly UnitMember[],
  answers: ReadonlyMap<string, Sealed>,
): Promise<void> {
  const members = units.flatMap((unit): Member[] => {
    const answer = answers.get(unit.identity)
    return answer === undefined ? [] : [{ unit, answer, places: placesOf(base, unit.identity) }]
  })
  // Who is known to lack something joins anew in this very proposal; who was recovered has what there is.
  const judged = (identity: string): boolean =>
    driver.notWhole.has(identity) || driver.intent.restored?.some((one) => one.identity === identity) === true
  const peers = members.filter(({ unit }) => !driver.notWhole.has(unit.identity))
  for (const restarted of members) {
    if (restarted.answer.role !== 'recovering' || judged(restarted.unit.identity)) continue
    const lost = restarted.answer.salvaged === true ? 'was salvaged' : await lossOf(driver.cluster, restarted, peers)
    if (lost === undefined) continue
    driver.notWhole.add(restarted.unit.identity)
    driver.cluster.ports.failpoint?.('drive.notWhole', { identity: restarted.unit.identity })
    throw new SirtakiError(
      'NOT_WHOLE',
      `the unit at ${restarted.unit.address} ${lost}: what it lacks is copied from its peers, it joins anew`,
      { next: 'again', facts: { address: restarted.unit.address, identity: restarted.unit.identity } },
    )
  }
}

/** What a restarted unit lacks in any of its places; `undefined` when nothing. */
async function lossOf(cluster: Cluster, restarted: Member, peers: readonly Member[]): Promise<string | undefined> {
  const found = await Promise.all(restarted.places.map((place) => lacks(cluster, restarted, place, peers)))
  return found.find((text) => text !== undefined)
}

/**
 * What a restarted unit lacks in one of its places that it, or the best of its peers there, knows decided; `undefined`
 * when nothing.
 */
async function lacks(
  cluster: Cluster,
  restarted: Member,
  place: Place,
  members: readonly Member[],
): Promise<string | undefined> {
  const { index, step } = place
  // Also what it knows decided by itself: its disk may keep the prefix and lose rows.
  const own = {
    from: Math.max(place.from, restarted.answer.trim),
    to: Math.min(place.to, restarted.answer.prefix),
    index,
    step,
  }
  const lost = await lackingFrom(cluster, own, restarted.unit)
  if (lost !== undefined) return `lacks something from position ${lost} on, below ${own.to}, which it knows decided`
  const isThere = (other: Place): boolean => other.from === place.from && other.index === index && other.step === step
  const peers = members.filter((peer) => peer !== restarted && peer.places.some(isThere))
  const found = await Promise.all(peers.map((peer) => lacksOf(cluster, restarted, peer, place)))
  return found.find((text) => text !== undefined)
}

/**
 * What a restarted unit lacks, or holds otherwise, of what one peer knows decided: all below its prefix, single
 * positions above it.
 */
async function lacksOf(cluster: Cluster, restarted: Member, peer: Member, place: Place): Promise<string | undefined> {
  const { from, to, index, step } = place
  const [ours, theirs] = [restarted.answer, peer.answer]
  const knows = `its peer at ${peer.unit.address} knows decided`
  const first = Math.max(from, ours.trim, theirs.trim)
  const below = { from: first, to: Math.min(to, theirs.prefix), index, step }
  if (below.from < below.to) {
    const lacking = ours.heldTo >= below.from && ours.heldTo < below.to
    if (lacking) return `lacks position ${ours.heldTo} below ${below.to}, which ${knows}`
    if (!(await isSame(cluster, below, restarted.unit, peer.unit))) {
      return `differs below ${below.to} from what ${knows}`
    }
  }
  const above = { from: Math.max(first, theirs.prefix), to: Math.min(to, theirs.highest + 1), index, step }
  const holds = above.from >= above.to || (await holdsDecided(cluster, above, restarted.unit, peer.unit))
  return holds ? undefined : `does not hold what ${knows} above ${theirs.prefix}`
}
