/**
 * Which units hold all of a closed segment: what a newcomer has copied is believed when its digests say so.
 *
 * A closed segment never changes once its epoch is open, except that it is trimmed: what was found whole stays whole.
 * A flow. Keeps: Y4, P26. Read next: `next-layout.ts` (what follows from it), `../unit/copy.ts` (who copies).
 */
import type { Cluster } from '../cluster/cluster.ts'
import { chainsOf, openSegment, type Layout, type Segment, type UnitMember } from '../layout.ts'
import { firstOfClass, type Stripe } from '../ranges.ts'
import { DigestAnswer } from '../wire/control.ts'

/** A part of a closed segment that one unit needs: the positions of class `index` of `step`, and who holds them. */
export interface Part extends Stripe {
  readonly sources: readonly UnitMember[]
}

/** What a unit of chain `index` of the open segment has to hold of a closed one, by the chains that hold it now. */
export function partsOf(layout: Layout, segment: Segment, chain: number): Part[] {
  const count = openSegment(layout).chains.length
  const step = leastCommonMultiple(count, segment.chains.length)
  const parts: Part[] = []
  for (let index = chain; index < step; index += count) {
    parts.push({
      from: segment.from,
      to: segment.to ?? Infinity,
      index,
      step,
      sources: segment.chains[index % segment.chains.length] ?? [],
    })
  }
  return parts
}

/** Whether a unit of chain `index` of the open segment is a member for all that it has to hold of a closed one. */
export const holdsAll = (layout: Layout, segment: Segment, chain: number, identity: string): boolean =>
  openSegment(layout).chains.length === segment.chains.length
  && segment.chains[chain]?.some((unit) => unit.identity === identity) === true

/**
 * The units of the open segment that hold all that they have to of each closed one, by its start; those of no segment
 * that is not ready. Who is named can read it from its disk: others may be given up for it.
 */
export async function wholeUnits(cluster: Cluster, layout: Layout): Promise<Map<number, Set<string>>> {
  const found = new Map<number, Set<string>>()
  await Promise.all(
    layout.segments.slice(0, -1).map(async (segment) => {
      const whole = new Set<string>()
      await Promise.all(
        openSegment(layout).chains.flatMap((units, chain) =>
          units.map(async (unit) => {
            // A unit that does not answer is not whole now.
            if (await isWhole(cluster, layout, { segment, chain, unit }).catch(() => false)) whole.add(unit.identity)
          }),
        ),
      )
      found.set(segment.from, whole)
    }),
  )
  return found
}

/**
 * Whether a unit of chain `chain` of the open segment has all that it has to hold of a closed one. What it has copied
 * is compared with one member of every chain that holds a part. What it holds as a member itself is everything; whether
 * its disk still gives it is asked only where others would be given up.
 */
async function isWhole(cluster: Cluster, layout: Layout, { segment, chain, unit }: Question): Promise<boolean> {
  const open = openSegment(layout).chains[chain] ?? []
  const parts = await Promise.all(
    partsOf(layout, segment, chain).map(async ({ from, to, index, step, sources }) => {
      const range = { from: Math.max(from, layout.trim), to, index, step }
      const [source] = sources
      if (source === undefined) return false
      if (!isIn(sources, unit)) return isSame(cluster, range, unit, source, { trimmedAsFar: true, sound: true })
      if (sources.every((one) => isIn(open, one))) return true
      return (await lackingFrom(cluster, range, unit, { sound: true })) === undefined
    }),
  )
  return parts.every(Boolean)
}

interface Question {
  readonly segment: Segment
  readonly chain: number
  readonly unit: UnitMember
}
const isIn = (units: readonly UnitMember[], { identity }: UnitMember): boolean =>
  units.some((unit) => unit.identity === identity)

/** Positions that one digest covers: where chunks are of several classes, a unit sums up some ten million a second. */
const DIGEST_POSITIONS = 1 << 17

/** Somebody who can be asked. */
interface Addressed {
  readonly address: string
}
/**
 * How digests are compared. `trimmedAsFar`: the first unit has to have the trim mark of the other too: what lies below
 * that is not compared, and it may be kept when the other is gone. `sound`: of the first only what it has read back
 * from its disk.
 */
interface Comparison {
  readonly trimmedAsFar?: boolean
  readonly sound?: boolean
}

