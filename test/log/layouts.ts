/**
 * Layouts, entries and units for tests: a cluster called `c1`, units by short names.
 *
 * Read next: `unit/unit.test.ts`.
 */
import { clusterSeed, encodeEntry, packPrevious, readEntry, type Entry, type Previous } from '../../log/entry.ts'
import { checkLayout, type Layout } from '../../log/layout.ts'
import { limits } from '../../log/limits.ts'

/** What may differ from a layout of one chain of `a`, `b`, `c`, all in their first start. */
export interface LayoutShape {
  readonly epoch?: number
  readonly tail?: number
  readonly trim?: number
  readonly window?: number
  readonly logTime?: number
  readonly cluster?: string
  readonly chains?: readonly (readonly string[])[]
  readonly acceptors?: readonly string[]
  readonly sequencer?: string | null
  /** Boots by unit; left out: `NAME-1`. */
  readonly boots?: Readonly<Record<string, string>>
  /** Closed segments: the position behind each, and its chains. The open one begins where the last of them ends. */
  readonly closed?: readonly { readonly to: number; readonly chains: readonly (readonly string[])[] }[]
  readonly spares?: readonly string[]
  readonly absent?: readonly { readonly name: string; readonly chain?: number; readonly replaced?: boolean }[]
  readonly drops?: readonly { readonly identity: string; readonly times: number; readonly at: number }[]
}

/** Makes a layout. */
export function layoutOf(shape: LayoutShape): Layout {
  const unit = (name: string): { identity: string; boot: string; address: string } => ({
    identity: name,
    boot: shape.boots?.[name] ?? `${name}-1`,
    address: `${name}:1`,
  })
  const chains = shape.chains ?? [['a', 'b', 'c']]
  const closed = shape.closed ?? []
  const segments = [...closed, { to: null, chains }].map(({ to, chains: units }, i) => ({
    from: closed[i - 1]?.to ?? 0,
    to,
    kind: 'chain',
    chains: units.map((chain) => chain.map(unit)),
  }))
  return checkLayout({
    cluster: shape.cluster ?? 'c1',
    epoch: shape.epoch ?? 1,
    acceptors: (shape.acceptors ?? ['x', 'y', 'z']).map((identity, i) => ({
      identity,
      address: `${['a', 'b', 'c'][i] ?? identity}:1`,
    })),
    sequencer:
      shape.sequencer === undefined || shape.sequencer === null
        ? null
        : { boot: shape.sequencer, address: 'sequencer:1' },
    tail: shape.tail ?? closed.at(-1)?.to ?? 0,
    window: shape.window ?? 16,
    trim: shape.trim ?? 0,
    logTime: shape.logTime ?? 0,
    featureLevel: 1,
    segments,
    spares: (shape.spares ?? []).map(unit),
    drops: shape.drops ?? [],
    absent: (shape.absent ?? []).map(({ name, chain = 0, replaced = false }) => ({
      identity: name,
      address: `${name}:1`,
      chain,
      replaced,
    })),
  })
}

export const seed = clusterSeed('c1')
export const bounds = { seed, entryBytesMax: limits.entryBytesMax, streamsMax: limits.streamsMax }

/** What an entry is made of; `links` maps streams to their `previous`. */
export interface EntryShape {
  readonly position: number
  readonly text?: string
  readonly epoch?: number
  readonly links?: readonly (readonly [number, Previous])[]
  readonly logTime?: number
}

/** The bytes of an entry. */
export const bytesOf = ({
  position,
  text = `value ${position}`,
  epoch = 1,
  links = [],
  logTime = 0,
}: EntryShape): Uint8Array =>
  encodeEntry(
    seed,
    {
      position,
      epoch,
      writer: 1,
      logTime,
      streams: links.map(([stream]) => stream),
      previous: links.map(([, previous]) => packPrevious(previous)),
    },
    new TextEncoder().encode(text),
  )

/** The same, decoded. */
export const entryOf = (shape: EntryShape): Entry => readEntry(bytesOf(shape), bounds)

/** The text that an entry carries. */
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(readEntry(bytes, bounds).payload)
