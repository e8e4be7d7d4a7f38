/**
 * Genesis: the first layout of a cluster, on units that are blank.
 *
 * Nobody is named sequencer: a sequencer that starts drives the next epoch. A restored cluster begins with an epoch and
 * a position of its own (`../../objects/restore/restore.ts`). A genesis that stopped half way is finished by the
 * next one over the same units; of two at once one wins, and no unit ever belongs to two clusters.
 * Keeps: Y1, Y3. Read next: `reconfigure.ts`; `test/model/genesis.pml`.
 */
import type { CallOptions } from '../cluster/calls.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { SirtakiError, isError } from '../errors.ts'
import { FEATURE_LEVEL, checkLayout, isFirst, layoutText, openSegment, type Layout } from '../layout.ts'
import { Empty, Identity, LayoutAnswer } from '../wire/control.ts'
import { acceptorCount } from './next-layout.ts'

const FIRST_EPOCH = 1

/** What the first layout is made of. */
export interface GenesisOptions extends CallOptions {
  /** Addresses of blank units, by chain; within a chain the first decides. */
  readonly chains: readonly (readonly string[])[]
  readonly window?: number | undefined
  /** What a restored cluster begins with; a new one begins at position 0 in epoch 1. */
  readonly origin?: Origin | undefined
}

/** Where a restored cluster begins: far above everything that the one before has given out. */
export interface Origin {
  readonly cluster: string
  readonly epoch: number
  /** Its first position: its tail, and its trim. */
  readonly from: number
  /** Milliseconds; the wall time where that is later. */
  readonly logTime: number
}

/**
 * Makes a cluster of blank units and gives its first layout; finishes one that was begun.
 *
 * @throws SirtakiError `NOT_BLANK` when a unit belongs to something else, `UNREACHABLE` when one does not answer,
 *   `BAD_ARGUMENT` for an impossible shape.
 */
export async function init(cluster: Cluster, options: GenesisOptions): Promise<Layout> {
  const addresses = options.chains.flat()
  if (addresses.length === 0 || options.chains.some((chain) => chain.length === 0)) {
    throw new SirtakiError('BAD_ARGUMENT', 'init needs at least one unit in every chain')
  }
  if (new Set(addresses).size !== addresses.length) {
    throw new SirtakiError('BAD_ARGUMENT', `a unit is named twice: ${addresses.join(', ')}`)
  }
  const found = new Map<string, Identity>()
  await Promise.all(
    addresses.map(async (address) => {
      found.set(address, await cluster.peer(address).control('identify', {}, Identity))
    }),
  )
  // A restored cluster that has gone on to later epochs already: its genesis is over.
  if (options.origin !== undefined && [...found.values()].every((one) => one.cluster === options.origin?.cluster)) {
    await cluster.refresh()
    return cluster.current()
  }
  const layout = (await begun(cluster, options, found)) ?? firstLayout(cluster, options, found)
  // One after the other and in one order for everybody: of two at once over shared units one can then always be
  // finished (`IS_NEVER_STUCK` in the model). The first refusal ends it.
  for (const address of [...addresses].sort()) await installAt(cluster, address, layout)
  cluster.ports.failpoint?.('genesis.done', { cluster: layout.cluster })
  cluster.learn(layout)
  return layout
}

/**
 * The clusters that units belong to, none where all are blank.
 *
 * @throws SirtakiError `NOT_BLANK` where a unit belongs to none, and is not blank; `UNREACHABLE`.
 */
export async function clustersOf(cluster: Cluster, addresses: readonly string[]): Promise<Set<string>> {
  const clusters = new Set<string>()
  await Promise.all(
    addresses.map(async (address) => {
      const found = await cluster.peer(address).control('identify', {}, Identity)
      if (found.cluster !== null) clusters.add(found.cluster)
      else if (found.role !== 'blank' || found.initialised || found.sealed > 0) {
        throw new SirtakiError('NOT_BLANK', `the unit at ${address} is not blank: give it an empty folder`, {
          facts: { address },
        })
      }
    }),
  )
  return clusters
}

/** A unit that has moved on to a later epoch of this cluster has had the first one. */
async function installAt(cluster: Cluster, address: string, layout: Layout): Promise<void> {
  try {
    await cluster.peer(address).control('install', { layout }, Empty)
  } catch (thrown) {
    if (!isError(thrown, 'EPOCH')) throw thrown
  }
}

/** The layout that an unfinished genesis over exactly these units has left behind, `undefined` when all are blank. */
async function begun(
  cluster: Cluster,
  { chains, origin }: GenesisOptions,
  found: ReadonlyMap<string, Identity>,
): Promise<Layout | undefined> {
  let layout: Layout | undefined
  for (const [address, identity] of found) {
    if (identity.role === 'blank' && !identity.initialised) continue
    const known = (await cluster.peer(address).control('layout', {}, LayoutAnswer)).layout
    const ours =
      known !== null
      && isFirst(known)
      && (origin === undefined || known.cluster === origin.cluster)
      && openSegment(known)
        .chains.flat()
        .map((unit) => unit.address)
        .sort()
        .join() === chains.flat().sort().join()
    if (!ours) {
      throw new SirtakiError(
        'NOT_BLANK',
        `the unit at ${address} is not blank: it belongs to cluster ${identity.cluster ?? 'unknown'} at `
          + `epoch ${identity.epoch}. Give it an empty folder, or leave it out`,
        { facts: { address, cluster: identity.cluster } },
      )
    }
    if (layout !== undefined && layoutText(layout) !== layoutText(known)) {
      throw new SirtakiError(
        'NOT_BLANK',
        `the units belong to two unfinished clusters, ${layout.cluster} and ${known.cluster}: empty the `
          + 'folders of one of them',
        { facts: { address } },
      )
    }
    layout = known
  }
  if (layout !== undefined) cluster.ports.failpoint?.('genesis.finishes', { cluster: layout.cluster })
  return layout
}

function firstLayout(
  cluster: Cluster,
  { chains, window, origin }: GenesisOptions,
  found: ReadonlyMap<string, Identity>,
): Layout {
  const from = origin?.from ?? 0
  const member = (address: string): { identity: string; boot: string; address: string } => {
    const answer = found.get(address)
    if (answer === undefined || answer.kind !== 'unit') throw new SirtakiError('BAD_ARGUMENT', `${address} is no unit`)
    return { identity: answer.identity, boot: answer.boot, address }
  }
  const addresses = chains.flat()
  const acceptors = addresses
    .slice(0, acceptorCount(addresses.length))
    .map((address) => ({ identity: found.get(address)?.acceptor ?? '', address }))
  return checkLayout({
    cluster: origin?.cluster ?? cluster.ports.random.id(),
    epoch: origin?.epoch ?? FIRST_EPOCH,
    acceptors,
    sequencer: null,
    tail: from,
    window: window ?? cluster.limits.window,
    trim: from,
    logTime: Math.max(origin?.logTime ?? 0, Math.floor(cluster.ports.clock.wall())),
    featureLevel: FEATURE_LEVEL,
    segments: [{ from, to: null, kind: 'chain', chains: chains.map((chain) => chain.map(member)) }],
    spares: [],
    absent: [],
    drops: [],
  })
}
