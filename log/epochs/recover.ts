/**
 * Recovery: makes one unit of a chain whole again when none is, from whatever units still hold, and opens an epoch
 * with it.
 *
 *     a chain without a whole unit         A  0 1 . 3        (decided below 4)
 *                                          B  0 . 2 3 4'
 *     survey: what each position can be    0 1 2 3  4'     nobody has it: lost; two different ones: somebody has to say
 *     seal all ─ survey again ─ restore A from B ─ the next epoch names A, B joins anew behind it
 *
 * **Whole** is who holds every position that anybody knows decided (its peers, itself, an epoch that is open, the
 * sequencer), as those know it, and nothing damaged. While one answers, an ordinary reconfiguration is enough, and
 * recovery refuses (Y4, P46).
 *
 * **Which value.** A value that its owner knows decided: it was on every unit. Else the only value that anybody has:
 * if it was acknowledged, it was this one. Two different ones: the first unit of the chain had decided for one of
 * them, and may have lost that; who has seen both says which (`take`). Nobody has it, and it is known decided: it is
 * lost for ever, and becomes junk when somebody accepts that (`acceptLoss`). Nobody has it, and nobody knows it
 * decided: a hole like any other. What units know beside that, their disks say; one that dropped synced rows cleanly
 * may have dropped what nobody else knows of.
 *
 * **What is not believed.** A unit's `decided` counts only for positions that the layout it has installed gives it: a
 * newcomer takes everything below its segment for decided. Values of units that are to be left out (`without`) are
 * never used.
 *
 * **Safety.** The change is one message, `restore`: a unit takes it only while it is sealed for the next slot and not
 * moved there, so nobody acts on what it holds; decided values are not replaced; the last part marks everything
 * decided, durably. From then on an ordinary driver finds that unit whole, and the others not: a recovery that dies
 * is followed by any of them. The epoch needs a majority of acceptors as ever. Where disks or registers took that
 * majority with them, somebody has to say so (`withoutAcceptors`): then the acceptors that answer are asked, what one
 * of them has accepted is adopted, and the units' own acceptors are named. Nothing can find out that a silent one is
 * gone for good: if it lives, it may agree on another epoch (Y1).
 *
 * A flow. Keeps: L1, L5, L6, Y4, P46, P49. Read next: `remains.ts` (the survey), `reconfigure.ts` (requireWhole),
 * `../unit/unit.ts` (restore).
 * @source docs/rules.md, P46.
 */
import { optional, type } from 'superstruct'
import type { CallOptions } from '../cluster/calls.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { SirtakiError, asError } from '../errors.ts'
import { isMajority, unitsOf, whole, type Layout } from '../layout.ts'
import { firstOfClass, type Span } from '../ranges.ts'
import { Identity, Sealed } from '../wire/control.ts'
import { DECIDED_OTHER, readOffered, writeRestore, type Offer } from '../wire/messages.ts'
import { surveyRecovery } from './chain-report.ts'
import { reconfigure, type ReconfigureOptions } from './reconfigure.ts'
import {
  called,
  candidatesOf,
  isSameValue,
  scenesOf,
  sourcesOf,
  walk,
  type ChainReport,
  type Conflict,
  type Scene,
  type Sight,
  type Source,
  type SurveyOptions,
  type Value,
} from './remains.ts'

/**
 * What was decided for positions of a chain. `why`: decided somewhere, the only value, taken by choice, lost for ever,
 * a hole.
 */
export interface Decision extends Span {
  readonly chain: number
  readonly unit: string
  readonly source: string | undefined
  readonly value: 'data' | 'junk'
  readonly why: 'decided' | 'only' | 'taken' | 'lost' | 'hole'
}

/** What somebody has decided. `take`: for each conflict the address or identity of the unit whose value stays. */
export interface RecoverOptions extends SurveyOptions, CallOptions {
  readonly take?: ReadonlyMap<number, string> | undefined
  readonly acceptLoss?: boolean | undefined
  /** Go on though no majority of acceptors is left: if one lives after all, there will be two clusters of one name. */
  readonly withoutAcceptors?: boolean | undefined
  readonly decided?: ((decision: Decision) => void) | undefined
  readonly step?: ReconfigureOptions['step']
}

