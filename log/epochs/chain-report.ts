/**
 * What recovery reports of one chain: who holds what, what is lost, what only one unit has, what differs.
 *
 * Read next: `remains.ts` (what there is to find), `recover.ts` (what is done about it).
 */
import type { Cluster } from '../cluster/cluster.ts'
import { openSegment, type UnitMember } from '../layout.ts'
import type { Span } from '../ranges.ts'
import {
  candidatesOf,
  isSameValue,
  scenesOf,
  walk,
  type Source,
  type Scene,
  type SurveyOptions,
  type ChainReport,
  type Conflict,
  type Standing,
  type Sight,
  type Loaded,
  type RecoveryReport,
  type Value,
} from './remains.ts'

const LISTED_MAX = 1_000

/**
 * Tells how every chain stands. Reads everything that units hold, and changes nothing.
 *
 * @throws SirtakiError `EPOCH` when a newer epoch has opened meanwhile, `TIMEOUT`, `UNREACHABLE`.
 */
export async function surveyRecovery(cluster: Cluster, options: SurveyOptions = {}): Promise<RecoveryReport> {
  await cluster.refresh()
  const layout = await cluster.current()
  const scenes = await scenesOf(cluster, layout, options)
  const chains: ChainReport[] = []
  for (const scene of scenes) chains.push(await judge(cluster, scene, options))
  return { layout, chains }
}

/** Collects positions as spans. */
class Spans {
  readonly #step: number
  readonly listed: { from: number; to: number; step: number }[] = []
  count = 0
  #cut = false

  constructor(step: number) {
    this.#step = step
  }

  /** All of them, undefined where some are not listed. */
  get whole(): readonly Span[] | undefined {
    return this.#cut ? undefined : this.listed
  }

  add(position: number): void {
    this.count++
    const last = this.listed.at(-1)
    if (last !== undefined && !this.#cut && last.to === position) last.to = position + this.#step
    else if (this.listed.length < LISTED_MAX) {
      this.listed.push({ from: position, to: position + this.#step, step: this.#step })
    } else this.#cut = true
  }
}

interface Tally {
  readonly source: Source
  holds: number
  lacks: number
  firstLacking: number | undefined
  damaged: number
  readonly wants: Spans
}

/** What is found in a chain, position by position. */
class ChainTally {
  readonly #scene: Scene
  readonly #tallies: readonly Tally[]
  readonly #lost: Spans
  readonly #single: Spans
  readonly #conflicts: Conflict[] = []
  #conflictCount = 0

  constructor(scene: Scene) {
    const { sources, step } = scene
    this.#scene = scene
    this.#lost = new Spans(step)
    this.#single = new Spans(step)
    this.#tallies = sources.map((source): Tally => ({
      source,
      holds: 0,
      lacks: 0,
      firstLacking: undefined,
      damaged: 0,
      wants: new Spans(step),
    }))
  }

  add(sight: Sight, loaded: readonly Loaded[]): void {
    const { position, values } = sight
    const { sources, known } = this.#scene
    for (const tally of this.#tallies) tallyOne(tally, sight, loaded, position < known)
    const candidates = candidatesOf(sight, sources)
    const isValue = (value: Value): boolean => candidates.every((other) => isSameValue(other, value))
    for (const { source, wants } of this.#tallies) {
      const has = values.some((value) => value.identity === source.identity && isValue(value))
      if (candidates.length !== 1 || !has) wants.add(position)
    }
    if (candidates.length === 0 && position < known) this.#lost.add(position)
    if (values.length === 1) this.#single.add(position)
    if (candidates.length > 1) this.#addConflict(sight, candidates)
  }

  #addConflict({ position, values }: Sight, candidates: readonly Value[]): void {
    this.#conflictCount++
    if (this.#conflicts.length === LISTED_MAX) return
    const { sources } = this.#scene
    const isUsed = ({ identity }: Value): boolean =>
      sources.find((source) => source.identity === identity)?.isUsed === true
    const decided = candidates.filter((value) => value.decided).length > 1
    this.#conflicts.push({ position, values: values.filter(isUsed), decided })
  }

  get report(): ChainReport {
    const { from, to, index, step, known, members, sources } = this.#scene
    const there = this.#tallies.map((tally) => this.#standing(tally))
    const target = targetOf(this.#scene, there)
    const isThere = ({ identity }: UnitMember): boolean => sources.some((source) => source.identity === identity)
    return {
      from,
      to,
      chain: index,
      chains: step,
      decidedBelow: known,
      there,
      needed: !there.some(({ isWhole }) => isWhole),
      target,
      toRestore: this.#tallies.find(({ source }) => source.address === target)?.wants.whole,
      gone: members.filter((unit) => !isThere(unit)).map(({ address, identity }) => ({ address, identity })),
      lost: this.#lost.listed,
      lostCount: this.#lost.count,
      single: this.#single.listed,
      singleCount: this.#single.count,
      conflicts: this.#conflicts,
      conflictCount: this.#conflictCount,
    }
  }

  #standing({ source, holds, lacks, firstLacking, damaged }: Tally): Standing {
    const { address, identity, isUsed, isSalvaged } = source
    const isMember = this.#scene.members.some((unit) => unit.identity === identity)
    const isWhole = isMember && !isSalvaged && lacks === 0 && damaged === 0
    return { address, identity, isMember, isUsed, isWhole, isSalvaged, holds, lacks, firstLacking, damaged }
  }
}

async function judge(cluster: Cluster, scene: Scene, options: SurveyOptions): Promise<ChainReport> {
  const tally = new ChainTally(scene)
  for await (const { sights, loaded } of walk(cluster, scene, scene, options)) {
    for (const sight of sights) tally.add(sight, loaded)
  }
  return tally.report
}

function tallyOne(tally: Tally, { position, values }: Sight, loaded: readonly Loaded[], isKnown: boolean): void {
  const own = values.find(({ identity }) => identity === tally.source.identity)
  if (own !== undefined) tally.holds++
  if (loaded.some(({ source, damaged }) => source === tally.source && damaged.has(position))) tally.damaged++
  const decided = values.filter((value) => value.decided)
  // Two that are decided differently: neither can be believed by itself.
  if (own === undefined ? !isKnown && decided.length === 0 : decided.every((value) => isSameValue(value, own))) return
  tally.lacks++
  tally.firstLacking ??= position
}

/**
 * The unit that lacks least: of the open segment's chain where that holds the same positions, for it goes on with them;
 * else a member.
 */
function targetOf({ layout, index, step, members }: Scene, there: readonly Standing[]): string | undefined {
  const open = openSegment(layout)
  const wanted = open.chains.length === step ? (open.chains[index] ?? []) : members
  const candidates = there.filter(({ identity, isUsed }) => isUsed && wanted.some((unit) => unit.identity === identity))
  const missing = ({ lacks, damaged }: Standing): number => lacks + damaged
  return candidates.reduce<Standing | undefined>(
    (best, one) =>
      best === undefined || missing(one) < missing(best) || (missing(one) === missing(best) && one.holds > best.holds)
        ? one
        : best,
    undefined,
  )?.address
}
