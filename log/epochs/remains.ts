/**
 * What is left of chains: who answers, what each unit holds of every position, and how that compares with what was
 * decided.
 *
 *     sources: all that answer ─ walk: side by side, batch by batch ─ judge: whole? lost? single? two different values?
 *
 * Reads everything and changes nothing. What is believed of what units say, and why, is told in `recover.ts`. A flow.
 * Keeps: P46, P49. Read next: `recover.ts`.
 */
import { boolean, integer, optional, type } from 'superstruct'
import type { Cluster } from '../cluster/cluster.ts'
import { JUNK_HASH, KIND_DATA } from '../entry.ts'
import { SirtakiError, asError } from '../errors.ts'
import { chainsOf, placesOf, unitsOf, whole, type Layout, type Place, type UnitMember } from '../layout.ts'
import { firstOfClass, type Span, type Stripe } from '../ranges.ts'
import { DigestAnswer, Identity, LayoutAnswer, writeJson } from '../wire/control.ts'
import { readAsked, type Held } from '../wire/messages.ts'
import { isNameOf } from './intent.ts'

/** What a unit holds at a position. */
export interface Value {
  readonly address: string
  readonly identity: string
  readonly kind: 'data' | 'junk'
  readonly hash: number
  readonly decided: boolean
  readonly bytes: Uint8Array | undefined
}
/**
 * A position with two different values. `decided`: more than one of them is taken for decided, which nobody may choose
 * between.
 */
export interface Conflict {
  readonly position: number
  readonly values: readonly Value[]
  readonly decided: boolean
}

/**
 * How one unit stands in a chain. `lacks`: known decided positions that it does not hold as they were decided;
 * `damaged`: that it cannot read. A salvaged one may lack what nobody knows of.
 */
export interface Standing {
  readonly address: string
  readonly identity: string
  readonly isMember: boolean
  readonly isUsed: boolean
  readonly isWhole: boolean
  readonly isSalvaged: boolean
  readonly holds: number
  readonly lacks: number
  readonly firstLacking: number | undefined
  readonly damaged: number
}

/** What is known of one chain of one segment. Lists are cut at `LISTED_MAX`; counts are not. */
export interface ChainReport {
  readonly from: number
  readonly to: number | null
  readonly chain: number
  readonly chains: number
  /** Everything below is known decided. */
  readonly decidedBelow: number
  readonly there: readonly Standing[]
  readonly gone: readonly { readonly address: string; readonly identity: string }[]
  /** Whether no member is whole: then it takes a recovery to go on. */
  readonly needed: boolean
  /** The unit that would be made whole; undefined where none of its members answers. */
  readonly target: string | undefined
  /** What it would be given, values and junk; undefined where that is too much to list. */
  readonly toRestore: readonly Span[] | undefined
  /** Known decided, and nobody has them. */
  readonly lost: readonly Span[]
  readonly lostCount: number
  /** Positions that one unit only has. */
  readonly single: readonly Span[]
  readonly singleCount: number
  readonly conflicts: readonly Conflict[]
  readonly conflictCount: number
}

/** All chains under one layout. */
export interface RecoveryReport {
  readonly layout: Layout
  readonly chains: readonly ChainReport[]
}

/** How a survey goes. `without`: identities or addresses of units to leave out. */
export interface SurveyOptions {
  readonly without?: readonly string[] | undefined
  readonly progress?: ((text: string) => void) | undefined
  readonly signal?: AbortSignal | undefined
}
/** Positions looked at together, and bytes of one unit held meanwhile. */
const BATCH = 4_096
const BATCH_BYTES = 8 << 20

const Progress = type({ epoch: whole, prefix: whole })
const Status = type({ prefix: whole, highest: integer(), trim: whole, salvaged: optional(boolean()) })

/** A unit that answers, with the positions that are its own as far as it knows. */
export interface Source {
  readonly address: string
  readonly identity: string
  readonly boot: string
  readonly places: readonly Place[]
  readonly prefix: number
  readonly highest: number
  readonly trim: number
  readonly isUsed: boolean
  readonly isSalvaged: boolean
}
/** One chain of one segment, and who may know of it. `index` of `step`; `end`: above it nobody holds anything. */
export interface Scene {
  readonly layout: Layout
  readonly from: number
  readonly to: number | null
  readonly index: number
  readonly step: number
  readonly members: readonly UnitMember[]
  readonly sources: readonly Source[]
  readonly known: number
  readonly start: number
  readonly end: number
}