/** Bytes of one restore message. */
const RESTORE_BYTES = 1 << 20

/**
 * Makes a unit of every chain without a whole one whole again, and opens the epoch that goes on with them.
 *
 * @throws SirtakiError `BAD_ARGUMENT` when a decision is missing or makes no sense, `NOT_WHOLE` when no unit of a
 *   chain answers or one is whole that was to be left out, `CONFLICT` (next `stop`) when nothing has to be recovered,
 *   `UNREACHABLE`, `TIMEOUT`.
 */
export async function recover(cluster: Cluster, options: RecoverOptions = {}): Promise<Layout> {
  const { clock } = cluster.ports
  const deadline = clock.now() + (options.timeoutMs ?? cluster.limits.requestMs)
  for (;;) {
    try {
      return await recoverOnce(cluster, options)
    } catch (thrown) {
      const error = asError(thrown)
      // Somebody else has opened an epoch meanwhile: what was restored is there, and the rest is found anew.
      if ((error.next !== 'again' && error.next !== 'refresh') || cluster.closed || clock.now() >= deadline) throw error
      options.step?.(`begins anew: ${error.message}`)
    }
  }
}

async function recoverOnce(cluster: Cluster, options: RecoverOptions): Promise<Layout> {
  await requireIll(cluster, options)
  const { layout, chains } = await surveyRecovery(cluster, options)
  const { drop, withoutAcceptors } = await leaversOf(cluster, layout, options)
  const needed =
    options.withoutAcceptors === true && !chains.some((chain) => chain.needed) ? [] : requireDecisions(chains, options)
  const slot = layout.epoch + 1
  options.step?.(`sealing what answers at epoch ${slot}`)
  const restored: { readonly from: number; readonly identity: string }[] = []
  await sealAll(cluster, layout, slot, options)
  // What was being stored while the survey ran is there now or never.
  for (const scene of await scenesOf(cluster, layout, options)) {
    const before = needed.find(
      ({ from, chain, chains: count }) => from === scene.from && chain === scene.index && count === scene.step,
    )
    if (before === undefined) continue
    const target = scene.sources.find(({ address }) => address === before.target)
    if (target === undefined) {
      throw new SirtakiError('UNREACHABLE', `the unit at ${before.target} has gone meanwhile`, { next: 'stop' })
    }
    options.step?.(
      `restoring chain ${scene.index} of the positions from ${scene.from} on the unit at ${target.address}`,
    )
    // Units that are sealed for long ask for an epoch by themselves: only what was missing is looked at again, and what
    // is new.
    const { toRestore } = before
    await new Restoring(cluster, scene, target, slot, options).run(
      toRestore === undefined
        ? [scene]
        : [
            ...toRestore.map(({ from, to }) => ({ start: from, end: to })),
            { start: toRestore.at(-1)?.to ?? scene.known, end: scene.end },
          ],
    )
    restored.push({ from: scene.from, identity: target.identity })
  }
  return reconfigure(
    cluster,
    { drop, restored, withoutAcceptors: options.withoutAcceptors === true ? withoutAcceptors : undefined },
    { signal: options.signal, timeoutMs: options.timeoutMs, step: options.step },
  )
}

/**
 * Reading everything takes long: without a decision that only a survey can judge, a healthy cluster is refused at once.
 *
 * @throws SirtakiError `CONFLICT` (next `stop`).
 */
async function requireIll(cluster: Cluster, options: RecoverOptions): Promise<void> {
  const { without, take, acceptLoss, withoutAcceptors } = options
  if ((without?.length ?? 0) > 0 || (take?.size ?? 0) > 0 || acceptLoss === true || withoutAcceptors === true) return
  await cluster.refresh()
  const layout = await cluster.current()
  const isWell = await Promise.all(
    unitsOf(layout).map(async ({ identity, boot, address }) => {
      try {
        const peer = cluster.peer(address)
        const answer = await peer.control('identify', {}, Identity)
        const { damaged } = await peer.control('status', {}, Damage)
        const isOpen = answer.opened === layout.epoch && answer.sealed === layout.epoch
        return (
          answer.identity === identity && answer.boot === boot && answer.role === 'serving' && isOpen && damaged === 0
        )
      } catch {
        return false
      }
    }),
  )
  if (!isWell.every(Boolean)) return
  const why = `epoch ${layout.epoch} is open, all its units serve and know of no damage: nothing has to be recovered`
  throw new SirtakiError('CONFLICT', `${why}. sirtaki verify --deep looks for damage`, { next: 'stop' })
}

