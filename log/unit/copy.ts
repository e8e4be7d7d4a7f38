/**
 * Copies what a unit of the open segment lacks of the closed ones, from their members, in the background.
 *
 *     part by part: digests equal? nothing to do : what the source holds decided, over whatever is here
 *
 * It repeats harmlessly: after a restart what is here already is found equal. The rate is bounded, so that appends go
 * on. When all is there, an epoch merges the segments. A flow. Keeps: L5, L8, P26. Read next: `../epochs/whole.ts`,
 * `rejoin.ts`.
 */
import type { Cluster } from '../cluster/cluster.ts'
import type { Part } from '../epochs/whole.ts'
import { SirtakiError, asError } from '../errors.ts'
import type { Layout, UnitMember } from '../layout.ts'
import { firstOfClass } from '../ranges.ts'
import { DigestAnswer, writeJson } from '../wire/control.ts'
import { readAsked, type AskedBody } from '../wire/messages.ts'
import { UNSAID } from '../wire/version.ts'
import type { CopyProgress, UnitServer } from './server.ts'

/** Positions whose digests are compared at once. */
const RANGE = 1 << 14
/** How often a range is copied to a disk that does not keep it before somebody is told. */
const COPY_TRIES = 3

/**
 * Copies parts one after the other as long as the layout stays.
 *
 * @throws SirtakiError `UNREACHABLE`, `TIMEOUT`, `DAMAGED` when no source can give a position: try again later;
 *   `EPOCH` when the layout has changed.
 */
export async function copyParts(
  server: UnitServer,
  cluster: Cluster,
  layout: Layout,
  parts: readonly Part[],
): Promise<void> {
  const { clock } = cluster.ports
  const progress: CopyProgress = {
    from: Math.min(...parts.map(({ from }) => from)),
    to: Math.max(...parts.map(({ to }) => to)),
    at: 0,
    bytes: 0,
    startedAtMs: clock.now(),
  }
  server.copying = progress
  try {
    for (const part of parts) await new PartCopy(server, cluster, layout, part, progress).run()
    cluster.ports.failpoint?.('copy.done', { unit: server.unit.state.identity, epoch: layout.epoch })
  } finally {
    server.copying = undefined
  }
}

class PartCopy {
  readonly #server: UnitServer
  readonly #cluster: Cluster
  readonly #layout: Layout
  readonly #part: Part
  readonly #progress: CopyProgress

  constructor(server: UnitServer, cluster: Cluster, layout: Layout, part: Part, progress: CopyProgress) {
    this.#server = server
    this.#cluster = cluster
    this.#layout = layout
    this.#part = part
    this.#progress = progress
  }

