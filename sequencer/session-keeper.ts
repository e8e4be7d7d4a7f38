/**
 * The keeper of sessions in a sequencer's process: confirms those that it hears of, and ends those that fall silent.
 *
 *     heartbeat ─▶ heard ─▶ proof began within proofMs, end not begun? ─▶ confirmed
 *     every 25 ms while there are sessions ─▶ (turn: what has come is read) ─▶ who is due? ─▶ `end`, till it is applied
 *     stream 0 ─▶ player ─▶ table                        bootstrap ─▶ nobody is ending, the others' grace, a `tick`
 *
 * A flow. It plays stream 0 also while another sequencer serves; without sessions it does nothing else. Why nobody whom
 * an answer confirmed is ended too early:
 *
 *   - by this epoch: an end begins a timeout after the last heartbeat, and behind its beginning nobody is confirmed;
 *   - by a later one: that was opened after the proof of the confirmation began, and waits for `proofMs` more;
 *   - by an earlier one: its ends do not count, since their entries have tokens of this epoch (`session-table.ts`).
 *
 * Owns: the player, the appender, the proofs on their way, the timer. Keeps: O5.
 * Read next: `expiry.ts` (when), `session-table.ts`.
 */
import { Appender } from '../log/client/append.ts'
import type { Cluster } from '../log/cluster/cluster.ts'
import { momentOf } from '../log/cluster/moments.ts'
import { Backoff } from '../log/cluster/retry.ts'
import type { Entry } from '../log/entry.ts'
import { SirtakiError, asError } from '../log/errors.ts'
import type { Layout } from '../log/layout.ts'
import { proveCurrent } from '../log/playback/proof.ts'
import { StreamPlayer } from '../log/playback/stream-player.ts'
import { TailReader } from '../log/playback/tail.ts'
import type { Timer } from '../log/ports.ts'
import type { HeartbeatAnswer } from '../log/wire/heartbeat-messages.ts'
import { Expiry } from './expiry.ts'
import type { Sequencer } from './sequencer.ts'
import { SessionCopies } from './session-copies.ts'
import { encodeEnd, encodeTick, readSessionEntry } from './session-entry.ts'
import { SessionTable, type Session, type SessionChange } from './session-table.ts'

/** The stream of sessions, and that of the space `/`. */
const SESSIONS = 0
const SPACE = 1
/** Ends appended at once: many sessions fall silent together when a network breaks. */
const ENDS_MAX = 256
/** How far the wall clock may be from what the last tick said. */
const WALL_OFF_MS = 1_000

/** What sessions are kept with. */
export interface SessionKeeperOptions {
  readonly cluster: Cluster
  readonly machine: Sequencer
  /** Whether another sequencer has the place. */
  readonly isDeposed: () => boolean
  readonly log?: ((text: string) => void) | undefined
}

/** Keeps the sessions of one cluster. */
export class SessionKeeper {
  readonly #cluster: Cluster
  readonly #machine: Sequencer
  readonly #isDeposed: () => boolean
  readonly #log: ((text: string) => void) | undefined
  readonly #table = new SessionTable()
  /** Makes the table whole where the beginning of the stream is gone. */
  #copies = new SessionCopies(0)
  readonly #expiry: Expiry
  readonly #appender: Appender
  readonly #tails: TailReader
  readonly #closing = new AbortController()
  /** Of the epoch that is served: its ends are not worth appending any more. */
  #epochOver = new AbortController()
  #player: StreamPlayer | undefined
  #timer: Timer | undefined
  #askedAt = -Infinity
  #isCatchingUp = false
  #isEnding = false
  /** What the last tick of an epoch said: wall time ahead of log time, in milliseconds. */
  #told = { epoch: 0, offset: 0 }
  #isTelling = false
  #tellAt = 0

  constructor({ cluster, machine, isDeposed, log }: SessionKeeperOptions) {
    const { random } = cluster.ports
    this.#cluster = cluster
    this.#machine = machine
    this.#isDeposed = isDeposed
    this.#log = log
    this.#expiry = new Expiry(cluster.limits)
    this.#appender = new Appender(cluster, Math.floor(random.next() * Number.MAX_SAFE_INTEGER))
    this.#tails = new TailReader(cluster)
    // A process that belongs to no cluster yet asks nobody for one.
    const stop = cluster.onLayout(() => {
      stop()
      this.#play(0)
    })
  }