/** Positions that a unit has found damaged; an older one does not say. */
const Damage = type({ damaged: optional(whole) })

// ---- what was decided

/** Identities of units and acceptors to leave out. Everybody else of the layout has to answer. */
async function leaversOf(
  cluster: Cluster,
  layout: Layout,
  options: RecoverOptions,
): Promise<{ readonly drop: string[]; readonly withoutAcceptors: string[] }> {
  const units = [...unitsOf(layout), ...layout.spares, ...layout.absent]
  const unknown = options.without?.find((name) => !units.some((unit) => called([name], unit)))
  if (unknown !== undefined) {
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `no unit of epoch ${layout.epoch} is called ${unknown}: name one of `
        + units.map(({ address, identity }) => `${address} (${identity.slice(0, 8)})`).join(', '),
      { facts: { unknown } },
    )
  }
  const there = await sourcesOf(cluster, layout, options)
  const silent = unitsOf(layout).filter(
    (unit) => !there.some(({ identity }) => identity === unit.identity) && !called(options.without, unit),
  )
  if (silent.length > 0) {
    throw new SirtakiError(
      'UNREACHABLE',
      `${silent.map(({ address }) => address).join(' and ')} may still hold something: start `
        + `${silent.length === 1 ? 'it' : 'them'} again, or say that it is gone for good with --without `
        + silent.map(({ address }) => address).join(' '),
      { next: 'stop', facts: { silent: silent.map(({ address }) => address) } },
    )
  }
  const votes = await votesOf(cluster, layout)
  requireVotes(layout, votes, options)
  const drop = units.filter((unit) => called(options.without, unit)).map(({ identity }) => identity)
  return {
    drop,
    withoutAcceptors: layout.acceptors.filter((_, i) => votes[i] !== true).map(({ identity }) => identity),
  }
}

/** Whether each acceptor of the layout answers, under the name that it has there. */
export const votesOf = (cluster: Cluster, { acceptors }: Layout): Promise<boolean[]> =>
  Promise.all(
    acceptors.map(({ address, identity }) =>
      cluster
        .peer(address)
        .control('identify', {}, Identity)
        .then(
          (answer) => answer.acceptor === identity,
          () => false,
        ),
    ),
  )

function requireVotes(layout: Layout, votes: readonly boolean[], { withoutAcceptors }: RecoverOptions): void {
  const there = votes.filter(Boolean).length
  const gone = layout.acceptors.filter((_, i) => votes[i] !== true).map(({ address }) => address)
  if (isMajority(there, layout)) {
    if (withoutAcceptors !== true) return
    throw new SirtakiError(
      'CONFLICT',
      `${there} of the ${votes.length} acceptors answer, a majority: leave --without-acceptors out`,
      { next: 'stop' },
    )
  }
  if (withoutAcceptors === true) return
  throw new SirtakiError(
    'UNREACHABLE',
    `${gone.length} of ${votes.length} acceptors are gone, or have lost their registers: without a majority `
      + `of them no epoch can be agreed on, whatever units hold. Bring back ${gone.join(' or ')} with its `
      + 'folder; when you know that none of them will ever run again, go on with --without-acceptors',
    { next: 'stop', facts: { gone } },
  )
}

const nameOf = ({ chain, from, to }: ChainReport): string =>
  `chain ${chain} of the positions [${from}, ${to ?? 'open'})`

