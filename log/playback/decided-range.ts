/**
 * Everything that is decided in a range of positions, of all streams: what an archive takes.
 *
 *     ask each chain ─ as far as all of them are decided ─ entries in order; what is missing below is junk
 *
 * One answer of one unit of each chain, so a call gives a part of a long range. Keeps: L4 (below a unit's decided
 * prefix nothing changes any more), L8. Read next: `read.ts` (one position), `../archive/range.ts`.
 */
import type { FlowOptions } from '../cluster/calls.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { KIND_DATA, clusterSeed, readEntry, type Entry } from '../entry.ts'
import { SirtakiError, asError } from '../errors.ts'
import { chainsOf, segmentOf, type Chain, type Layout } from '../layout.ts'
import { readAsked, writeAsk, type AskedBody } from '../wire/messages.ts'

/** Decided entries of [from, to), in order. */
export interface DecidedRange {
  readonly to: number
  readonly entries: readonly Entry[]
}

/**
 * Reads the beginning of [from, to) that is decided; `to` is `from` where nothing is.
 *
 * @throws SirtakiError `TRIMMED` with the first position kept, `DAMAGED` where no unit has it whole; `TIMEOUT`,
 *   `ABORTED`.
 */
export function readDecided(
  cluster: Cluster,
  { from, to }: { readonly from: number; readonly to: number },
  options: FlowOptions,
): Promise<DecidedRange> {
  return cluster.retry(options, async (layout) => {
    const segment = segmentOf(layout, from)
    if (segment === undefined) throw trimmedBelow(from, layout.trim)
    const end = Math.min(to, segment.to ?? Infinity)
    const parts = await Promise.all(
      chainsOf(segment).map((chain) => askChain(cluster, layout, chain, { from, to: end })),
    )
    const decided = Math.max(from, Math.min(end, ...parts.map((part) => Math.min(part.to, part.prefix))))
    const bounds = { ...cluster.limits, seed: clusterSeed(layout.cluster) }
    const entries = parts
      .flatMap(({ held }) => held)
      .filter(({ position, kind }) => kind === KIND_DATA && position < decided)
      .sort((a, b) => a.position - b.position)
      .map(({ position, bytes }) => {
        if (bytes === undefined) throw damagedAt(position)
        return readEntry(bytes.slice(), bounds)
      })
    return { to: decided, entries }
  })
}

/** The answer of the first unit that has it whole. */
async function askChain(
  cluster: Cluster,
  { epoch }: Layout,
  { units }: Chain,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<AskedBody> {
  const body = writeAsk({ epoch, from, to, withBytes: true })
  const start = Math.floor(cluster.ports.random.next() * units.length)
  let failed: SirtakiError | undefined
  for (let i = 0; i < units.length; i++) {
    const unit = units[(i + start) % units.length]
    if (unit === undefined) continue
    try {
      const asked = readAsked(await cluster.peer(unit.address).request('ask', body))
      if (asked.trim > from) throw trimmedBelow(from, asked.trim)
      const damaged = asked.held.find((one) => one.damaged)
      if (damaged === undefined) return asked
      failed = damagedAt(damaged.position)
    } catch (thrown) {
      failed = asError(thrown)
      if (failed.code === 'TRIMMED') throw failed
    }
  }
  throw failed ?? new SirtakiError('UNREACHABLE', 'a chain without units')
}

const trimmedBelow = (from: number, trim: number): SirtakiError =>
  new SirtakiError('TRIMMED', `the log is trimmed below ${trim}, ${from} was asked for`, {
    facts: { position: from, trim },
  })

const damagedAt = (position: number): SirtakiError =>
  new SirtakiError('DAMAGED', `position ${position} is damaged, and no unit has it whole at present`, {
    next: 'again',
    facts: { position },
  })
