/**
 * Reading, filling and trimming single positions and ranges.
 *
 * Only decided values are returned (L4). A reader that is told `undecided` waits about as long as an append takes for
 * the mark before it resolves; a hole is filled only when it is older than the slowest appends (P16). Keeps: L3, L4,
 * L8, P16, P51. Read next: `../cluster/resolve.ts`.
 */
import { viewOf } from '../bytes/bytes.ts'
import type { FlowOptions } from '../cluster/calls.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Resolved } from '../cluster/resolve-round.ts'
import { lowestUndecided, resolveAll, resolveOne } from '../cluster/resolve.ts'
import { decodeEntry, readEntry, clusterSeed, type Decided } from '../entry.ts'
import { SirtakiError, asError } from '../errors.ts'
import { chainOf, segmentOf, unitsOf, type Layout } from '../layout.ts'
import { Empty } from '../wire/control.ts'
import { DAMAGED_HERE, DATA_DECIDED, JUNK_DECIDED, TRIMMED, readReadItems, writePositions } from '../wire/messages.ts'
import type { TailReader } from './tail.ts'

/** What a position holds for a reader. `unwritten`: nothing is decided there, and every unit of the chain said so. */
export type ReadResult =
  | Decided
  | { readonly kind: 'trimmed'; readonly position: number }
  | { readonly kind: 'unwritten'; readonly position: number }

/** Reads of one client. */
export class Reader {
  readonly #cluster: Cluster
  readonly #tails: TailReader
  #turn = 0

  constructor(cluster: Cluster, tails: TailReader) {
    this.#cluster = cluster
    this.#tails = tails
  }

