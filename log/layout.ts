/**
 * The layout: the map from positions to chains, with every member that may act in its epoch. A value: immutable once
 * agreed, so any learnt copy is good and only currency needs a quorum.
 *
 * Owns: its shape, its checks, the questions one asks of it. Keeps: Y1 (with `epochs/acceptor.ts`), Y4.
 * Read next: `epochs/acceptor.ts`, `epochs/reconfigure.ts`.
 * @source CORFU NSDI'12 3.1 (projection), Delos OSDI'20 (MetaStore).
 */
import {
  array,
  boolean,
  define,
  enums,
  integer,
  min,
  nullable,
  object,
  refine,
  size,
  string,
  type Infer,
  is,
} from 'superstruct'
import { SirtakiError } from './errors.ts'
import type { Stripe } from './ranges.ts'

/** A safe integer from 0. */
export const whole = min(integer(), 0)
const name = size(string(), 1, 256)

/** A log unit as a layout names it: the disk (`identity`) and the start of its process (`boot`). */
export const UnitMember = object({ identity: name, boot: name, address: name })
/** An acceptor: the identity of its disk is all that counts. */
export const AcceptorMember = object({ identity: name, address: name })
/** A sequencer: the start of its process is all that counts. */
export const SequencerMember = object({ boot: name, address: name })
/**
 * A unit that automatic reconfiguration left out and that may come back: to chain `chain`, or as a spare where one has
 * taken its place.
 */
export const AbsentMember = object({ identity: name, address: name, chain: whole, replaced: boolean() })
/** How often a unit was left out lately, and the log time of the last time: who flaps waits longer and longer (P24). */
export const Drops = object({ identity: name, times: min(integer(), 1), at: whole })
/**
 * Positions [from, to) and the chains that hold them; `to` is null in the open segment. A closed segment lists only
 * units that hold all of it.
 */
export const Segment = object({
  from: whole,
  to: nullable(whole),
  kind: enums(['chain']),
  chains: size(array(size(array(UnitMember), 1, 16)), 1, 64),
})

/** Segments of a layout at most: each is looked through wherever somebody asks whose a position is. */
export const SEGMENTS_MAX = 64

const LayoutShape = object({
  cluster: name,
  epoch: min(integer(), 1),
  acceptors: size(array(AcceptorMember), 1, 15),
  sequencer: nullable(SequencerMember),
  tail: whole,
  window: min(integer(), 4),
  trim: whole,
  logTime: min(integer(), 0),
  featureLevel: min(integer(), 1),
  segments: size(array(Segment), 1, SEGMENTS_MAX),
  spares: size(array(UnitMember), 0, 64),
  absent: size(array(AbsentMember), 0, 64),
  drops: size(array(Drops), 0, 64),
})
const CheckedLayout = refine(LayoutShape, 'layout', (layout) => problemOf(layout) ?? true)

/** Texts of layouts that were found right: greetings and answers carry the same few over and over. */
const known = new Set<string>()
const KNOWN_MAX = 64

/** Objects that were found right: nobody changes a layout. */
const right = new WeakSet<object>()

/** The struct of a layout, for messages, files and registers. */
export const LayoutStruct = define<Layout>('layout', (value) => {
  if (typeof value !== 'object' || value === null) return 'it is no object'
  if (right.has(value)) return true
  const text = JSON.stringify(value)
  if (known.has(text)) {
    right.add(value)
    return true
  }
  const [error] = CheckedLayout.validate(value)
  if (error !== undefined) return error.message
  if (known.size >= KNOWN_MAX) known.clear()
  known.add(text)
  right.add(value)
  return true
})

export type UnitMember = Infer<typeof UnitMember>
export type AcceptorMember = Infer<typeof AcceptorMember>
export type SequencerMember = Infer<typeof SequencerMember>
export type AbsentMember = Infer<typeof AbsentMember>
export type Drops = Infer<typeof Drops>
export type Segment = Infer<typeof Segment>
/** Tail and trim are positions, log time is in milliseconds, window counts positions. */
export type Layout = Infer<typeof LayoutShape>

/** The formats and messages that this code understands. */
export const FEATURE_LEVEL = 1

