/**
 * What the next epoch would change, and what may get lost on the way: pure, from two layouts and from who answered.
 *
 *     now        [A B]               survives one loss
 *     the copy   [A B] | [A B C]     positions below the tail are on A and B only: one loss
 *     after      [A B C]             two losses
 *
 * A chain survives as many losses as it has whole copies but one, where it has fewest; acceptors as many as leave a
 * majority. Read next: `../../log/epochs/next-layout.ts` (who makes the next layout), `../commands/reconfigure.ts`.
 */
import type { Intent, Survey } from '../../log/epochs/intent.ts'
import { namesAll, nextLayout } from '../../log/epochs/next-layout.ts'
import { missingParts, partsOf } from '../../log/epochs/whole.ts'
import { SirtakiError, isError } from '../../log/errors.ts'
import { chainsOf, openSegment, segmentOf, unitsOf, type Layout, type UnitMember } from '../../log/layout.ts'
import { firstOfClass } from '../../log/ranges.ts'
import { sizeText } from '../cli/output.ts'

/** What a unit holds, as it says itself: its positions of [trim, highest], which take about so many bytes. */
export interface Holding {
  readonly trim: number
  readonly highest: number
  readonly bytes: number
}

/**
 * Positions of [from, to) that one unit takes from another. `bytes` is an estimate, undefined where nothing is known.
 */
export interface PlannedCopy {
  readonly unit: string
  readonly source: string
  readonly from: number
  readonly to: number
  readonly positions: number
  readonly bytes: number | undefined
}
/** Losses of units that a chain survives. `during` is until the copies are merged. */
export interface ChainRisk {
  readonly chain: number
  readonly now: number | undefined
  readonly during: number
  readonly after: number
}
/** Acceptors, and how many of them may be lost. */
export interface AcceptorRisk {
  readonly count: number
  readonly losses: number
}

/** The way from one layout to the next. Units are named by their addresses. */
export interface Plan {
  readonly epoch: number
  readonly joins: readonly { readonly address: string; readonly identity: string; readonly chain: number | undefined }[]
  readonly leaves: readonly { readonly address: string; readonly identity: string; readonly readUntilMerged: boolean }[]
  /** Positions that are closed, and so are copied by who joins. */
  readonly closes: readonly { readonly from: number; readonly to: number }[]
  readonly copies: readonly PlannedCopy[]
  readonly chains: readonly ChainRisk[]
  readonly acceptors: { readonly now: AcceptorRisk; readonly after: AcceptorRisk }
  /** Spares that answer. */
  readonly spares: { readonly now: number; readonly after: number }
  readonly sequencer: { readonly now: string | undefined; readonly after: string | undefined }
}

/** What a plan is made of. `holdings` by identity: of who is not in it nothing is known. */
export interface PlanInput {
  readonly base: Layout
  readonly next: Layout
  readonly survey: Survey
  readonly holdings: ReadonlyMap<string, Holding>
}

/**
 * The layout that somebody wants, or the base itself when nothing is to change.
 *
 * @throws SirtakiError as `nextLayout`; where something would be lost, with what can be done instead.
 */
export function wantedLayout(base: Layout, survey: Survey, intent: Intent): Layout {
  try {
    return namesAll(base, survey, intent) ? base : nextLayout(base, survey, intent)
  } catch (thrown) {
    if (!isError(thrown, 'NOT_WHOLE') || thrown.message.includes('sirtaki ')) throw thrown
    throw new SirtakiError(
      'NOT_WHOLE',
      `${thrown.message}: start that unit again and wait until its positions are copied (sirtaki status `
        + 'shows how far). If its disk is gone for good, sirtaki recover shows what is left',
      { cause: thrown, facts: thrown.facts, next: 'stop' },
    )
  }
}

/**
 * Gives the addresses of units that an intent puts in and that a layout names neither in its open chains nor as spares.
 */
export function lostAgain(intent: Intent, layout: Layout): string[] {
  const named = [...openSegment(layout).chains.flat(), ...layout.spares].map(({ address }) => address)
  const joining = intent.join?.map(({ address }) => address) ?? []
  return [...joining, ...(intent.spares ?? []), ...(intent.chains?.flat() ?? [])].filter((at) => !named.includes(at))
}

/** Makes the plan. */
export function planOf({ base, next, survey, holdings }: PlanInput): Plan {
  const answers = (unit: UnitMember): boolean => survey.get(unit.address)?.identity === unit.identity
  const [before, after] = [openSegment(base), openSegment(next)]
  const stood = new Set([...before.chains.flat(), ...base.spares].map(({ identity }) => identity))
  const stands = new Set([...after.chains.flat(), ...next.spares].map(({ identity }) => identity))
  const members = unitsOf(next)
  const chains = after.chains.map((_, chain): ChainRisk => ({
    chain,
    now: chain < before.chains.length ? lossesOf(base, chain, answers) : undefined,
    during: lossesOf(next, chain, answers),
    after: (after.chains[chain]?.length ?? 1) - 1,
  }))
  return {
    epoch: next.epoch,
    joins: [
      ...chainsOf(after).flatMap(({ index, units }) =>
        units
          .filter(({ identity }) => !before.chains.flat().some((unit) => unit.identity === identity))
          .map(({ address, identity }) => ({ address, identity, chain: index })),
      ),
      ...next.spares
        .filter(({ identity }) => !stood.has(identity))
        .map(({ address, identity }) => ({ address, identity, chain: undefined })),
    ],
    leaves: [...before.chains.flat(), ...base.spares]
      .filter(({ identity }) => !stands.has(identity))
      .map(({ address, identity }) => ({
        address,
        identity,
        readUntilMerged: members.some((unit) => unit.identity === identity),
      })),
    closes: next.segments.flatMap(({ from, to }) => (to !== null && before.from === from ? [{ from, to }] : [])),
    copies: after.chains.flat().flatMap((unit) => copiesOf(next, unit, holdings)),
    chains,
    acceptors: { now: acceptorsOf(base, survey), after: acceptorsOf(next, survey) },
    spares: { now: base.spares.filter(answers).length, after: next.spares.filter(answers).length },
    sequencer: { now: base.sequencer?.address, after: next.sequencer?.address },
  }
}