  async run(): Promise<void> {
    const { from, to, index, step } = this.#part
    const { state } = this.#server.unit
    for (let at = firstOfClass(Math.max(from, state.trim), index, step); at < to;) {
      const end = Math.min(to, at + RANGE * step)
      for (let tries = 0; !(await this.#isSame(at, end)) || !(await this.#isKept(at, end)); tries++) {
        if (tries === COPY_TRIES) {
          const message = `the disk here does not keep what is copied of the positions [${at}, ${end})`
          throw new SirtakiError('DAMAGED', message, { next: 'again', facts: { from: at, to: end } })
        }
        await this.#copy(at, end)
      }
      this.#progress.at = end
      at = firstOfClass(end, index, step)
    }
  }

  async #isSame(from: number, to: number): Promise<boolean> {
    const { index, step } = this.#part
    // What is trimmed here already is not asked for again.
    const range = { from: firstOfClass(Math.max(from, this.#server.unit.state.trim), index, step), to, index, step }
    if (range.from >= to) return true
    const theirs = await this.#fromSource((unit) =>
      this.#cluster.peer(unit.address).control('digest', range, DigestAnswer),
    )
    await this.#adoptTrim(theirs.trim)
    // What is damaged here is copied again.
    const ours = this.#server.unit.copies.digest(range, true)
    const startsAlike = Math.max(ours.trim, range.from) === Math.max(theirs.trim, range.from)
    return startsAlike && ours.count === theirs.count && ours.sum === theirs.sum
  }

  /** Others give up their copies for this one: what counts is what can be read back. */
  async #isKept(from: number, to: number): Promise<boolean> {
    const { index, step } = this.#part
    await this.#server.readBack({ from, to })
    return this.#server.unit.copies.isSound({ from, to, index, step })
  }

  async #copy(from: number, to: number): Promise<void> {
    const { index, step } = this.#part
    const { failpoint } = this.#cluster.ports
    let asked = this.#ask(from, to)
    for (let at = from; at < to;) {
      const { to: end, trim, held, junk } = await asked
      const next = firstOfClass(Math.max(end, trim), index, step)
      // The source reads on while this becomes durable: beside appends the one takes as long as the other (measured: 11
      // ms for 1 MiB).
      if (next < to) asked = this.#ask(next, to)
      await this.#adoptTrim(trim)
      const bytes = await this.#server.change((unit) => unit.copies.copyIn({ held, junk }, step))
      failpoint?.('copy.part', { unit: this.#server.unit.state.identity, from: at, to: end })
      this.#progress.bytes += bytes
      this.#progress.at = end
      await this.#keepRate()
      at = next
    }
  }

  /** Asks for what begins at `from`, as much as one answer holds. */
  #ask(from: number, to: number): Promise<AskedBody> {
    const { index, step } = this.#part
    const asked = this.#fromSource(async (unit) => {
      const peer = this.#cluster.peer(unit.address)
      const ranges = (peer.version ?? UNSAID.max) > UNSAID.max
      const answer = readAsked(
        await peer.request('copy', writeJson({ from, to, index, step, ...(ranges ? { ranges } : {}) })),
      )
      const wrong = answer.junk.find(
        (range) => range.from < from || range.to > answer.to || range.step !== step || range.from % step !== index,
      )
      if (answer.to > to || wrong !== undefined) {
        throw new SirtakiError(
          'BAD_FRAME',
          `the unit at ${unit.address} answers a copy of the positions from ${from} below ${to} with what `
            + 'was not asked for',
          { facts: { from, to, end: answer.to, ...(wrong === undefined ? {} : { range: wrong }) } },
        )
      }
      if (answer.to <= from && answer.trim <= from) {
        throw new SirtakiError('DAMAGED', `the unit at ${unit.address} cannot give position ${from}`, {
          next: 'again',
          facts: { position: from },
        })
      }
      return answer
    })
    // It may fail before it is waited for, and where the copy ends it never is.
    asked.catch(() => undefined)
    return asked
  }

  /** The trim mark comes first: what is gone at a member must not be kept here. */
  async #adoptTrim(trim: number): Promise<void> {
    if (trim > this.#server.unit.state.trim) {
      await this.#server.change((unit) => {
        unit.copies.adoptTrim(trim)
      })
    }
  }

  /** Asks one source after the other. */
  async #fromSource<T>(ask: (unit: UnitMember) => Promise<T>): Promise<T> {
    const { layout, closed } = this.#cluster
    if (layout?.epoch !== this.#layout.epoch || closed) {
      throw new SirtakiError('EPOCH', `the copy under epoch ${this.#layout.epoch} begins anew under the next one`)
    }
    let failed: SirtakiError | undefined
    for (const unit of this.#part.sources) {
      try {
        return await ask(unit)
      } catch (thrown) {
        failed = asError(thrown)
      }
    }
    throw failed ?? new SirtakiError('NOT_WHOLE', 'a part without a source')
  }

  /** Appends go before copies: no more than so many bytes a second. */
  async #keepRate(): Promise<void> {
    const { clock } = this.#cluster.ports
    const dueMs =
      (this.#progress.bytes / this.#cluster.limits.copyBytesPerSecond) * 1000
      - (clock.now() - this.#progress.startedAtMs)
    if (dueMs > 1) await this.#cluster.pause(dueMs)
  }
}
