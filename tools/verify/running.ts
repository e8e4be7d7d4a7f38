/**
 * Checks a running cluster: do all members agree, and do the units of every chain hold the same.
 *
 *     layouts ─ acceptors ─ chain by chain: digests of [trim, prefix), part by part ─ deep: every entry of every unit
 *
 * Only what is decided everywhere is compared: what lies above is on its way. Read next: `finding.ts`,
 * `../../log/epochs/whole.ts`.
 */
import { integer, type } from 'superstruct'
import type { LogClient } from '../../log/client/client.ts'
import { clusterSeed, readEntry } from '../../log/entry.ts'
import { asError } from '../../log/errors.ts'
import type { AcceptorMember, SequencerMember } from '../../log/layout.ts'
import {
  chainsOf,
  isMajority,
  layoutText,
  placesOf,
  unitsOf,
  whole,
  type Layout,
  type UnitMember,
} from '../../log/layout.ts'
import { limits } from '../../log/limits.ts'
import { firstOfClass, type Span } from '../../log/ranges.ts'
import { DigestAnswer, Identity, LayoutAnswer } from '../../log/wire/control.ts'
import {
  DAMAGED_HERE,
  DATA_DECIDED,
  EMPTY,
  TRIMMED,
  UNDECIDED,
  readReadItems,
  writePositions,
} from '../../log/wire/messages.ts'
import { Findings, countOf, firstWrong, type Progress, type Verified } from './finding.ts'

/** How it is checked. */
export interface RunningOptions {
  readonly deep: boolean
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Positions of one digest, and of one question for entries. */
const PART = 1 << 18
const QUESTION = 1_024
/** Tries to find everybody in one epoch: it may just be opening. */
const TRIES = 20
const TRY_MS = 250

const UnitState = type({ prefix: whole, trim: whole, highest: integer() })

/** Checks it. @throws SirtakiError `TIMEOUT`, `UNREACHABLE` when no layout can be learnt. */
export async function verifyRunning(log: LogClient, options: RunningOptions): Promise<Verified> {
  return new Running(log, await settled(log), options).run()
}

/** The newest layout, once the units that answer are in its epoch, or as it is after a while. */
async function settled(log: LogClient): Promise<Layout> {
  for (let left = TRIES; ; left--) {
    await log.cluster.refresh()
    const layout = await log.layout()
    const epochs = await Promise.all(
      unitsOf(layout).map(({ address }) =>
        log.cluster
          .peer(address)
          .control('identify', {}, Identity)
          .then(
            ({ opened, sealed }) => opened === layout.epoch && sealed === layout.epoch,
            () => true,
          ),
      ),
    )
    if (left === 0 || epochs.every(Boolean)) return layout
    await log.cluster.pause(TRY_MS)
  }
}

class Running {
  readonly #log: LogClient
  readonly #layout: Layout
  readonly #options: RunningOptions
  readonly #findings = new Findings()
  readonly #unreachable = new Map<string, string>()
  #positions = 0
  #entries = 0
  #bytes = 0
  readonly #startedAt = performance.now()

  constructor(log: LogClient, layout: Layout, options: RunningOptions) {
    this.#log = log
    this.#layout = layout
    this.#options = options
  }