/** Whole copies but one, where a chain has fewest: in the open segment, or in a part of a closed one. */
function lossesOf(layout: Layout, chain: number, answers: (unit: UnitMember) => boolean): number {
  const parts = layout.segments
    .slice(0, -1)
    .flatMap((segment) => partsOf(layout, segment, chain).map(({ sources }) => sources))
  return (
    Math.min(...[openSegment(layout).chains[chain] ?? [], ...parts].map((units) => units.filter(answers).length)) - 1
  )
}

function copiesOf(next: Layout, unit: UnitMember, holdings: ReadonlyMap<string, Holding>): PlannedCopy[] {
  return missingParts(next, unit.identity).flatMap(({ from, to, index, step, sources: [source] }): PlannedCopy[] => {
    const held = source === undefined ? undefined : holdings.get(source.identity)
    if (source === undefined) return []
    const start = firstOfClass(Math.max(from, next.trim, held?.trim ?? 0), index, step)
    // Above what the source holds there is only junk, which takes next to nothing.
    const end = held === undefined ? to : Math.min(to, held.highest + 1)
    const positions = Math.max(0, Math.ceil((end - start) / step))
    // The source holds one position in as many as its segment has chains.
    const each =
      held === undefined
        ? 0
        : (held.bytes * (segmentOf(next, from)?.chains.length ?? 1)) / Math.max(1, held.highest + 1 - held.trim)
    return [
      {
        unit: unit.address,
        source: source.address,
        from: start,
        to,
        positions,
        bytes: held === undefined ? undefined : Math.round(positions * each),
      },
    ]
  })
}

function acceptorsOf({ acceptors }: Layout, survey: Survey): AcceptorRisk {
  const answering = acceptors.filter(({ address, identity }) => survey.get(address)?.acceptor === identity).length
  return { count: acceptors.length, losses: Math.max(0, answering - Math.floor(acceptors.length / 2) - 1) }
}

/** What the cluster survives now and would not after the plan, in sentences. */
export function lowered({ chains, acceptors, spares, joins }: Plan): string[] {
  // A chain that is new takes its units from those that are there.
  const weakest = Math.min(...chains.flatMap((chain) => (chain.now === undefined ? [] : [chain.now])))
  const weaker = chains.filter((chain) => chain.after < (chain.now ?? weakest))
  const moved = joins.filter(({ chain }) => chain !== undefined).length
  return [
    ...weaker.map(
      ({ chain, now = weakest, after }) => `chain ${chain} may lose ${unitsText(after)}, now ${unitsText(now)}`,
    ),
    ...(acceptors.after.losses < acceptors.now.losses
      ? [`of the acceptors may be lost ${losses(acceptors.after.losses)}, now ${losses(acceptors.now.losses)}`]
      : []),
    ...(spares.after + moved < spares.now ? [`${spares.after} spares wait, now ${spares.now}`] : []),
  ]
}

const unitsText = (count: number): string => (count <= 0 ? 'no unit' : count === 1 ? '1 unit' : `${count} units`)

const losses = (count: number): string =>
  count < 0 ? 'none, and one is missing' : count === 0 ? 'none' : String(count)

/** The plan for people. */
export function planText(plan: Plan): string {
  const { joins, leaves, closes, copies, chains, acceptors, sequencer } = plan
  const until = (address: string, readUntilMerged: boolean): string =>
    `${address}${readUntilMerged ? ': keep it running until its positions are copied' : ''}`
  return [
    ...joins.map(
      ({ address, identity, chain }) =>
        `joins      ${address} (${identity.slice(0, 8)}) ${chain === undefined ? 'as a spare' : `chain ${chain}`}`,
    ),
    ...leaves.map(
      ({ address, identity, readUntilMerged }) =>
        `leaves     ${until(`${address} (${identity.slice(0, 8)})`, readUntilMerged)}`,
    ),
    ...closes.map(({ from, to }) => `closes     positions ${from} to about ${to}`),
    ...copies.map(
      ({ unit, source, positions, bytes }) =>
        `copies     ${unit} takes ${positions} `
        + `positions${bytes === undefined ? '' : `, about ${sizeText(bytes)},`} from ${source}`,
    ),
    ...(sequencer.now === sequencer.after
      ? []
      : [`sequencer  ${sequencer.now ?? 'none'} -> ${sequencer.after ?? 'none'}`]),
    ...chains.map(({ chain, now, during, after }) => {
      const first = now === undefined ? '' : `now ${losses(now)}, `
      const then = during === after ? '' : `until the copies are merged ${losses(during)}, `
      return `chain ${chain}    may lose units: ${first}${then}then ${losses(after)}`
    }),
    `acceptors  ${acceptors.now.count} -> ${acceptors.after.count}, may lose: now `
      + `${losses(acceptors.now.losses)}, then ${losses(acceptors.after.losses)}`,
  ].join('\n')
}
