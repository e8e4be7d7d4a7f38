/**
 * Whose positions they are: the cluster that a store was made for, and those that were restored from it since.
 *
 *     store.json {A} ── incarnations/0000000001 {B, from, restored: {A, below}} ── incarnations/0000000002 {C, ...}
 *
 *     positions    0 ───────── A ───────── below        from ───────── B ─────────▶
 *                                              └ 2^40 and more: nothing ┘
 *
 * A restored log begins far above everything that was ever granted in the one before: no position, token or epoch is
 * given twice. What was archived stays what it is: each range and manifest names its own cluster. Keeps: C3, Y1. Read
 * next: `store-mark.ts`, `../../objects/restore/restore.ts` (who claims one).
 */
import { array, integer, is, refine, string, type, type Infer } from 'superstruct'
import { SirtakiError } from '../errors.ts'
import type { BlobOptions, Blobs } from './blobs.ts'
import { damagedBlob, readJson } from './sealed.ts'

const PREFIX = 'incarnations/'
const FORMAT = 1
const whole = refine(integer(), 'whole', (value) => value >= 0)
const Claim = type({
  format: integer(),
  n: whole,
  cluster: string(),
  /** The first position of its log. */
  from: whole,
  epoch: whole,
  logTime: whole,
  /** Addresses of its first units, by chain. */
  units: array(array(string())),
  /** Whose state it goes on with: that of everything below `below`. */
  restored: type({ cluster: string(), below: whole, horizon: whole }),
  /** The highest number that a checkpoint of the store had. */
  manifests: whole,
  /** Milliseconds since 1970. */
  wall: integer(),
})

/** A cluster that was restored from a store, and has it from then on. */
export type Incarnation = Omit<Infer<typeof Claim>, 'format'>
/** The positions of one cluster; `to` is exclusive, and null of the one that goes on. */
export interface LineageSpan {
  readonly cluster: string
  readonly from: number
  readonly to: number | null
}
/** The clusters of one log, one after the other. */
export class Lineage {
  /** Ascending; the last one is that of today. */
  readonly spans: readonly LineageSpan[]
  readonly #known: ReadonlySet<string>

  /** `others`: clusters that had the store for a while, and that nobody went on with. */
  constructor(spans: readonly LineageSpan[], others: readonly string[] = []) {
    this.spans = spans
    this.#known = new Set([...spans.map(({ cluster }) => cluster), ...others])
  }

  /** The lineage of a cluster that was never restored. */
  static of(cluster: string): Lineage {
    return new Lineage([{ cluster, from: 0, to: null }])
  }

  /** The cluster of today. */
  get cluster(): string {
    return this.spans.at(-1)?.cluster ?? ''
  }
  /** Whether a cluster has ever had this store. */
  knows(cluster: string): boolean {
    return this.#known.has(cluster)
  }
  /** The cluster whose log had a position; `undefined` between two of them. */
  at(position: number): string | undefined {
    return this.#spanOf(position)?.cluster
  }
  /** Where the positions of the cluster end, exclusive, that had a position. */
  endAt(position: number): number {
    return this.#spanOf(position)?.to ?? Infinity
  }
  /** Where the log goes on: at the position itself, or with the first of the next cluster. */
  after(position: number): number {
    const next = this.spans.find(({ to }) => to === null || position < to)
    return Math.max(position, next?.from ?? position)
  }
  /** Whether a state at `position`, exclusive, is one of the log: by the cluster that stored it. */
  hasState(cluster: string, position: number): boolean {
    return this.spans.some((one) => {
      const isInside = position >= one.from && (one.to === null || position <= one.to)
      return one.cluster === cluster && isInside
    })
  }

  #spanOf(position: number): LineageSpan | undefined {
    return this.spans.find(({ from, to }) => position >= from && (to === null || position < to))
  }
}

/** Keys of the incarnations of a store, ascending. @throws as `Blobs.list`. */
export const incarnationKeys = (blobs: Blobs, options?: BlobOptions): Promise<string[]> => blobs.list(PREFIX, options)

/** All incarnations of a store, ascending. @throws SirtakiError `DAMAGED`, `UNSUPPORTED`; as `Blobs.get`. */
export async function listIncarnations(blobs: Blobs, options?: BlobOptions): Promise<Incarnation[]> {
  const all: Incarnation[] = []
  for (const key of await incarnationKeys(blobs, options)) {
    const bytes = await blobs.get(key, options)
    if (bytes !== undefined) all.push(readClaim(key, bytes))
  }
  return all
}

/** Claims a store for a cluster; false: another one was quicker. @throws as `Blobs.putNew`. */
export function claimStore(blobs: Blobs, incarnation: Incarnation, options?: BlobOptions): Promise<boolean> {
  const claim = { format: FORMAT, ...incarnation }
  const key = PREFIX + String(incarnation.n).padStart(10, '0')
  return blobs.putNew(key, new TextEncoder().encode(JSON.stringify(claim)), options)
}

/**
 * The lineage of one that had the store, unless told of the newest; `first`: the cluster that the store was made for.
 */
export function lineageOf(first: string, incarnations: readonly Incarnation[], cluster?: string): Lineage {
  const wanted = cluster ?? incarnations.at(-1)?.cluster
  const last = incarnations.find((one) => one.cluster === wanted)
  const spans: LineageSpan[] = [{ cluster: last?.cluster ?? first, from: last?.from ?? 0, to: null }]
  // From each to the one that it was restored from: what nobody went on with is none of it.
  for (let child = last; child !== undefined;) {
    const { cluster: parent, below } = child.restored
    child = incarnations.find((one) => one.cluster === parent)
    spans.unshift({ cluster: parent, from: child?.from ?? 0, to: below })
  }
  return new Lineage(spans, [first, ...incarnations.map((one) => one.cluster)])
}

function readClaim(key: string, bytes: Uint8Array): Incarnation {
  const claim = readJson(key, bytes)
  if (is(claim, type({ format: integer() })) && claim.format > FORMAT) {
    throw new SirtakiError('UNSUPPORTED', `${key} has format ${claim.format}, this is ${FORMAT}: upgrade`)
  }
  if (!is(claim, Claim)) throw damagedBlob(key, 'it is no incarnation of a cluster')
  const { format: _, ...rest } = claim
  return rest
}
