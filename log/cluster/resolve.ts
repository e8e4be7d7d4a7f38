/**
 * resolve: the one procedure that brings positions to decided. Readers, fillers, refused writers and recovery use it.
 *
 *     ask all units ─ verdict (`verdict.ts`) ─ settle: the first unit decides what it does not hold yet
 *                                            ─ force: its values go on all others; all ok: decided, mark
 *
 * One call runs under one captured layout; an epoch error means starting over under a newer one. A range is resolved by
 * chain, with a few messages for all of it. Keeps: L1, L3, L5, P15, P16. Read next: `verdict.ts`,
 * `../unit/decisions.ts`.
 * @source CORFU NSDI'12 3.2 (fill); docs/rules.md, L3 and L5.
 */
import { SirtakiError } from '../errors.ts'
import { chainsIn, unitsOf, type Layout } from '../layout.ts'
import { firstOfClass } from '../ranges.ts'
import { readProgress, writeEpoch } from '../wire/tail-messages.ts'
import type { Cluster } from './cluster.ts'
import { Round, GONE, type ResolveOptions, type ResolvedMap, type Sink, type Resolved } from './resolve-round.ts'

/**
 * Resolves every position of [from, to).
 *
 * @throws SirtakiError `EPOCH`, `RECOVERING`: start over under a newer layout; `DAMAGED`; `UNREACHABLE`, `TIMEOUT`.
 */
export async function resolveRange(
  cluster: Cluster,
  layout: Layout,
  from: number,
  to: number,
  options: ResolveOptions,
): Promise<ResolvedMap> {
  const out: ResolvedMap = new Map()
  await resolveInto(out, cluster, layout, from, to, options)
  return out
}

async function resolveInto(
  out: Sink,
  cluster: Cluster,
  layout: Layout,
  from: number,
  to: number,
  options: ResolveOptions,
): Promise<void> {
  await Promise.all(
    chainsIn(layout, from, to).map(async (chain) => {
      for (let at = firstOfClass(chain.from, chain.index, chain.step); at < chain.to;) {
        at = await resolvePart(new Round(cluster, layout, chain, options, out), at, chain.to)
      }
    }),
  )
}

/**
 * Resolves every position of [from, to) and leaves no hole: what follows may take all of it for decided.
 *
 * @throws SirtakiError as `resolveRange`; `UNREACHABLE` (next `again`) where a unit that did not answer left a hole.
 */
export async function resolveAll(cluster: Cluster, layout: Layout, from: number, to: number): Promise<void> {
  let hole: number | undefined
  // A window of junk is no reason to remember every position of it.
  const holes: Sink = {
    skipsEmpty: true,
    set: (position, { kind }) => {
      if (kind === 'hole') hole ??= position
    },
  }
  await resolveInto(holes, cluster, layout, from, to, { mayFill: true, everywhere: true })
  if (hole !== undefined) {
    throw new SirtakiError('UNREACHABLE', `position ${hole} could not be resolved: a unit did not answer`, {
      next: 'again',
      facts: { position: hole },
    })
  }
}

/** Resolves one position. */
export async function resolveOne(
  cluster: Cluster,
  layout: Layout,
  position: number,
  options: ResolveOptions,
): Promise<Resolved> {
  const map = await resolveRange(cluster, layout, position, position + 1, options)
  return map.get(position) ?? GONE
}

/**
 * The lowest position that some unit does not know decided.
 *
 * @throws SirtakiError `EPOCH`, `RECOVERING`, `UNREACHABLE`.
 */
export async function lowestUndecided(cluster: Cluster, layout: Layout): Promise<number> {
  const prefixes = await Promise.all(
    unitsOf(layout).map(async (unit) => {
      return readProgress(await cluster.peer(unit.address).request('progress', writeEpoch(layout.epoch))).prefix
    }),
  )
  return Math.min(...prefixes)
}

/** One pass over a part of one chain. */
async function resolvePart(round: Round, from: number, to: number): Promise<number> {
  const until = await round.ask(from, to)
  round.sort(from, until)
  await round.settle()
  await round.force()
  return firstOfClass(until, round.chain.index, round.chain.step)
}