  async run(): Promise<Verified> {
    await this.#members()
    const prefixes = await this.#states()
    for (const segment of this.#layout.segments) {
      for (const { index, step, units } of chainsOf(segment)) {
        const answering = units.filter(({ identity }) => prefixes.has(identity))
        const states = answering.map(({ identity }) => prefixes.get(identity) ?? { prefix: 0, trim: 0, highest: -1 })
        if (answering.length === 0) continue
        const to = Math.min(segment.to ?? Infinity, ...states.map(({ prefix }) => prefix))
        await this.#compare(
          answering,
          {
            from: firstOfClass(
              Math.max(segment.from, this.#layout.trim, ...states.map(({ trim }) => trim)),
              index,
              step,
            ),
            to,
            step,
          },
          index,
        )
      }
    }
    if (this.#options.deep) {
      for (const unit of unitsOf(this.#layout)) await this.#readAll(unit, prefixes.get(unit.identity))
    }
    const { epoch, cluster, trim } = this.#layout
    return {
      findings: this.#findings.done(),
      unreachable: [...this.#unreachable].map(([address, problem]) => ({ address, problem })),
      checked: {
        cluster,
        epoch,
        trim,
        units: prefixes.size,
        positions: this.#positions,
        deep: this.#options.deep,
        ...(this.#options.deep ? { entries: this.#entries, bytes: this.#bytes } : {}),
        prefixes: Object.fromEntries(
          unitsOf(this.#layout).map(({ address, identity }) => [address, prefixes.get(identity)?.prefix ?? null]),
        ),
      },
    }
  }

  // ---- who is there, and what each knows

  async #members(): Promise<void> {
    const { spares, acceptors, sequencer, epoch } = this.#layout
    const units = [...unitsOf(this.#layout), ...spares]
    await Promise.all(units.map((unit) => this.#asking(unit.address, () => this.#unit(unit))))
    await Promise.all(acceptors.map((one) => this.#asking(one.address, () => this.#acceptor(one))))
    if (sequencer === null) {
      this.#findings.add('sequencer', `epoch ${epoch} has none: start one with sirtaki sequencer`)
      return
    }
    await this.#asking(sequencer.address, () => this.#sequencer(sequencer))
  }

  async #unit(unit: UnitMember): Promise<void> {
    const { epoch, spares } = this.#layout
    const add = (what: string): void => {
      this.#findings.add(unit.address, what)
    }
    const peer = this.#log.cluster.peer(unit.address)
    const { identity, boot, sealed, opened } = await peer.control('identify', {}, Identity)
    if (identity !== unit.identity) {
      add(`another disk answers there: ${identity}, epoch ${epoch} names ${unit.identity}`)
      return
    }
    const isSpare = spares.some((spare) => spare.identity === identity)
    this.#checkLayout(unit.address, (await peer.control('layout', {}, LayoutAnswer)).layout, isSpare)
    if (isSpare) return
    if (boot !== unit.boot) add(`it was restarted, and epoch ${epoch} names its start of before: see sirtaki status`)
    else if (sealed > epoch) add(`sealed for epoch ${sealed}, which has not opened: sirtaki reconfigure opens it`)
    else if (opened < epoch && epoch > 1) add(`epoch ${epoch} has not opened there: sirtaki reconfigure opens it`)
  }

  async #acceptor({ address, identity }: AcceptorMember): Promise<void> {
    const layout = this.#layout
    const { acceptor, initialised } = await this.#log.cluster.peer(address).control('identify', {}, Identity)
    if (acceptor !== identity) {
      const what = `its acceptor is another one than epoch ${layout.epoch} names: its register was lost`
      const way = isMajority(layout.acceptors.length - 1, layout)
        ? 'sirtaki reconfigure names the new one'
        : 'sirtaki recover --without-acceptors goes on without it'
      this.#findings.add(address, `${what}. ${way}`)
    } else if (!initialised) {
      this.#findings.add(address, 'its acceptor belongs to no cluster yet: start the unit again')
    }
  }

  async #sequencer({ address, boot }: SequencerMember): Promise<void> {
    const peer = this.#log.cluster.peer(address)
    if ((await peer.control('identify', {}, Identity)).boot !== boot) {
      this.#findings.add(address, `another start of the sequencer than epoch ${this.#layout.epoch} names`)
    }
    this.#checkLayout(address, (await peer.control('layout', {}, LayoutAnswer)).layout, false)
  }

  /** Spares learn layouts when they can: an older one is no fault. */
  #checkLayout(address: string, found: Layout | null, mayLag: boolean): void {
    const { epoch } = this.#layout
    if (found === null || found.epoch < epoch) {
      if (!mayLag) this.#findings.add(address, `knows epoch ${found?.epoch ?? 0}, the newest is ${epoch}`)
      return
    }
    if (found.epoch === epoch && layoutText(found) !== layoutText(this.#layout)) {
      this.#findings.add(
        address,
        `has another layout of epoch ${epoch} than ${this.#layout.segments.at(-1)?.chains[0]?.[0]?.address}`,
      )
    }
  }

  async #states(): Promise<Map<string, { prefix: number; trim: number; highest: number }>> {
    const found = new Map<string, { prefix: number; trim: number; highest: number }>()
    await Promise.all(
      unitsOf(this.#layout).map(({ address, identity }) =>
        this.#asking(address, async () => {
          found.set(identity, await this.#log.cluster.peer(address).control('status', {}, UnitState))
        }),
      ),
    )
    return found
  }

  async #asking(address: string, ask: () => Promise<void>): Promise<void> {
    try {
      await ask()
    } catch (thrown) {
      this.#unreachable.set(address, asError(thrown).message)
    }
  }

  // ---- what they hold

  async #compare(units: readonly UnitMember[], { from, to, step }: Span, index: number): Promise<void> {
    for (let at = from; at < to; at += PART * step) {
      this.#options.signal.throwIfAborted()
      const range = { from: at, to: Math.min(to, at + PART * step), step }
      this.#options.progress(`comparing chain ${index} of ${step}: position ${at} of ${to}`)
      this.#positions += countOf(range, 0)
      for (const unit of units) await this.#asking(unit.address, () => this.#holdsAll(unit, index, range))
      const [first] = units
      for (const unit of units.slice(1)) {
        await this.#asking(unit.address, async () => {
          if (first === undefined || !(await this.#differ(first, unit, index, range))) return
          this.#findings.add(
            unit.address,
            `holds something else than ${first.address}`,
            await firstWrong(range, (part) => this.#differ(first, unit, index, part)),
          )
        })
      }
    }
  }

  #digest({ address }: UnitMember, index: number, range: Span): Promise<DigestAnswer> {
    return this.#log.cluster.peer(address).control('digest', { ...range, index }, DigestAnswer)
  }

  async #holdsAll(unit: UnitMember, index: number, range: Span): Promise<void> {
    const lacks = async (part: Span): Promise<boolean> => {
      const { count, trim } = await this.#digest(unit, index, part)
      return count < countOf(part, trim)
    }
    if (await lacks(range)) {
      this.#findings.add(unit.address, 'lacks a position below its decided prefix', await firstWrong(range, lacks))
    }
  }