/** Chains to recover. @throws SirtakiError when something speaks against it or has yet to be decided. */
function requireDecisions(chains: readonly ChainReport[], options: RecoverOptions): readonly ChainReport[] {
  const needed = chains.filter((chain) => chain.needed)
  if (needed.length === 0) throw nothingToRecover(chains)
  for (const chain of needed) requireDecided(chain, options)
  const isConflict = (position: number): boolean =>
    needed.some(({ conflicts }) => conflicts.some((conflict) => conflict.position === position))
  const odd = [...(options.take?.keys() ?? [])].find((position) => !isConflict(position))
  if (odd === undefined) return needed
  const facts = { position: odd }
  throw new SirtakiError('BAD_ARGUMENT', `position ${odd} has no two values to choose between`, { facts })
}

/** Every chain has a whole unit, perhaps only one that was to be left out. */
function nothingToRecover(chains: readonly ChainReport[]): SirtakiError {
  const isAlone = ({ there }: ChainReport): boolean =>
    there.some((one) => one.isWhole && !one.isUsed) && !there.some((one) => one.isWhole && one.isUsed)
  const alone = chains.find(isAlone)
  if (alone === undefined) {
    const what = 'every chain has a whole unit: nothing has to be recovered'
    const way = 'sirtaki reconfigure goes on with them, sirtaki reconfigure remove UNIT leaves out who is gone'
    return new SirtakiError('CONFLICT', `${what}. ${way}`, { next: 'stop' })
  }
  const kept = chains.flatMap(({ there }) => there).find(({ isWhole, isUsed }) => isWhole && !isUsed)
  const what = `the unit at ${kept?.address} has all of ${nameOf(alone)}`
  const way = 'do not leave it out, sirtaki reconfigure goes on with it'
  return new SirtakiError('NOT_WHOLE', `${what}: ${way}`, { next: 'stop', facts: { address: kept?.address } })
}

function requireDecided(chain: ChainReport, { take, acceptLoss }: RecoverOptions): void {
  const name = nameOf(chain)
  if (chain.target === undefined) {
    const units = [...chain.gone, ...chain.there].map(({ address }) => address).join(', ')
    const way = `start one of ${units}, or restore a folder from a backup`
    throw new SirtakiError('NOT_WHOLE', `no unit of ${name} answers that may be made whole: ${way}`, { next: 'stop' })
  }
  const lost = chain.lost[0]
  if (lost !== undefined && acceptLoss !== true) {
    const what = `${chain.lostCount} positions of ${name} are lost for ever, from ${lost.from} on`
    const facts = { lost: chain.lostCount, position: lost.from }
    throw new SirtakiError('BAD_ARGUMENT', `${what}: say --accept-loss to go on with junk in their place`, { facts })
  }
  for (const conflict of chain.conflicts) requireChoice(conflict, take)
  if (chain.conflictCount === chain.conflicts.length) return
  const what = `${chain.conflictCount} positions of ${name} have two different values, too many to decide one by one`
  const facts = { conflicts: chain.conflictCount }
  throw new SirtakiError('BAD_ARGUMENT', `${what}: leave one of the units out with --without`, { facts })
}

function requireChoice({ position, values, decided }: Conflict, take: RecoverOptions['take']): void {
  const who = values.map(({ address }) => address)
  if (decided) {
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `position ${position} is decided differently at ${who.join(' and ')}: nobody may choose, leave one of `
        + `them out with --without ${who[0]}`,
      { facts: { position } },
    )
  }
  const choice = take?.get(position)
  if (choice === undefined) {
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `position ${position} has different values at ${who.join(' and ')}: say which stays with --take `
        + `${position}=${who[0]}`,
      { facts: { position } },
    )
  }
  if (!values.some((value) => called([choice], value))) {
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `${choice} has no value of position ${position}: ${who.join(' and ')} have one`,
      { facts: { position, unit: choice } },
    )
  }
}

async function sealAll(cluster: Cluster, layout: Layout, slot: number, options: RecoverOptions): Promise<void> {
  const members = unitsOf(layout)
  await Promise.all(
    (await sourcesOf(cluster, layout, options))
      .filter(({ identity }) => members.some((unit) => unit.identity === identity))
      .map(({ address }) => cluster.peer(address).control('seal', { cluster: layout.cluster, slot }, Sealed)),
  )
}

// ---- restoring