function problemOf(layout: Layout): string | undefined {
  const last = layout.segments.at(-1)
  if (layout.acceptors.length % 2 === 0) {
    return `a layout needs an odd number of acceptors, this one has ${layout.acceptors.length}`
  }
  // One address is one process, and one vote.
  const names = layout.acceptors.flatMap((one) => [`the identity ${one.identity}`, `the address ${one.address}`])
  const twice = names.find((one, i) => names.indexOf(one) < i)
  if (twice !== undefined) return `a layout names one acceptor twice, by ${twice}`
  if (last === undefined || last.to !== null || layout.tail < last.from) {
    return 'the last segment must be open and begin at or below the tail'
  }
  let from = layout.segments[0]?.from ?? 0
  for (const segment of layout.segments) {
    if (segment.from !== from || (segment.to !== null && segment.to <= segment.from)) {
      return 'segments must join without gap or overlap'
    }
    from = segment.to ?? from
    const units = segment.chains.flat().map((unit) => unit.identity)
    if (new Set(units).size !== units.length) return `a segment names a unit twice: ${units.join(', ')}`
  }
  return problemOfMembers(layout)
}

/** One disk is one member, at one address and under one boot, wherever the layout names it. */
function problemOfMembers({ segments, spares, absent }: Layout): string | undefined {
  const byIdentity = new Map<string, UnitMember>()
  const byAddress = new Map<string, UnitMember>()
  for (const unit of [...segments.flatMap((segment) => segment.chains.flat()), ...spares]) {
    const same = byIdentity.get(unit.identity)
    if (same !== undefined && (same.boot !== unit.boot || same.address !== unit.address)) {
      return (
        `the disk ${unit.identity} is named at ${same.address} and at ${unit.address}: one of their folders `
        + `is a copy of the other's`
      )
    }
    const neighbour = byAddress.get(unit.address)
    if (neighbour !== undefined && neighbour.identity !== unit.identity) {
      return `the address ${unit.address} is that of two units, ${neighbour.identity} and ${unit.identity}`
    }
    byIdentity.set(unit.identity, unit)
    byAddress.set(unit.address, unit)
  }
  const open = segments.at(-1)?.chains.flat() ?? []
  const twice = spares.find((spare) => open.some((unit) => unit.identity === spare.identity))
  if (twice !== undefined) return `the unit at ${twice.address} is a spare and a member of a chain`
  for (const list of [spares, absent]) {
    if (new Set(list.map(({ identity }) => identity)).size !== list.length) {
      return `a unit is named twice: ${list.map(({ address }) => address).join(', ')}`
    }
  }
  const back = absent.find(
    (one) =>
      open.some((unit) => unit.identity === one.identity) || spares.some((spare) => spare.identity === one.identity),
  )
  return back === undefined ? undefined : `the unit at ${back.address} is absent and named all the same`
}

/**
 * Checks a layout that came from outside.
 *
 * @throws SirtakiError `BAD_LAYOUT` with what is wrong.
 */
export function checkLayout(value: unknown): Layout {
  const [error, layout] = LayoutStruct.validate(value)
  if (error !== undefined) {
    throw new SirtakiError('BAD_LAYOUT', `this is no layout: ${error.message}`, {
      facts: { path: error.path.join('.') },
    })
  }
  return layout
}

/** Tells whether a value is a layout. */
export const isLayout = (value: unknown): value is Layout => is(value, LayoutStruct)

/** The text by which layouts are stored and compared: keys in one order. */
export function layoutText(layout: Layout): string {
  const {
    cluster,
    epoch,
    acceptors,
    sequencer,
    tail,
    window,
    trim,
    logTime,
    featureLevel,
    segments,
    spares,
    absent,
    drops,
  } = layout
  const unit = ({ identity, boot, address }: UnitMember): UnitMember => ({ identity, boot, address })
  return JSON.stringify({
    cluster,
    epoch,
    acceptors: acceptors.map((a) => ({ identity: a.identity, address: a.address })),
    sequencer: sequencer === null ? null : { boot: sequencer.boot, address: sequencer.address },
    tail,
    window,
    trim,
    logTime,
    featureLevel,
    segments: segments.map((s) => ({
      from: s.from,
      to: s.to,
      kind: s.kind,
      chains: s.chains.map((chain) => chain.map(unit)),
    })),
    spares: spares.map(unit),
    absent: absent.map((one) => ({
      identity: one.identity,
      address: one.address,
      chain: one.chain,
      replaced: one.replaced,
    })),
    drops: drops.map((one) => ({ identity: one.identity, times: one.times, at: one.at })),
  })
}