/** Whether one of the names means this unit. */
export const called = (
  names: readonly string[] | undefined,
  unit: { readonly address: string; readonly identity: string },
): boolean => names?.some((name) => isNameOf(name, unit)) === true

/**
 * Every chain of every segment, with who may know of it.
 *
 * @throws SirtakiError `EPOCH` when a newer epoch has opened.
 */
export async function scenesOf(cluster: Cluster, layout: Layout, options: SurveyOptions): Promise<Scene[]> {
  const sources = await sourcesOf(cluster, layout, options)
  const known = await knownDecided(cluster, layout)
  const trim = Math.max(layout.trim, ...sources.map((source) => source.trim))
  return layout.segments.flatMap((segment) =>
    chainsOf(segment).map(({ index, step, units }): Scene => {
      // A unit's prefix speaks of all its own positions: of these, where they are its own from their start to their
      // end.
      const prefixes = sources
        .filter(({ places }) =>
          places.some(
            (place) =>
              place.from <= segment.from
              && place.to >= (segment.to ?? Infinity)
              && place.index === index
              && place.step === step,
          ),
        )
        .map((source) => source.prefix)
      const end =
        segment.to ?? Math.max(segment.from, known, ...prefixes, ...sources.map((source) => source.highest + 1))
      return {
        layout,
        from: segment.from,
        to: segment.to,
        index,
        step,
        members: units,
        sources,
        known: Math.min(end, Math.max(known, ...prefixes)),
        start: firstOfClass(Math.max(segment.from, trim), index, step),
        end,
      }
    }),
  )
}

/** Whoever answers, of all that the layout knows of: also spares, and units that were left out. */
export async function sourcesOf(cluster: Cluster, layout: Layout, { without }: SurveyOptions): Promise<Source[]> {
  const all = new Map(
    [...layout.absent, ...layout.spares, ...unitsOf(layout)].map(({ identity, address }) => [identity, address]),
  )
  const found = await Promise.all(
    [...all].map(async ([identity, address]): Promise<Source | undefined> => {
      try {
        const peer = cluster.peer(address)
        const answer = await peer.control('identify', {}, Identity)
        if (answer.identity !== identity || answer.cluster !== layout.cluster) return undefined
        if (answer.epoch > layout.epoch) {
          throw new SirtakiError('EPOCH', `epoch ${answer.epoch} exists, ${layout.epoch} was taken for the newest`, {
            next: 'again',
          })
        }
        const [{ prefix, highest, trim, salvaged = false }, { layout: installed }] = await Promise.all([
          peer.control('status', {}, Status),
          peer.control('layout', {}, LayoutAnswer),
        ])
        return {
          address,
          identity,
          boot: answer.boot,
          places: installed === null ? [] : placesOf(installed, identity),
          prefix,
          highest,
          trim,
          isUsed: !called(without, { address, identity }),
          isSalvaged: salvaged,
        }
      } catch (thrown) {
        const error = asError(thrown)
        if (error.code === 'EPOCH') throw error
        return undefined
      }
    }),
  )
  return found.filter((source) => source !== undefined)
}

/** What an epoch that is open, and its sequencer, know decided. */
async function knownDecided(cluster: Cluster, layout: Layout): Promise<number> {
  const opened = await Promise.all(
    unitsOf(layout).map(({ address }) =>
      cluster
        .peer(address)
        .control('identify', {}, Identity)
        .then(
          (answer) => answer.opened === layout.epoch,
          () => false,
        ),
    ),
  )
  const told =
    layout.sequencer === null
      ? undefined
      : await cluster
          .peer(layout.sequencer.address)
          .control('status', {}, Progress)
          .catch(() => undefined)
  return Math.max(opened.includes(true) ? layout.tail : 0, told?.epoch === layout.epoch ? told.prefix : 0)
}

// ---- what they hold

/** What one source holds in a batch: values by position, and positions that it cannot read. */
export interface Loaded {
  readonly source: Source
  readonly held: Map<number, Held>
  readonly damaged: Set<number>
  reached: number
}
/** One position: who holds what, as far as it can be read. */
export interface Sight {
  readonly position: number
  readonly values: readonly Value[]
}