  /** For people. `ending`: those whose end is not applied yet, as while a disk is full. */
  status(): { readonly live: number; readonly ending: number } {
    return { live: this.#table.size, ending: this.#expiry.ending.size }
  }

  /**
   * Hears of these incarnations, and confirms them.
   *
   * @throws SirtakiError `NOT_READY` before a bootstrap, `EPOCH` when a newer one is known.
   */
  heartbeat(incarnations: readonly number[]): HeartbeatAnswer {
    const machine = this.#machine
    this.#expiry.look(this.#cluster.ports.clock.now())
    for (const incarnation of incarnations) this.#expiry.heard(incarnation)
    if (machine.layout !== undefined && !this.#serves()) {
      throw new SirtakiError('EPOCH', `epoch ${machine.epoch} is over: the sequencer of the next one confirms sessions`)
    }
    const { streams } = machine.tails(machine.epoch, [SPACE])
    // The first heartbeat may come before its session was played, while nobody proves anything.
    this.#prove()
    const at = momentOf(this.#cluster.ports.clock)
    return {
      epoch: machine.epoch,
      logTime: Math.floor(machine.provenTime),
      tail: streams[0] ?? machine.tail,
      confirmed: incarnations.map((one) => this.#expiry.confirms(one, at)),
    }
  }

  /** The machine has opened an epoch; it was at epoch `before`. */
  bootstrapped(before: number): void {
    this.#epochOver.abort()
    this.#epochOver = new AbortController()
    this.#askedAt = -Infinity
    this.#tellAt = 0
    this.#expiry.look(this.#cluster.ports.clock.now())
    this.#expiry.bootstrapped(before === this.#machine.epoch - 1)
    this.#watch()
  }

  /** Ends it. Idempotent. */
  close(): void {
    this.#closing.abort()
    this.#epochOver.abort()
    this.#timer?.cancel()
    this.#player?.close()
    this.#appender.close()
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  /** Whether this sequencer may still be the one of the newest epoch, as far as this process knows. */
  #serves(): boolean {
    const { layout } = this.#machine
    const newest = this.#cluster.layout?.epoch ?? 0
    return layout !== undefined && newest <= layout.epoch && !this.#isDeposed() && !this.#isClosed
  }

  // ---- the table

  #play(from: number): void {
    if (this.#isClosed) return
    const player = new StreamPlayer(this.#cluster, this.#tails, SESSIONS, from, {
      deliver: (entries) => {
        if (player === this.#player) this.#deliver(entries)
      },
      reached: () => undefined,
      failed: (error) => {
        if (player === this.#player) this.#failed(error)
      },
    })
    this.#player = player
    player.start()
  }

  #deliver(entries: readonly Entry[]): void {
    this.#expiry.look(this.#cluster.ports.clock.now())
    for (const { position, epoch, streams, payload } of entries) {
      const decoded = readSessionEntry(payload)
      if (decoded === undefined) continue
      const place = { position, epoch, streams: streams.map(({ stream }) => stream) }
      const change = this.#table.apply(place, decoded)
      if (change !== undefined) this.#changed(change)
      const { opened, gone } = this.#copies.take(place, decoded, this.#table)
      for (const session of opened) this.#changed({ kind: 'opened', session })
      for (const { incarnation } of gone) this.#expiry.closed(incarnation)
    }
    this.#watch()
  }

  #changed(change: SessionChange): void {
    if (change.kind === 'restored') {
      for (const { incarnation } of change.gone) this.#expiry.closed(incarnation)
      return
    }
    const { incarnation, timeoutMs } = change.session
    if (change.kind === 'ended') this.#expiry.closed(incarnation)
    else {
      if (change.kind === 'resumed') this.#expiry.closed(change.before.incarnation)
      this.#expiry.opened(incarnation, timeoutMs)
    }
    const by = change.kind === 'ended' ? change.epoch : undefined
    this.#cluster.ports.failpoint?.(`session.${change.kind}`, { session: change.session.session, incarnation, by })
  }

  /**
   * What was trimmed below is gone: sessions opened there are known again with the next copy of the table. Ends of the
   * others that were lost are appended once more, and do not count then.
   */
  #failed(error: SirtakiError): void {
    const { trim } = error.facts
    const from = this.#player?.next ?? 0
    this.#player?.close()
    this.#player = undefined
    if (error.code === 'TRIMMED' && typeof trim === 'number') {
      this.#copies = new SessionCopies(trim)
      this.#play(trim)
      return
    }
    if (this.#isClosed || this.#cluster.closed) return
    this.#log?.(`sessions cannot be followed at present: ${error.message}`)
    this.#cluster.ports.clock.timer(this.#cluster.limits.retryMaxMs, () => {
      this.#play(from)
    })
  }

  // ---- looking