class Restoring {
  readonly #cluster: Cluster
  readonly #scene: Scene
  readonly #target: Source
  readonly #slot: number
  readonly #options: RecoverOptions
  #offers: Offer[] = []
  #bytes = 0
  #told:
    | { from: number; to: number; source: string | undefined; value: Decision['value']; why: Decision['why'] }
    | undefined

  constructor(cluster: Cluster, scene: Scene, target: Source, slot: number, options: RecoverOptions) {
    this.#cluster = cluster
    this.#scene = scene
    this.#target = target
    this.#slot = slot
    this.#options = options
  }

  async run(parts: readonly { readonly start: number; readonly end: number }[]): Promise<void> {
    const { end, index, step, to } = this.#scene
    for (const part of parts) {
      for await (const { sights } of walk(this.#cluster, this.#scene, part, this.#options)) {
        for (const sight of sights) {
          this.#decide(sight)
          if (this.#bytes >= RESTORE_BYTES) await this.#send(0)
        }
      }
    }
    // One more than anybody has: so its prefix is above all others', and every driver finds that it is the one to
    // follow.
    const last = firstOfClass(end, index, step)
    if (to === null) this.#offer(last, undefined)
    await this.#send(to ?? last + 1)
    this.#tell()
  }

  #decide(sight: Sight): void {
    const { position, values } = sight
    const own = values.find(({ identity }) => identity === this.#target.identity)
    const candidates = candidatesOf(sight, this.#scene.sources)
    const choice = this.#options.take?.get(position)
    const taken =
      candidates.length > 1 && choice !== undefined ? values.find((value) => called([choice], value)) : undefined
    if (candidates.length > 1 && taken === undefined) {
      throw new SirtakiError('CONFLICT', `position ${position} has two different values since the survey: begin anew`, {
        next: 'again',
        facts: { position },
      })
    }
    const value = taken ?? candidates[0]
    const why =
      value === undefined
        ? position < this.#scene.known
          ? 'lost'
          : 'hole'
        : taken !== undefined
          ? 'taken'
          : value.decided
            ? 'decided'
            : 'only'
    if (why === 'lost' && this.#options.acceptLoss !== true) {
      throw new SirtakiError('CONFLICT', `position ${position} is lost since the survey: begin anew`, {
        next: 'again',
        facts: { position },
      })
    }
    if (value !== undefined && own !== undefined && isSameValue(own, value) && taken === undefined) return
    this.#note(position, value, why)
    if (own === undefined || value === undefined || !isSameValue(own, value)) this.#offer(position, value?.bytes)
  }

  #offer(position: number, bytes: Uint8Array | undefined): void {
    this.#offers.push({ position, bytes })
    this.#bytes += 32 + (bytes?.byteLength ?? 0)
  }

  async #send(below: number): Promise<void> {
    const offers = this.#offers
    this.#offers = []
    this.#bytes = 0
    if (offers.length === 0 && below === 0) return
    const { results } = readOffered(
      await this.#cluster
        .peer(this.#target.address)
        .request('restore', writeRestore({ epoch: this.#slot, below, offers })),
    )
    const refused = results.findIndex(({ status }) => status === DECIDED_OTHER)
    if (refused >= 0) {
      throw new SirtakiError(
        'CONFLICT',
        `the unit at ${this.#target.address} knows another value of position ${offers[refused]?.position} decided`,
        { next: 'stop', facts: { position: offers[refused]?.position } },
      )
    }
  }

  /** Neighbours with one reason are told together. */
  #note(position: number, value: Value | undefined, why: Decision['why']): void {
    const kind = value?.kind ?? 'junk'
    const last = this.#told
    if (
      last !== undefined
      && last.to === position
      && last.source === value?.address
      && last.value === kind
      && last.why === why
    ) {
      last.to = position + this.#scene.step
      return
    }
    this.#tell()
    this.#told = { from: position, to: position + this.#scene.step, source: value?.address, value: kind, why }
  }

  #tell(): void {
    if (this.#told !== undefined) {
      this.#options.decided?.({
        ...this.#told,
        step: this.#scene.step,
        chain: this.#scene.index,
        unit: this.#target.address,
      })
    }
    this.#told = undefined
  }
}