  async #differ(a: UnitMember, b: UnitMember, index: number, range: Span): Promise<boolean> {
    const [ours, theirs] = await Promise.all([this.#digest(a, index, range), this.#digest(b, index, range)])
    if (ours.trim === theirs.trim || Math.max(ours.trim, theirs.trim) <= range.from) {
      return ours.count !== theirs.count || ours.sum !== theirs.sum
    }
    // A trim has reached one of them only: what lies below does not count.
    const from = firstOfClass(Math.max(ours.trim, theirs.trim), index, range.step)
    return from < range.to && this.#differ(a, b, index, { ...range, from })
  }

  /** Reads every decided position of a unit from the unit itself, and checks each entry here too. */
  async #readAll(
    unit: UnitMember,
    state: { readonly prefix: number; readonly trim: number } | undefined,
  ): Promise<void> {
    if (state === undefined) return
    for (const { from, to, index, step } of placesOf(this.#layout, unit.identity)) {
      const end = Math.min(to, state.prefix)
      await this.#asking(unit.address, async () => {
        for (let at = firstOfClass(Math.max(from, state.trim), index, step); at < end;) {
          this.#options.signal.throwIfAborted()
          at = await this.#readSome(unit.address, { from: at, to: Math.min(end, at + QUESTION * step), step })
          const seconds = Math.max(0.001, (performance.now() - this.#startedAt) / 1_000)
          this.#options.progress(
            `reading ${unit.address}: position ${at} of ${end}, ${(this.#bytes / 1e6 / seconds).toFixed(1)} MB/s`,
          )
        }
      })
    }
  }

  /** Gives where to go on: a unit bounds its answers. */
  async #readSome(address: string, { from, to, step }: Span): Promise<number> {
    const positions = Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => from + i * step)
    const items = readReadItems(await this.#log.cluster.peer(address).request('read', writePositions(positions)))
    for (const [i, position] of positions.entries()) {
      const { status, bytes } = items[i] ?? { status: UNDECIDED, bytes: undefined }
      if (status === UNDECIDED && i > 0) return position
      if (status === UNDECIDED || status === EMPTY) {
        this.#findings.add(address, 'has nothing decided at a position below its decided prefix', position)
      } else if (status === DAMAGED_HERE) {
        this.#findings.add(address, 'cannot read its entry: the checksum is wrong, or the disk gives nothing', position)
      } else if (status === DATA_DECIDED && bytes !== undefined) this.#checkEntry(address, position, bytes)
      else if (status !== TRIMMED) this.#entries++
    }
    return to
  }

  #checkEntry(address: string, position: number, bytes: Uint8Array): void {
    this.#entries++
    this.#bytes += bytes.byteLength
    try {
      const entry = readEntry(bytes, {
        seed: clusterSeed(this.#layout.cluster),
        entryBytesMax: limits.entryBytesMax,
        streamsMax: limits.streamsMax,
      })
      if (entry.position !== position) {
        this.#findings.add(address, `gives the entry of position ${entry.position}`, position)
      }
    } catch (thrown) {
      this.#findings.add(address, asError(thrown).message, position)
    }
  }
}