/** Whether it is the first of its cluster, of a new one or of one that was restored: nothing was granted before. */
export const isFirst = ({ tail, segments }: Layout): boolean => segments[0]?.from === tail

/** The open segment: where appends go. */
export function openSegment(layout: Layout): Segment {
  const last = layout.segments.at(-1)
  if (last === undefined) throw new SirtakiError('BAD_LAYOUT', 'a layout without segments')
  return last
}

/** The segment that holds a position; what lies below the first is trimmed away. */
export function segmentOf(layout: Layout, position: number): Segment | undefined {
  return layout.segments.find((segment) => position >= segment.from && (segment.to === null || position < segment.to))
}

/**
 * The chain that holds a position. Striping counts from 0, not from the segment's start: merging segments moves
 * nothing (P47).
 */
export function chainIndex(segment: Segment, position: number): number {
  return position % segment.chains.length
}

/** A chain with its place in the segment: it holds the positions p with p mod `step` = `index`. */
export interface Chain {
  readonly index: number
  readonly step: number
  readonly units: readonly UnitMember[]
}

/** The chains of a segment. */
export const chainsOf = (segment: Segment): Chain[] =>
  segment.chains.map((units, index) => ({ index, step: segment.chains.length, units }))

/** The chain of a position. */
export function chainOf(layout: Layout, position: number): Chain {
  const segment = segmentOf(layout, position)
  const chain = segment === undefined ? undefined : chainsOf(segment)[chainIndex(segment, position)]
  if (chain === undefined) {
    throw new SirtakiError('TRIMMED', `position ${position} lies below the first segment`, { facts: { position } })
  }
  return chain
}

/**
 * Where one unit stands: in chain `index` of `step` for the positions [from, to); `to` is Infinity in the open segment.
 */
export interface Place extends Stripe {
  readonly isFirst: boolean
}

/** The places of a unit, ascending. */
export function placesOf(layout: Layout, identity: string): Place[] {
  return layout.segments.flatMap((segment) =>
    chainsOf(segment).flatMap(({ index, step, units }) => {
      const at = units.findIndex((unit) => unit.identity === identity)
      return at < 0 ? [] : [{ from: segment.from, to: segment.to ?? Infinity, index, step, isFirst: at === 0 }]
    }),
  )
}

/** The chains of every segment that reaches into [from, to), each with the part of it that lies there. */
export function chainsIn(layout: Layout, from: number, to: number): (Chain & Stripe)[] {
  return layout.segments.flatMap((segment) => {
    const part = { from: Math.max(from, segment.from), to: Math.min(to, segment.to ?? Infinity) }
    return part.from < part.to ? chainsOf(segment).map((chain) => ({ ...chain, ...part })) : []
  })
}

/** Every unit that holds positions under the layout, once: of the open segment first. Spares hold none. */
export function unitsOf(layout: Layout): UnitMember[] {
  const all = new Map<string, UnitMember>()
  for (const unit of layout.segments.toReversed().flatMap((segment) => segment.chains.flat())) {
    all.set(unit.identity, unit)
  }
  return [...all.values()]
}

/** Every address at which a server of this layout may answer. */
export function addressesOf(layout: Layout): string[] {
  return [
    ...new Set([
      ...unitsOf(layout).map((u) => u.address),
      ...layout.spares.map((u) => u.address),
      ...layout.acceptors.map((a) => a.address),
      ...(layout.sequencer === null ? [] : [layout.sequencer.address]),
    ]),
  ]
}

/** The acceptor that the layout names at the address of a unit. */
export function seatOf(layout: Layout, identity: string): AcceptorMember | undefined {
  const address = [...unitsOf(layout), ...layout.spares].find((unit) => unit.identity === identity)?.address
  return layout.acceptors.find((one) => one.address === address)
}

/** Whether so many acceptors are a majority of the layout's. */
export const isMajority = (count: number, { acceptors }: Layout): boolean => count * 2 > acceptors.length

/** Makes one segment of neighbours with equal chains. */
export function joinSegments(segments: readonly Segment[]): Segment[] {
  const out: Segment[] = []
  for (const segment of segments) {
    const last = out.at(-1)
    if (last !== undefined && chainsText(last) === chainsText(segment)) {
      out[out.length - 1] = { ...segment, from: last.from }
    } else out.push(segment)
  }
  return out
}

const chainsText = ({ chains }: Segment): string =>
  JSON.stringify(chains.map((chain) => chain.map(({ identity }) => identity)))