  /**
   * Reads one position.
   *
   * @throws SirtakiError `BAD_ARGUMENT`, `DAMAGED` when no unit can serve it, `TIMEOUT`, `ABORTED`.
   */
  async read(position: number, options: FlowOptions = {}): Promise<ReadResult> {
    requirePosition(position)
    const result = await this.#cluster.retry(options, (layout) => this.#readOnce(layout, position, options))
    this.#cluster.ports.failpoint?.('read', {
      position,
      kind: result.kind,
      hash: result.kind === 'data' ? result.entry.hash : 0,
    })
    return result
  }

  async #readOnce(layout: Layout, position: number, options: FlowOptions): Promise<ReadResult> {
    if (segmentOf(layout, position) === undefined) return { kind: 'trimmed', position }
    const known = await this.#ask(layout, position, options)
    if (known !== undefined) return known
    await this.#cluster.pause(Math.max(1, this.#cluster.appendLatency.p99), options.signal)
    const again = await this.#ask(layout, position, options)
    if (again !== undefined) return again
    return this.#fromResolved(layout, position, await resolveOne(this.#cluster, layout, position, { mayFill: false }))
  }

  /** Asks one unit after the other until one can serve it; `undefined` when it is not decided there. */
  async #ask(layout: Layout, position: number, { timeoutMs }: FlowOptions): Promise<ReadResult | undefined> {
    const { units } = chainOf(layout, position)
    let failed: SirtakiError | undefined
    for (let i = 0; i < units.length; i++) {
      const unit = units[(i + this.#turn) % units.length]
      if (unit === undefined) continue
      try {
        const [item] = readReadItems(
          await this.#cluster.peer(unit.address).request('read', writePositions([position]), timeoutMs),
        )
        if (item?.status === TRIMMED) return { kind: 'trimmed', position }
        if (item?.status === JUNK_DECIDED) return { kind: 'junk', position }
        if (item?.status === DATA_DECIDED && item.bytes !== undefined) {
          return { kind: 'data', position, entry: this.#entry(layout, item.bytes) }
        }
        if (item?.status === DAMAGED_HERE) {
          failed = new SirtakiError('DAMAGED', `position ${position} is damaged on ${unit.address}`, {
            facts: { position },
          })
          continue
        }
        return undefined
      } catch (thrown) {
        failed = asError(thrown)
        this.#turn++
      }
    }
    throw failed ?? new SirtakiError('UNREACHABLE', `no unit serves position ${position}`)
  }

  #entry(layout: Layout, bytes: Uint8Array): ReturnType<typeof readEntry> {
    const { entryBytesMax, streamsMax } = this.#cluster.limits
    return readEntry(bytes, { seed: clusterSeed(layout.cluster), entryBytesMax, streamsMax })
  }

  #fromResolved(layout: Layout, position: number, found: Resolved): ReadResult {
    switch (found.kind) {
      case 'hole':
        return { kind: 'unwritten', position }
      case 'trimmed':
        return { kind: 'trimmed', position }
      case 'junk':
        return { kind: 'junk', position }
      default: {
        if (found.bytes === undefined) {
          throw new SirtakiError('DAMAGED', `position ${position} is decided but its bytes are damaged`, {
            next: 'again',
            facts: { position },
          })
        }
        return { kind: 'data', position, entry: this.#entry(layout, found.bytes) }
      }
    }
  }

  /**
   * Brings one position to decided: completes what is there, else stores junk once the hole is old enough.
   *
   * @throws SirtakiError `BAD_ARGUMENT` at or above the tail, `TIMEOUT`, `ABORTED`.
   */
  async fill(position: number, options: FlowOptions = {}): Promise<ReadResult> {
    requirePosition(position)
    const { tail } = await this.#tails.linearizable([], options)
    if (position >= tail) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `position ${position} is not granted yet, the tail is ${tail}: only holes below it can be filled`,
        { facts: { position, tail } },
      )
    }
    const seen = this.#cluster.ports.clock.now()
    return this.#cluster.retry(options, async (layout) => {
      if (segmentOf(layout, position) === undefined) return { kind: 'trimmed', position }
      const first = await resolveOne(this.#cluster, layout, position, { mayFill: false })
      if (first.kind !== 'hole') return this.#fromResolved(layout, position, first)
      await this.#cluster.pause(
        Math.max(0, seen + this.#cluster.fillAgeMs - this.#cluster.ports.clock.now()),
        options.signal,
      )
      return this.#fromResolved(layout, position, await resolveOne(this.#cluster, layout, position, { mayFill: true }))
    })
  }

  /**
   * Drops everything below `before` on every unit. Durable everywhere when it resolves; repeats harmlessly.
   *
   * @throws SirtakiError `BAD_ARGUMENT` above the tail, `TIMEOUT` (next `unknown`), `ABORTED`.
   */
  async trim(before: number, options: FlowOptions = {}): Promise<void> {
    requirePosition(before)
    const { tail } = await this.#tails.linearizable([], options)
    if (before > tail) {
      throw new SirtakiError('BAD_ARGUMENT', `cannot trim below ${before}, the tail is ${tail}`, {
        facts: { before, tail },
      })
    }
    const seen = this.#cluster.ports.clock.now()
    this.#cluster.ports.failpoint?.('trim.called', { before })
    await this.#cluster.retry(options, async (layout) => {
      const from = await lowestUndecided(this.#cluster, layout)
      if (from < before) {
        await this.#cluster.pause(
          Math.max(0, seen + this.#cluster.fillAgeMs - this.#cluster.ports.clock.now()),
          options.signal,
        )
        await resolveAll(this.#cluster, layout, from, before)
      }
      options.takesEffect?.()
      await Promise.all(
        unitsOf(layout).map((unit) =>
          this.#cluster.peer(unit.address).control('trim', { epoch: layout.epoch, before }, Empty),
        ),
      )
    })
  }
}

/** @throws SirtakiError `BAD_ARGUMENT`. */
export function requirePosition(position: number): void {
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new SirtakiError('BAD_ARGUMENT', `${position} is no position: positions are integers from 0`)
  }
}

/** Decodes the entries of a stream's part, one behind the other. */
export function decodeEntries(
  bytes: Uint8Array,
  count: number,
  check: (bytes: Uint8Array, view: DataView, at: number) => number,
): ReturnType<typeof decodeEntry>[] {
  const view = viewOf(bytes)
  const entries: ReturnType<typeof decodeEntry>[] = []
  for (let i = 0, at = 0; i < count; i++) {
    const length = check(bytes, view, at)
    entries.push(decodeEntry(bytes, view, at))
    at += length
  }
  return entries
}
