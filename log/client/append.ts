/**
 * append: one token request a turn, one frame a chain, all units of the chain at once.
 *
 *     append() ─ queue ─ turn: token request ─ grant: positions ─ store to all units ─ all stored: decided ─ marks
 *                                                             └ anything else: `fate.ts`
 *
 * There is one object an append and one a batch; promises exist only where a caller waits. An append that lost its
 * position to junk takes a new token; one whose fate is unknown leaves this path (`fate.ts`).
 * Keeps: L2, L7, P15, P18, P20, P47. Read next: `../cluster/resolve.ts`, `../unit/server.ts`,
 * `../../sequencer/sequencer.ts`.
 * @source CORFU NSDI'12 3.3; store-all: docs/rules.md, L5.
 */
import { requireCallOptions } from '../cluster/arguments.ts'
import { abortedBefore, type CallOptions } from '../cluster/calls.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { Deadlines } from '../cluster/deadlines.ts'
import { Backoff } from '../cluster/retry.ts'
import { clusterSeed, entryBytes, packPrevious, unpackPrevious, KIND_DATA } from '../entry.ts'
import { SirtakiError, asError } from '../errors.ts'
import { chainsOf, openSegment, type Layout } from '../layout.ts'
import { encodeFrame, renumberFrame } from '../wire/frame.ts'
import { kinds, readGrant, readStored, sealStore, writeToken, type GrantBody, type Mark } from '../wire/messages.ts'
import {
  runsOf,
  firstPrevious,
  encodeEntries,
  mergeStatuses,
  refusalOf,
  abortedAppend,
  lateAppend,
  type Append,
  type Appended,
  type Batch,
} from './batch.ts'
import { Fates } from './fate.ts'
import { MarkQueue } from './marks.ts'

/** How an append goes, beside its streams. */
interface AppenderOptions extends CallOptions {
  readonly background?: boolean | undefined
}

const NO_STREAMS: readonly number[] = []
const NO_OPTIONS: AppenderOptions = {}
const NOTHING_TO_DO = (): void => undefined

/** All appends of one client. `writer` names who appends, in every entry. */
export class Appender {
  readonly #cluster: Cluster
  readonly #writer: number
  #queue: Append[] = []
  /** Bytes of the payloads in the queue. */
  #queueBytes = 0
  #scheduled = false
  #full: SirtakiError | undefined
  /** Between token requests that fail; begins anew with a grant and with an epoch. */
  readonly #backoff: Backoff
  #failedEpoch = 0
  /** Why the last token request failed, until one is granted. */
  #tokenError: SirtakiError | undefined
  /** Appends that have left the straight way. */
  readonly #fates: Fates
  #bytes = 0
  #entries = 0
  /** Token requests and batches on their way. */
  #inFlight = 0
  readonly #marks: MarkQueue
  /** All appends that have not ended. */
  readonly #open: Deadlines<Append>