/**
 * Where a unit lacks something of a range: the start of the first part that is not full; undefined when it holds all.
 * With `sound` what is damaged, or has yet to be read back, is lacking.
 *
 * @throws SirtakiError `UNREACHABLE`, `TIMEOUT`.
 */
export async function lackingFrom(
  cluster: Cluster,
  { from, to, index, step }: Stripe,
  unit: Addressed,
  { sound = false }: Comparison = {},
): Promise<number | undefined> {
  let unread: number | undefined
  for (let at = firstOfClass(from, index, step); at < to; at += DIGEST_POSITIONS * step) {
    const end = Math.min(to, at + DIGEST_POSITIONS * step)
    const { count, trim, read } = await digestOf(cluster, unit, { from: at, to: end, index, step }, sound)
    if (count < Math.ceil((end - firstOfClass(Math.max(at, trim), index, step)) / step)) return at
    // All parts are asked for: what is asked for is read back.
    if (read === false) unread ??= at
  }
  return unread
}

/** Compares what two units hold in a range, part by part. @throws SirtakiError `UNREACHABLE`, `TIMEOUT`. */
export async function isSame(
  cluster: Cluster,
  { from, to, index, step }: Stripe,
  a: Addressed,
  b: Addressed,
  comparison: Comparison = {},
): Promise<boolean> {
  const { trimmedAsFar = false, sound = false } = comparison
  const both = (range: Stripe): Promise<[DigestAnswer, DigestAnswer]> =>
    Promise.all([digestOf(cluster, a, range, sound), digestOf(cluster, b, range)])
  let isRead = true
  for (let at = from; at < to; at += DIGEST_POSITIONS * step) {
    const range = { from: at, to: Math.min(to, at + DIGEST_POSITIONS * step), index, step }
    let [ours, theirs] = await both(range)
    if (trimmedAsFar && ours.trim < theirs.trim) return false
    // A trim has reached one of them only: what the other still has of it does not count.
    if (ours.trim !== theirs.trim) {
      const rest = { ...range, from: Math.max(range.from, ours.trim, theirs.trim) }
      if (rest.from >= rest.to) continue
      ;[ours, theirs] = await both(rest)
    }
    if (!isEqual(ours, theirs)) return false
    // A unit of the version before says nothing of what it has read: there the index is believed.
    isRead &&= ours.read !== false
  }
  return isRead
}

const isEqual = (ours: DigestAnswer, theirs: DigestAnswer): boolean =>
  ours.count === theirs.count && ours.sum === theirs.sum

/**
 * Whether a unit holds what another one knows decided at positions of a range, one by one: of some of them it knows, of
 * their neighbours not. Where one of the two is of the version before, nobody can tell.
 *
 * @throws SirtakiError `UNREACHABLE`, `TIMEOUT`.
 */
export async function holdsDecided(
  cluster: Cluster,
  { from, to, index, step }: Stripe,
  unit: Addressed,
  other: Addressed,
): Promise<boolean> {
  const ask = ({ address }: Addressed, range: object): Promise<DigestAnswer> =>
    cluster.peer(address).control('digest', range, DigestAnswer)
  for (let at = from; at < to;) {
    const theirs = await ask(other, { from: at, to, index, step, decided: true })
    const { from: first, to: end, decided: among } = theirs
    if (among === undefined || first === undefined || end === undefined || end <= at) return true
    const ours = await ask(unit, { from: first, to: end, index, step, among })
    if (ours.decided !== undefined && !isEqual(ours, theirs)) return false
    at = end
  }
  return true
}

const digestOf = (cluster: Cluster, { address }: Addressed, range: Stripe, sound = false): Promise<DigestAnswer> =>
  cluster.peer(address).control('digest', sound ? { ...range, sound } : range, DigestAnswer)

const leastCommonMultiple = (a: number, b: number): number => {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y))
  return (a / divisor(a, b)) * b
}

/** The parts that a unit has yet to copy under a layout. */
export function missingParts(layout: Layout, identity: string): Part[] {
  const chain = chainsOf(openSegment(layout)).find(({ units }) => units.some((unit) => unit.identity === identity))
  if (chain === undefined) return []
  return layout.segments
    .slice(0, -1)
    .flatMap((segment) =>
      holdsAll(layout, segment, chain.index, identity)
        ? []
        : partsOf(layout, segment, chain.index).filter(
            ({ sources }) => !sources.some((unit) => unit.identity === identity),
          ),
    )
}
