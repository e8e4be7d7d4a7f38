/**
 * Which units hold all of a closed segment: what a newcomer has copied is believed when its digests say so.
 *
 * A closed segment never changes once its epoch is open, except that it is trimmed: what was found whole stays whole.
 * A flow. Keeps: Y4, P26. Read next: `next-layout.ts` (what follows from it), `../unit/copy.ts` (who copies).
 */
import type { Cluster } from '../client/cluster.ts'
import { DigestAnswer } from '../wire/control.ts'
import { chainsOf, firstOfClass, openSegment, type Layout, type Segment, type UnitMember } from './layout.ts'

/** A part of a closed segment that one unit needs: the positions of class `index` of `step`, and who holds them. */
export interface Part { readonly from: number; readonly to: number; readonly index: number; readonly step: number; readonly sources: readonly UnitMember[] }

/** What a unit of chain `index` of the open segment has to hold of a closed one, by the chains that hold it now. */
export function partsOf(layout: Layout, segment: Segment, chain: number): Part[] {
  const count = openSegment(layout).chains.length
  const step = leastCommonMultiple(count, segment.chains.length)
  const parts: Part[] = []
  for (let index = chain; index < step; index += count) parts.push({ from: segment.from, to: segment.to ?? Infinity, index, step, sources: segment.chains[index % segment.chains.length] ?? [] })
  return parts
}

/** Whether a unit of chain `index` of the open segment is a member for all that it has to hold of a closed one. */
export const holdsAll = (layout: Layout, segment: Segment, chain: number, identity: string): boolean =>
  openSegment(layout).chains.length === segment.chains.length && segment.chains[chain]?.some((unit) => unit.identity === identity) === true

/** The units of the open segment that hold all that they have to of each closed one, by its start; those of no segment that is not ready. */
export async function wholeUnits(cluster: Cluster, layout: Layout): Promise<Map<number, Set<string>>> {
  const found = new Map<number, Set<string>>()
  await Promise.all(layout.segments.slice(0, -1).map(async (segment) => {
    const whole = new Set<string>()
    await Promise.all(openSegment(layout).chains.flatMap((chain, i) => chain.map(async (unit) => {
      if (holdsAll(layout, segment, i, unit.identity) || await isWhole(cluster, layout, segment, i, unit)) whole.add(unit.identity)
    })))
    found.set(segment.from, whole)
  }))
  return found
}

/** Compares digests with one member of every chain that holds a part; a unit that does not answer is not whole now. */
async function isWhole(cluster: Cluster, layout: Layout, segment: Segment, chain: number, unit: UnitMember): Promise<boolean> {
  const { trim } = layout
  const same = await Promise.all(partsOf(layout, segment, chain).map(async ({ from, to, index, step, sources }) => {
    const range = { from: Math.max(from, trim), to, index, step }
    if (sources.some(({ identity }) => identity === unit.identity)) return true
    const [source] = sources
    return source !== undefined && isSame(cluster, range, unit, source, { trimmedAsFar: true })
  })).catch(() => [false])
  return same.every(Boolean)
}

/** Positions that one digest covers: a unit sums up some ten million a second, and does nothing else meanwhile. */
const DIGEST_POSITIONS = 1 << 18

/** Where a unit lacks something of a range: the start of the first part that is not full; undefined when it holds all. @throws SirtakiError `UNREACHABLE`, `TIMEOUT`. */
export async function lackingFrom(cluster: Cluster, { from, to, index, step }: Range, { address }: { readonly address: string }): Promise<number | undefined> {
  for (let at = firstOfClass(from, index, step); at < to; at += DIGEST_POSITIONS * step) {
    const end = Math.min(to, at + DIGEST_POSITIONS * step)
    const { count, trim } = await cluster.peer(address).control('digest', { from: at, to: end, index, step }, DigestAnswer)
    if (count < Math.ceil((end - firstOfClass(Math.max(at, trim), index, step)) / step)) return at
  }
  return undefined
}

/**
 * Compares what two units hold in a range, part by part; with `trimmedAsFar` the first has to have the trim mark of the other too:
 * what lies below that is not compared, and it may be kept when the other is gone. @throws SirtakiError `UNREACHABLE`, `TIMEOUT`.
 */
export async function isSame(cluster: Cluster, { from, to, index, step }: Range, a: { readonly address: string }, b: { readonly address: string }, { trimmedAsFar = false }: { readonly trimmedAsFar?: boolean } = {}): Promise<boolean> {
  const digest = ({ address }: { readonly address: string }, range: Range): Promise<DigestAnswer> => cluster.peer(address).control('digest', range, DigestAnswer)
  for (let at = from; at < to; at += DIGEST_POSITIONS * step) {
    const range = { from: at, to: Math.min(to, at + DIGEST_POSITIONS * step), index, step }
    let [ours, theirs] = await Promise.all([digest(a, range), digest(b, range)])
    if (trimmedAsFar && ours.trim < theirs.trim) return false
    // A trim has reached one of them only: what the other still has of it does not count.
    if (ours.trim !== theirs.trim) {
      const rest = { ...range, from: Math.max(range.from, ours.trim, theirs.trim) }
      if (rest.from >= rest.to) continue;
      [ours, theirs] = await Promise.all([digest(a, rest), digest(b, rest)])
    }
    if (ours.count !== theirs.count || ours.sum !== theirs.sum) return false
  }
  return true
}

type Range = Omit<Part, 'sources'>

const leastCommonMultiple = (a: number, b: number): number => {
  const divisor = (x: number, y: number): number => y === 0 ? x : divisor(y, x % y)
  return a / divisor(a, b) * b
}

/** The parts that a unit has yet to copy under a layout. */
export function missingParts(layout: Layout, identity: string): Part[] {
  const chain = chainsOf(openSegment(layout)).find(({ units }) => units.some((unit) => unit.identity === identity))
  if (chain === undefined) return []
  return layout.segments.slice(0, -1).flatMap((segment) => holdsAll(layout, segment, chain.index, identity) ? [] : partsOf(layout, segment, chain.index).filter(({ sources }) => !sources.some((unit) => unit.identity === identity)))
}
