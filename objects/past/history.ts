/**
 * The history of a space: entry by entry what was asked, what came of it and what it changed.
 *
 *     newest checkpoint at or below `from` ─ play in silence ─ from ─ step, step, step ... ─ to
 *
 * A flow that reads ahead by a bounded number of positions. Keeps: C4, O3. Read next: `past.ts`, `difference.ts`,
 * `until.ts`.
 */
import type { FlowOptions } from '../../log/cluster/calls.ts'
import type { Entry } from '../../log/entry.ts'
import { aborted } from '../../log/cluster/retry.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import { OpDecoder } from '../runtime/entry.ts'
import { readInput } from '../runtime/input.ts'
import type { AnyObjectType } from '../runtime/object-type.ts'
import type { Played } from '../runtime/outcome.ts'
import { Skips } from '../runtime/skips.ts'
import type { SpaceLog } from '../runtime/space-log.ts'
import { NEEDS_ENGINE } from '../runtime/programs.ts'
import { Space } from '../runtime/space.ts'
import type { CheckpointSource } from '../runtime/stored-space.ts'
import type { Input } from '../runtime/values.ts'

/** Positions that are read ahead. */
const AHEAD = 8_192
/** How long one reading ahead may take. */
const READ_MS = 30_000

/** Where the past of a space is. */
export interface PastSource {
  readonly log: SpaceLog
  /** The stream of the space. */
  readonly stream: number
  readonly types: readonly AnyObjectType[]
  readonly checkpoints?: CheckpointSource | undefined
  /** The position that its view of today plays next. */
  next(): number
}

/** One op of an entry; of a transaction there are several. */
export interface StepOp {
  readonly path: string
  readonly type: string
  readonly version: number
  readonly op: string
  readonly input: Input | undefined
}

/** One entry, played. `space` is the state behind it, until the next step is asked for. */
export interface Step {
  readonly entry: Entry
  readonly played: Played
  /** Milliseconds since 1970, by the sequencer's clock. */
  readonly wall: number
  /** Who asked; `undefined`: nobody, or a session that had ended. */
  readonly session: { readonly session: number; readonly name: string } | undefined
  readonly ops: readonly StepOp[]
  readonly space: Space
}

/** Which entries. */
export interface HistoryOptions extends FlowOptions {
  /** The first position; 0 unless told. */
  readonly from?: number | undefined
  /** The last position, inclusive. */
  readonly to: number
  /** Types in place of those of the client. */
  readonly types?: readonly AnyObjectType[] | undefined
}

/** The state below a position, and what is needed to go on from there. */
interface Beginning {
  readonly space: Space
  readonly next: number
  readonly skips: Skips
}

/**
 * The entries of a space in [from, to], in order.
 *
 * @throws SirtakiError `TRIMMED` with `oldest` in its facts where the state before `from` cannot be had any more;
 *   `TIMEOUT`, `ABORTED`; `STOPPED`, `UNSUPPORTED` where an entry cannot be played here.
 */
export async function* history(source: PastSource, options: HistoryOptions): AsyncGenerator<Step, void, undefined> {
  const { from = 0, to, signal, types = source.types } = options
  const { space, next, skips } = await begin({ ...source, types }, from, { signal })
  const read = new Reader(source, next)
  const decoder = new OpDecoder<never>()
  try {
    for (;;) {
      const entries = await read.next(to, { signal })
      if (entries === undefined) return
      for (const entry of entries) {
        const ops = entry.position < from ? [] : opsOf(entry, decoder)
        const played = await applied(space, entry)
        if (entry.position < from) continue
        yield { entry, played, wall: space.wallOffset + entry.logTime, session: sessionOf(played, space), ops, space }
      }
    }
  } finally {
    read.close()
    skips.close()
  }
}

/** Plays one entry, with the engine of programs where it needs that. */
async function applied(space: Space, entry: Entry): Promise<Played> {
  try {
    return space.apply(entry)
  } catch (thrown) {
    if (thrown !== NEEDS_ENGINE) throw thrown
    await space.bringEngine()
    return space.apply(entry)
  }
}

