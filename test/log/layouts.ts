/**
 * Layouts, entries and units for tests: a cluster called `c1`, units by short names.
 *
 * Read next: `unit/unit.test.ts`.
 */
import { clusterSeed, encodeEntry, packPrevious, readEntry, type Entry, type Previous } from '../../log/entry.ts'
import { limits } from '../../log/limits.ts'
import { checkLayout, type Layout } from '../../log/layout/layout.ts'

/** What may differ from a layout of one chain of `a`, `b`, `c`, all in their first start. */
export interface LayoutShape {
  readonly epoch?: number; readonly tail?: number; readonly trim?: number; readonly window?: number; readonly logTime?: number; readonly cluster?: string
  readonly chains?: readonly (readonly string[])[]; readonly acceptors?: readonly string[]; readonly sequencer?: string | null
  /** Boots by unit; left out: `NAME-1`. */
  readonly boots?: Readonly<Record<string, string>>
}

/** Makes a layout. */
export function layoutOf(shape: LayoutShape): Layout {
  const unit = (name: string): { identity: string; boot: string; address: string } => ({ identity: name, boot: shape.boots?.[name] ?? `${name}-1`, address: `${name}:1` })
  const chains = shape.chains ?? [['a', 'b', 'c']]
  return checkLayout({
    cluster: shape.cluster ?? 'c1', epoch: shape.epoch ?? 1, acceptors: (shape.acceptors ?? ['x', 'y', 'z']).map((identity, i) => ({ identity, address: `${['a', 'b', 'c'][i] ?? identity}:1` })),
    sequencer: shape.sequencer === undefined || shape.sequencer === null ? null : { boot: shape.sequencer, address: 'sequencer:1' },
    tail: shape.tail ?? 0, window: shape.window ?? 16, trim: shape.trim ?? 0, logTime: shape.logTime ?? 0, featureLevel: 1,
    segments: [{ from: 0, to: null, kind: 'chain', chains: chains.map((chain) => chain.map(unit)) }], spares: [], absent: [], drops: [],
  })
}

export const seed = clusterSeed('c1')
export const bounds = { seed, entryBytesMax: limits.entryBytesMax, streamsMax: limits.streamsMax }

/** What an entry is made of; `links` maps streams to their `previous`. */
export interface EntryShape { readonly position: number; readonly text?: string; readonly epoch?: number; readonly links?: readonly (readonly [number, Previous])[]; readonly logTime?: number }

/** The bytes of an entry. */
export const bytesOf = ({ position, text = `value ${position}`, epoch = 1, links = [], logTime = 0 }: EntryShape): Uint8Array =>
  encodeEntry(seed, { position, epoch, writer: 1, logTime, streams: links.map(([stream]) => stream), previous: links.map(([, previous]) => packPrevious(previous)) }, new TextEncoder().encode(text))

/** The same, decoded. */
export const entryOf = (shape: EntryShape): Entry => readEntry(bytesOf(shape), bounds)

/** The text that an entry carries. */
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(readEntry(bytes, bounds).payload)