  /** Looks at the sessions from now on, as long as there are any. */
  #watch(): void {
    if (this.#timer !== undefined || this.#table.size === 0 || this.#isClosed) return
    const { clock } = this.#cluster.ports
    const { attendMs, proofMs } = this.#cluster.limits
    this.#prove()
    this.#timer = clock.timer(Math.min(attendMs, proofMs / 4), () => {
      // What has come meanwhile is read first: whoever was busy himself must not take it for the silence of others.
      clock.turn(() => {
        this.#timer = undefined
        if (this.#isClosed) return
        this.#expiry.look(clock.now())
        this.#scan()
        this.#tellWall()
        this.#watch()
      })
    })
  }

  /** Begins another proof, four within the time that one is good for. Each ends by the deadline of its questions. */
  #prove(): void {
    const { layout } = this.#machine
    const began = momentOf(this.#cluster.ports.clock)
    if (layout === undefined || !this.#serves()) return
    if (began.now - this.#askedAt < this.#cluster.limits.proofMs / 4) return
    this.#askedAt = began.now
    proveCurrent(this.#cluster, layout).then(
      () => {
        if (layout.epoch === this.#machine.epoch) this.#expiry.proved(began)
      },
      () => undefined,
    )
  }

  // ---- ending

  #scan(): void {
    const { layout } = this.#machine
    const player = this.#player
    if (layout === undefined || player === undefined || !this.#serves()) return
    if (player.next < layout.tail) {
      if (!this.#isCatchingUp) void this.#catchUp(player, layout)
      return
    }
    this.#expiry.due()
    if (!this.#isEnding && this.#expiry.ending.size > 0) void this.#endAll(player, this.#epochOver.signal)
  }

  /** Plays what former epochs have left: resumes and ends may be among it. */
  async #catchUp(player: StreamPlayer, { tail }: Layout): Promise<void> {
    this.#isCatchingUp = true
    try {
      await player.playTo(tail, { signal: this.#closing.signal })
    } catch (thrown) {
      const error = asError(thrown)
      if (error.code === 'TRIMMED' && player === this.#player) this.#failed(error)
    } finally {
      this.#isCatchingUp = false
    }
  }

  /** Appends ends until they are applied, or the epoch is over. */
  async #endAll(player: StreamPlayer, signal: AbortSignal): Promise<void> {
    const { ports, limits } = this.#cluster
    const backoff = new Backoff(ports, limits)
    this.#isEnding = true
    try {
      while (this.#serves() && !signal.aborted && player === this.#player) {
        const ending = this.#nextToEnd()
        if (ending.length === 0) return
        const ends = await Promise.allSettled(ending.map((session) => this.#end(session, signal)))
        const to = Math.max(...ends.map((end) => (end.status === 'fulfilled' ? end.value + 1 : 0)))
        if (to > 0) await player.playTo(to, { signal })
        if (ends.some(({ status }) => status === 'rejected')) await backoff.wait(signal)
        else backoff.reset()
      }
    } catch {
      // The next look begins again where there is something left to end.
    } finally {
      this.#isEnding = false
    }
  }

  #nextToEnd(): Session[] {
    const next: Session[] = []
    for (const incarnation of this.#expiry.ending) {
      const session = this.#table.live(incarnation)
      if (session !== undefined) next.push(session)
      if (next.length === ENDS_MAX) break
    }
    return next
  }

  /** Gives where the end stands. It counts only there in the epoch that decided it. */
  async #end({ incarnation, space }: Session, signal: AbortSignal): Promise<number> {
    const { epoch } = this.#machine
    this.#cluster.ports.failpoint?.('session.ends', { incarnation, epoch })
    const payload = encodeEnd(incarnation, epoch, false)
    const { position } = await this.#appender.append(payload, [SESSIONS, space], { signal, background: true })
    return position
  }

  // ---- wall time

  /** Says what time it is: once in each epoch, and again when that is off by a second. */
  #tellWall(): void {
    const { clock } = this.#cluster.ports
    const { epoch } = this.#machine
    const now = clock.now()
    if (this.#table.size === 0 || this.#isTelling || now < this.#tellAt || !this.#serves()) return
    const offset = clock.wall() - this.#machine.logTime(now)
    if (this.#told.epoch === epoch && Math.abs(offset - this.#told.offset) < WALL_OFF_MS) return
    this.#isTelling = true
    void this.#tell(epoch).finally(() => {
      this.#isTelling = false
    })
  }

  async #tell(epoch: number): Promise<void> {
    const { clock } = this.#cluster.ports
    const wall = Math.max(0, Math.floor(clock.wall()))
    try {
      const appended = await this.#appender.append(encodeTick(epoch, wall), [SPACE], {
        signal: this.#epochOver.signal,
        background: true,
      })
      this.#told = { epoch: appended.epoch, offset: wall - appended.logTime }
    } catch {
      this.#tellAt = clock.now() + this.#cluster.limits.retryMaxMs
    }
  }
}