/** Walks over a part of a chain's positions in batches, from all sources side by side. */
export async function* walk(
  cluster: Cluster,
  scene: Scene,
  part: { readonly start: number; readonly end: number },
  { progress, signal }: SurveyOptions,
): AsyncGenerator<{ readonly sights: readonly Sight[]; readonly loaded: readonly Loaded[] }> {
  const { index, step, sources } = scene
  const start = firstOfClass(Math.max(scene.start, part.start), index, step)
  const end = Math.min(scene.end, part.end)
  for (let at = start; at < end;) {
    if (signal?.aborted === true) throw new SirtakiError('ABORTED', 'the survey was aborted', { next: 'stop' })
    const batch = Math.min(end, at + BATCH * step)
    const loaded = await Promise.all(
      sources.map((source) => load(cluster, source, { from: at, to: batch, index, step })),
    )
    const until = Math.min(batch, ...loaded.map(({ reached }) => reached))
    const sights: Sight[] = []
    for (let position = at; position < until; position += step) {
      sights.push({ position, values: loaded.flatMap(({ source, held }) => valueOf(source, held.get(position))) })
    }
    yield { sights, loaded }
    progress?.(
      `chain ${index} of the positions from ${scene.from}: `
        + `${Math.floor((100 * (until - start)) / Math.max(1, end - start))} %`,
    )
    at = firstOfClass(until, index, step)
  }
}

function valueOf({ address, identity, places }: Source, held: Held | undefined): Value[] {
  if (held === undefined) return []
  const { position, kind, hash, bytes } = held
  const owns = places.some(
    ({ from, to, index, step }) => position >= from && position < to && position % step === index,
  )
  return [
    {
      address,
      identity,
      kind: kind === KIND_DATA ? 'data' : 'junk',
      hash: kind === KIND_DATA ? hash : JUNK_HASH,
      decided: held.decided && owns,
      bytes,
    },
  ]
}

async function load(cluster: Cluster, source: Source, { from, to, index, step }: Stripe): Promise<Loaded> {
  const peer = cluster.peer(source.address)
  const loaded: Loaded = { source, held: new Map(), damaged: new Set(), reached: from }
  const count = async (a: number, b: number): Promise<number> =>
    (await peer.control('digest', { from: a, to: b, index, step }, DigestAnswer)).count
  let bytes = 0
  let at = from
  while (at < to && bytes < BATCH_BYTES) {
    const answer = readAsked(await peer.request('copy', writeJson({ from: at, to, index, step, any: true })))
    for (const held of answer.held) {
      loaded.held.set(held.position, held)
      bytes += 32 + (held.bytes?.byteLength ?? 0)
    }
    at = answer.to
    if (answer.held.length > 0 || at >= to) continue
    // It stopped at something that is empty or damaged: what is damaged still counts in a digest.
    const next = await firstHeld(count, at, to, step)
    if (next === at) {
      loaded.damaged.add(at)
      at += step
    } else at = next
  }
  loaded.reached = Math.max(at, from + step)
  return loaded
}

/** The first position in [from, to) at which something is held, `to` when nothing is. */
async function firstHeld(
  count: (from: number, to: number) => Promise<number>,
  from: number,
  to: number,
  step: number,
): Promise<number> {
  if ((await count(from, to)) === 0) return to
  let low = from
  let high = Math.ceil((to - from) / step)
  // Something is held in [low, low + high steps).
  while (high > 1) {
    const half = Math.floor(high / 2)
    if ((await count(low, low + half * step)) > 0) high = half
    else {
      low += half * step
      high -= half
    }
  }
  return low
}

/** Different values among those that are used: the decided ones where there are any. */
export function candidatesOf({ values }: Sight, sources: readonly Source[]): Value[] {
  const used = values.filter(({ identity }) => sources.find((source) => source.identity === identity)?.isUsed === true)
  const decided = used.filter((value) => value.decided)
  const all = decided.length > 0 ? decided : used
  return all.filter((value, i) => all.findIndex((other) => isSameValue(other, value)) === i)
}

/** Whether two values are one. */
export const isSameValue = (
  a: { readonly kind: string; readonly hash: number },
  b: { readonly kind: string; readonly hash: number },
): boolean => a.kind === b.kind && a.hash === b.hash