/** The state below `from`. */
async function begin({ log, types, checkpoints }: PastSource, from: number, flow: FlowOptions): Promise<Beginning> {
  let failed: SirtakiError | undefined
  const skips = new Skips(log, {
    found: () => undefined,
    failed: (error) => {
      failed = error
    },
  })
  try {
    let stored = await checkpoints?.newest(from)
    await skips.begin(stored, flow)
    const { firstFound } = skips
    if (stored !== undefined && firstFound < stored.position) stored = await checkpoints?.newest(firstFound)
    if (flow.signal?.aborted === true) throw aborted(flow.signal)
    if (failed !== undefined) throw failed
    const space = new Space()
    // Digests are made where the views made them, so that claims can be compared.
    space.isLive = true
    for (const type of types) space.register(type)
    for (const { position, object } of skips.all) space.skip(position, object)
    if (stored !== undefined) space.load(stored.snapshot)
    return { space, next: stored?.position ?? 0, skips }
  } catch (thrown) {
    skips.close()
    throw thrown
  }
}

/** Entries of one stream, some at a time. */
class Reader {
  readonly #player: ReturnType<SpaceLog['play']>
  #entries: Entry[] = []
  #failed: SirtakiError | undefined
  #next: number

  constructor({ log, stream }: PastSource, from: number) {
    this.#next = from
    const events = {
      deliver: (entries: readonly Entry[]) => {
        this.#entries.push(...entries)
      },
      // Where a log was restored positions are left out, far more than one reads.
      reached: (next: number) => {
        this.#next = Math.max(this.#next, next)
      },
      failed: (error: SirtakiError) => {
        this.#failed ??= error
      },
    }
    this.#player = log.play(stream, events, from, { live: false })
  }

  /** The next entries up to `to`, inclusive; `undefined`: there are none. */
  async next(to: number, flow: FlowOptions): Promise<readonly Entry[] | undefined> {
    while (this.#entries.length === 0) {
      if (this.#next > to) return undefined
      const end = Math.min(to + 1, this.#next + AHEAD)
      try {
        await this.#player.playTo(end, { ...flow, timeoutMs: READ_MS })
      } catch (thrown) {
        throw trimmedAway(this.#failed ?? asError(thrown))
      }
      this.#next = Math.max(this.#next, end)
    }
    const due = this.#entries
    this.#entries = []
    // More than was asked for may have come along.
    return due.filter(({ position }) => position <= to)
  }

  close(): void {
    this.#player.close()
  }
}

/** Where the log begins further on: which position is the first whose state can be had. */
function trimmedAway(error: SirtakiError): SirtakiError {
  const { trim } = error.facts
  if (error.code !== 'TRIMMED' || typeof trim !== 'number') return error
  return new SirtakiError(
    'TRIMMED',
    `the log begins at position ${trim}, and no checkpoint at or below what was asked for is at hand: the oldest `
      + 'state is that of the oldest checkpoint (sirtaki checkpoint list)',
    { cause: error, facts: { ...error.facts, oldest: trim } },
  )
}

/** What an entry asks for. */
export function opsOf({ payload }: Entry, decoder: OpDecoder<never>): StepOp[] {
  const decoded = decoder.decode(payload)
  if (decoded.kind !== 'op' && decoded.kind !== 'transaction') return []
  const parts = decoded.kind === 'op' ? [decoded.part] : decoded.parts
  return parts.map((part) => ({ path: part.object, ...part.what.what, input: readInput(payload, part) }))
}

function sessionOf({ outcome }: Played, space: Space): Step['session'] {
  if (outcome.kind === 'tick' || outcome.kind === 'ignored' || outcome.kind === 'restored') return undefined
  if ('session' in outcome) return { session: outcome.session.session, name: outcome.session.name }
  const mark = space.ofIncarnation(outcome.incarnation)
  return mark && { session: mark.session, name: mark.name }
}