  constructor(cluster: Cluster, writer: number) {
    this.#cluster = cluster
    this.#writer = writer
    this.#marks = new MarkQueue(cluster)
    this.#open = new Deadlines(cluster.ports.clock, (late) => {
      this.#late(late)
    })
    this.#backoff = new Backoff(cluster.ports, cluster.limits)
    this.#fates = new Fates(cluster, writer, {
      acknowledge: (append, grant) => {
        this.#acknowledge(append, grant)
      },
      again: (append) => {
        this.#enqueue(append)
      },
      end: (append, error) => {
        this.#end(append, error)
      },
      timeout: (append, now) => this.#timeout(append, now),
    })
  }

  /**
   * Appends one payload. Durable on every unit of its chain when it resolves.
   *
   * @throws SirtakiError `OVERSIZE`, `BAD_ARGUMENT` or `OVERLOADED` before a token is taken; `TIMEOUT`, `ABORTED`,
   *   `CLOSED`: with next `unknown` it may still be in the log, with `again` it is not; `TRIMMED` with next `unknown`
   *   and its position: it may have been there.
   */
  append(
    payload: Uint8Array,
    streams: readonly number[] = NO_STREAMS,
    options: AppenderOptions = NO_OPTIONS,
  ): Promise<Appended> {
    const refused = refusalOf(payload, streams, this.#cluster.limits) ?? this.overloaded(payload.byteLength)
    if (refused !== undefined) return Promise.reject(refused)
    return new Promise((resolve, reject) => {
      const {
        signal,
        timeoutMs = this.#cluster.limits.requestMs,
        background = false,
      } = requireCallOptions('append', options)
      if (signal?.aborted === true) throw abortedBefore('append', signal)
      const since = this.#cluster.ports.clock.now()
      const append: Append = {
        payload,
        streams,
        since,
        deadline: since + timeoutMs,
        attended: !background,
        signal,
        resolve,
        reject,
        position: -1,
        hash: 0,
        previous: NO_STREAMS,
        ended: false,
        sent: false,
        trouble: undefined,
        unlisten: NOTHING_TO_DO,
        before: undefined,
        after: undefined,
      }
      if (signal !== undefined) {
        const onAbort = (): void => {
          this.#end(append, abortedAppend(append, signal))
        }
        signal.addEventListener('abort', onAbort, { once: true })
        append.unlisten = (): void => {
          signal.removeEventListener('abort', onAbort)
        }
      }
      this.#open.add(append, since)
      this.#enqueue(append)
    })
  }

  /**
   * Why another append of so many bytes would be refused now. Refusals are many when they come: they share an error
   * for as long as nothing has left the queue.
   */
  overloaded(bytes: number): SirtakiError | undefined {
    const { appendsWaitingMax, appendsWaitingBytesMax } = this.#cluster.limits
    if (this.#queue.length < appendsWaitingMax && this.#queueBytes + bytes <= appendsWaitingBytesMax) return undefined
    this.#full ??= new SirtakiError(
      'OVERLOADED',
      `${this.#queue.length} appends with ${this.#queueBytes} bytes wait in this client already: wait for `
        + 'some of them, or use more clients',
      { facts: { appends: this.#queue.length, bytes: this.#queueBytes } },
    )
    return this.#full
  }

  #enqueue(append: Append): void {
    this.#queue.push(append)
    this.#queueBytes += append.payload.byteLength
    this.#schedule()
  }

  /**
   * Asks at the end of the turn. While nothing is on its way that would only be waiting: then it is the end of what
   * runs now, which callers that were answered together reach together.
   */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    const ask = (): void => {
      this.#scheduled = false
      this.#ask()
    }
    if (this.#inFlight === 0) void Promise.resolve().then(ask)
    else this.#cluster.ports.clock.turn(ask)
  }

  /** Asks for the tokens of everything that waits, within the bounds. */
  #ask(): void {
    const { layout, limits } = this.#cluster
    // A request that fails at once has everything wait: then there is nothing more to ask for now.
    while (
      !this.#scheduled
      && this.#queue.length > 0
      && this.#bytes < limits.clientBytesMax
      && this.#entries < limits.clientEntriesMax
    ) {
      if (layout === undefined || layout.sequencer === null) {
        this.#waitForSequencer(layout)
        return
      }
      const max = Math.max(
        1,
        Math.min(limits.batchEntriesMax, limits.clientEntriesMax - this.#entries, Math.floor(layout.window / 4)),
      )
      const waiting = this.#queue.length
      const batch = this.#takeBatch(max, Math.min(limits.clientBytesMax - this.#bytes, limits.frameBytesMax / 4))
      if (batch.length > 0) this.#requestTokens(layout, batch, layout.sequencer.address)
      else if (this.#queue.length === waiting) return
    }
  }

  #takeBatch(max: number, bytesMax: number): Append[] {
    const batch: Append[] = []
    const now = this.#cluster.ports.clock.now()
    let bytes = 0
    let taken = 0
    for (const append of this.#queue) {
      const size = entryBytes(append.streams.length, append.payload.byteLength)
      // One that is larger than the bound by itself goes alone.
      if (batch.length >= max || (bytes + size > bytesMax && this.#bytes + bytes > 0)) break
      taken++
      if (append.deadline <= now) this.#end(append, this.#timeout(append, now))
      if (append.ended) continue
      append.sent = true
      bytes += size
      batch.push(append)
    }
    for (const append of this.#queue.splice(0, taken)) this.#queueBytes -= append.payload.byteLength
    this.#full = undefined
    this.#bytes += bytes
    this.#entries += batch.length
    return batch
  }

  #requestTokens(layout: Layout, batch: readonly Append[], address: string): void {
    const peer = this.#cluster.peer(address)
    const request = this.#cluster.peers.context.nextRequest()
    const body = writeToken({ epoch: layout.epoch, runs: runsOf(batch) })
    this.#inFlight++
    peer.together(() => {
      peer.call('token', request, encodeFrame(kinds.token, 0, request, body), (error, answer) => {
        this.#inFlight--
        if (error !== undefined) {
          this.#tokensFailed(batch, layout, error)
          return
        }
        this.#backoff.reset()
        this.#tokenError = undefined
        try {
          this.#store(layout, batch, readGrant(answer))
        } catch (thrown) {
          for (const append of batch) {
            this.#release(append)
            this.#end(append, asError(thrown))
          }
          this.#schedule()
        }
      })
    })
  }

  /** No position is known to be lost by this: what the sequencer may have granted it will resolve itself (L11). */
  #tokensFailed(batch: readonly Append[], layout: Layout, error: SirtakiError): void {
    this.#tokenError = error
    for (const append of batch) {
      this.#release(append)
      append.sent = false
      append.trouble = error
    }
    // A full disk is no matter of a moment: who appends must know.
    if (error.next === 'stop' || error.code === 'FULL') {
      for (const append of batch) this.#end(append, error)
      if (this.#queue.length > 0) this.#schedule()
      return
    }
    const now = this.#cluster.ports.clock.now()
    const again = batch.filter((append) => {
      if (append.deadline <= now) this.#end(append, this.#timeout(append, now))
      return !append.ended
    })
    // They wait at the head of the queue, where they count, and nobody behind them asks meanwhile.
    this.#queue = [...again, ...this.#queue]
    for (const append of again) this.#queueBytes += append.payload.byteLength
    if (this.#queue.length === 0) return
    this.#scheduled = true
    const retry = (): void => {
      this.#scheduled = false
      if (this.#queue.length > 0) this.#schedule()
    }
    // What went wrong under another epoch is no reason to wait long.
    if (layout.epoch !== this.#failedEpoch) this.#backoff.reset()
    this.#failedEpoch = layout.epoch
    void this.#cluster
      .afterQuestion(error, layout.epoch, this.#backoff)
      .catch((thrown: unknown) => {
        for (const append of again) this.#end(append, asError(thrown))
      })
      .then(retry)
  }

  #waitForSequencer(layout: Layout | undefined): void {
    this.#tokenError =
      layout === undefined ? undefined : new SirtakiError('NOT_READY', 'no sequencer is named by the layout: start one')
    this.#sweepQueue()
    if (this.#queue.length === 0 || this.#scheduled) return
    this.#scheduled = true
    const wake = (): void => {
      this.#scheduled = false
      if (this.#queue.length > 0) this.#schedule()
    }
    void this.#cluster
      .newer(layout?.epoch ?? 0, { timeoutMs: this.#cluster.limits.retryMaxMs })
      .then(wake, (thrown: unknown) => {
        const error = asError(thrown)
        if (error.next === 'stop' || error.code === 'CLOSED') this.#endQueue(error)
        wake()
      })
  }

  /** Encodes the entries of a grant, a frame for each chain, and sends each frame to all units of its chain. */
  #store(layout: Layout, batch: readonly Append[], grant: GrantBody): void {
    const chains = chainsOf(openSegment(layout))
    const seed = clusterSeed(layout.cluster)
    this.#cluster.noteGranted(grant.from + batch.length)
    const last = new Map<number, number>()
    const first = firstPrevious(batch, grant)
    const parts: Append[][] = chains.map(() => [])
    batch.forEach((append, i) => {
      append.position = grant.from + i
      append.previous =
        append.streams.length === 0
          ? NO_STREAMS
          : append.streams.map((stream) => last.get(stream) ?? first.get(stream) ?? packPrevious({ before: 0 }))
      for (const stream of append.streams) last.set(stream, append.position)
      parts[append.position % chains.length]?.push(append)
    })
    this.#cluster.ports.failpoint?.('append.granted', { from: grant.from, count: batch.length, epoch: grant.epoch })
    for (const { index, units } of chains) {
      const appends = parts[index] ?? []
      if (appends.length === 0) continue
      const request = this.#cluster.peers.context.nextRequest()
      const frame = sealStore(encodeEntries(seed, grant, appends, this.#writer), grant.epoch, appends.length, request)
      this.#marks.ride(units)
      this.#send(
        {
          layout,
          grant,
          units,
          appends,
          frame,
          grantedAt: this.#cluster.ports.clock.now(),
          again: new Backoff(this.#cluster.ports, this.#cluster.limits),
          left: units.length,
          subscribed: false,
          bad: undefined,
          failed: undefined,
        },
        request,
      )
    }
  }

  #send(batch: Batch, request: number): void {
    this.#inFlight++
    for (const unit of batch.units) {
      const peer = this.#cluster.peer(unit.address)
      peer.together(() => {
        peer.call('store', request, batch.frame, (error, body) => {
          this.#stored(batch, error, body)
        })
      })
    }
  }

  /**
   * A unit that has too much to do has not looked at it: the same frame again, to all, since stored again is stored.
   */
  async #sendAgain(batch: Batch): Promise<void> {
    await batch.again.wait()
    const request = this.#cluster.peers.context.nextRequest()
    this.#cluster.ports.failpoint?.('append.sentAgain', { from: batch.grant.from })
    this.#send(
      {
        ...batch,
        frame: renumberFrame(batch.frame, request),
        left: batch.units.length,
        bad: undefined,
        failed: undefined,
      },
      request,
    )
  }

  #stored(batch: Batch, error: SirtakiError | undefined, body: Uint8Array): void {
    try {
      if (error !== undefined) batch.failed ??= error
      else {
        const stored = readStored(body, batch.appends.length)
        batch.subscribed ||= stored.subscribed
        if (stored.statuses !== undefined) batch.bad = mergeStatuses(batch.bad, stored.statuses)
      }
    } catch (thrown) {
      batch.failed ??= asError(thrown)
    }
    if (--batch.left > 0) return
    this.#inFlight--
    this.#decide(batch)
  }

  /** Every unit has answered: what all have stored is decided. */
  #decide(batch: Batch): void {
    const { clock } = this.#cluster.ports
    if (
      batch.failed?.code === 'OVERLOADED'
      && batch.appends.some((append) => !append.ended && append.deadline > clock.now())
    ) {
      void this.#sendAgain(batch)
      return
    }
    const marks: Mark[] = []
    batch.appends.forEach((append, i) => {
      this.#release(append)
      if (batch.failed !== undefined || (batch.bad?.[i] ?? 0) !== 0) {
        append.trouble ??= batch.failed
        this.#fates.find(append, batch)
        return
      }
      marks.push({ position: append.position, hash: append.hash, kind: KIND_DATA })
      this.#acknowledge(append, batch.grant)
    })
    if (batch.failed === undefined) {
      this.#cluster.appendLatency.add(clock.now() - batch.grantedAt)
      this.#cluster.budget.earn(marks.length)
    }
    if (marks.length > 0) this.#cluster.noteLogTime(batch.grant.logTime)
    if (marks.length > 0) {
      this.#marks.add({ epoch: batch.grant.epoch, units: batch.units, marks }, { atOnce: batch.subscribed })
    }
    if (this.#queue.length > 0) this.#schedule()
  }

  #acknowledge(append: Append, grant: { epoch: number; logTime: number }): void {
    if (append.ended) return
    append.ended = true
    append.unlisten()
    this.#open.delete(append)
    this.#cluster.ports.failpoint?.('append.acknowledged', { position: append.position, hash: append.hash })
    append.resolve({
      position: append.position,
      epoch: grant.epoch,
      logTime: grant.logTime,
      streams: append.streams,
      previous: append.previous.map(unpackPrevious),
    })
  }

  /** Ends what is past its deadline, whatever it waits for: the queue, a token, the units, its fate. */
  #late(late: readonly Append[]): void {
    const now = this.#cluster.ports.clock.now()
    for (const append of late) this.#end(append, this.#timeout(append, now))
    this.#sweepQueue()
  }

  /** Those that have ended make room for others. */
  #sweepQueue(): void {
    this.#queue = this.#queue.filter((append) => !append.ended)
    this.#queueBytes = this.#queue.reduce((sum, append) => sum + append.payload.byteLength, 0)
    this.#full = undefined
  }

  #timeout(append: Append, now: number): SirtakiError {
    return lateAppend(append, { now, waitsFor: this.#cluster.waitsFor(), trouble: this.#tokenError })
  }

  #release(append: Append): void {
    this.#bytes -= entryBytes(append.streams.length, append.payload.byteLength)
    this.#entries--
  }

  #end(append: Append, error: SirtakiError): void {
    if (append.ended) return
    append.ended = true
    append.unlisten()
    this.#open.delete(append)
    append.reject(error)
  }

  /** Rejects what waits; what was sent may still take effect. */
  close(): void {
    this.#marks.close()
    this.#endQueue(new SirtakiError('CLOSED', 'the client was closed', { next: 'again' }))
    for (const append of this.#open.all()) {
      this.#end(append, new SirtakiError('CLOSED', 'the client was closed; the append may still take effect'))
    }
    this.#open.close()
  }

  #endQueue(error: SirtakiError): void {
    for (const append of this.#queue.splice(0)) this.#end(append, error)
    this.#queueBytes = 0
  }
}
