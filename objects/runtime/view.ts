/**
 * A view: one process's state of a space, played from its stream. All sessions of the process share it.
 *
 *     log ─ player ─ deliver(entries) ─ space.apply ─ outcome ─ the session of this process whose op it was
 *                  └ reached(next) ─ whoever waits for a position
 *
 * A type that becomes known after ops of it were skipped is played anew from the start beside the view, and takes its
 * place once it has caught up; outcomes are told once, by whichever of the two is ahead. Keeps: O1, O3, O11. Read
 * next: `space.ts`, `session.ts`.
 */
import { badArgument } from '../../log/cluster/arguments.ts'
import { Calls, type CallOptions, type FlowOptions } from '../../log/cluster/calls.ts'
import type { Entry } from '../../log/entry.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import type { Digest } from './digest.ts'
import { requireNoTwin, type AnyObjectType } from './object-type.ts'
import type { Journal } from './records.ts'
import type { SessionMark } from './session-marks.ts'
import type { SpaceLog, SpacePlayer } from './space-log.ts'
import { Space, type Outcome } from './space.ts'

/** A session of this process, as the view sees it. */
export interface LocalSession {
  played(outcome: Outcome): void
  /** The view cannot go on. */
  stop(error: SirtakiError): void
}

/** How `sync` goes: up to the tail as of now, or to a position, inclusive. */
export interface SyncOptions extends CallOptions {
  /** A position that another process has read or written: it is applied when the call resolves. */
  readonly atLeast?: number | undefined
}

/** A space on its way through the stream. `next`: everything below has been applied. */
interface Playback {
  readonly space: Space
  player: SpacePlayer | undefined
  next: number
  ended: boolean
}
interface Waiter {
  readonly to: number
  resolve(): void
  reject(error: SirtakiError): void
}

/** The state of one space in one process. */
export class View {
  readonly stream: number
  readonly log: SpaceLog
  readonly #types: AnyObjectType[]
  readonly #sessions = new Map<number, LocalSession>()
  readonly #unopened = new Set<LocalSession>()
  readonly #waiters = new Set<Waiter>()
  readonly #calls: Calls
  #current: Playback
  #replaying: Promise<void> | undefined
  #stopped: SirtakiError | undefined

  constructor(log: SpaceLog, stream: number, types: readonly AnyObjectType[] = []) {
    this.log = log
    this.stream = stream
    this.#types = [...types]
    this.#calls = new Calls(log.clock, log.limits.requestMs, () => log.waitsFor?.())
    this.#current = this.#start()
  }

  /** The last position below which nothing is missing, -1 before the first. */
  get position(): number {
    return this.#current.next - 1
  }
  /** Why it cannot go on. */
  get stopped(): SirtakiError | undefined {
    return this.#stopped
  }
  /** Names the state that `ObjectType.bind` looks at: another one after a replay. */
  get journal(): Journal {
    return this.#current.space.journal
  }
  /** The space as of now. */
  get space(): Space {
    return this.#current.space
  }

  digest(): Digest {
    return this.#current.space.digest()
  }
  sessions(): SessionMark[] {
    return this.#current.space.sessions()
  }

  /** Takes a session that has no position yet. @throws SirtakiError `STOPPED`, `CLOSED`. */
  join(session: LocalSession): void {
    this.check()
    this.#unopened.add(session)
  }

  /** Tells a session from now on what becomes of its ops. */
  opened(session: LocalSession, position: number): void {
    this.#unopened.delete(session)
    this.#sessions.set(position, session)
  }

  leave(session: LocalSession, position: number | undefined): void {
    this.#unopened.delete(session)
    if (position !== undefined) this.#sessions.delete(position)
  }

  /** @throws SirtakiError why the view stopped. */
  check(): void {
    if (this.#stopped !== undefined) throw this.#stopped
  }

  /** Offers a decided entry of this process, which need not be read back then. */
  offer(entry: Entry): void {
    if (this.#stopped === undefined) this.#current.player?.offer(entry)
  }

  /**
   * Makes a type known; replays the stream where ops of it have been skipped.
   *
   * @throws SirtakiError `BAD_ARGUMENT`, `MISUSE`, `TRIMMED`, `STOPPED`, `CLOSED`; `TIMEOUT`, `ABORTED`, next `again`.
   */
  register(type: AnyObjectType, options: CallOptions = {}): Promise<void> {
    return this.#calls.run('open', options, (call) => this.#register(type, call))
  }

  async #register(type: AnyObjectType, options: FlowOptions): Promise<void> {
    for (;;) {
      this.check()
      // Before it is kept: a replay registers all types, so one that conflicts would fail every later replay.
      requireNoTwin(type, this.#types)
      const known = this.#replaying === undefined && this.#current.space.register(type)
      if (!this.#types.includes(type)) this.#types.push(type)
      if (known) return
      // One replay at a time: what became known meanwhile looks again at what came out of it.
      if (this.#replaying !== undefined) await this.#replaying.catch(() => undefined)
      else {
        await (this.#replaying = this.#replay(options).finally(() => {
          this.#replaying = undefined
        }))
      }
    }
  }

  /**
   * Plays up to the tail as of now, or to `atLeast`.
   *
   * @throws SirtakiError `TIMEOUT`, `ABORTED`, next `again`; `BAD_ARGUMENT`; why the view cannot go on: `STOPPED`,
   *   `TRIMMED`, `CLOSED`.
   */
  sync(options: SyncOptions = {}): Promise<void> {
    return this.#calls.run('sync', options, async (call) => {
      this.check()
      const { atLeast } = options
      if (atLeast !== undefined && !Number.isSafeInteger(atLeast)) {
        throw badArgument('sync', 'atLeast as a position', atLeast)
      }
      const to = atLeast === undefined ? await this.log.tail(this.stream, call) : atLeast + 1
      if (this.#current.next < to) await this.playTo(to, call)
    })
  }

  /** Settles when everything below `to` has been applied. @throws as `sync`. */
  async playTo(to: number, options: FlowOptions = {}): Promise<void> {
    while (this.#current.next < to) {
      this.check()
      const playback = this.#current
      try {
        await this.#reaches(playback, to, options)
      } catch (thrown) {
        if (playback === this.#current) throw thrown
      }
    }
  }

  /** Stops playing; whoever waits is refused with `CLOSED`. */
  close(): void {
    this.#stop(new SirtakiError('CLOSED', 'the client is closed'))
  }

  #start(): Playback {
    const playback: Playback = { space: new Space(), player: undefined, next: 0, ended: false }
    for (const type of this.#types) playback.space.register(type)
    playback.player = this.log.play(this.stream, {
      deliver: (entries) => {
        this.#deliver(playback, entries)
      },
      reached: (next) => {
        this.#reached(playback, next)
      },
      failed: (error) => {
        this.#failed(playback, error)
      },
    })
    return playback
  }

  #deliver(playback: Playback, entries: readonly Entry[]): void {
    try {
      for (const entry of entries) {
        if (playback.ended) return
        const outcome = playback.space.apply(entry)
        playback.next = entry.position + 1
        if (playback !== this.#current && playback.next > this.#current.next) this.#replace(playback)
        if (playback === this.#current) this.#sessions.get(outcome.session)?.played(outcome)
      }
    } catch (thrown) {
      this.#failed(playback, asError(thrown))
    }
  }

  #reached(playback: Playback, next: number): void {
    if (playback.ended) return
    playback.next = Math.max(playback.next, next)
    if (playback !== this.#current && playback.next >= this.#current.next) this.#replace(playback)
    if (playback !== this.#current || this.#waiters.size === 0) return
    for (const waiter of this.#waiters) if (waiter.to <= playback.next) waiter.resolve()
  }

  #failed(playback: Playback, error: SirtakiError): void {
    if (playback.ended) return
    if (playback === this.#current) this.#stop(error)
    else end(playback)
  }

  #stop(error: SirtakiError): void {
    if (this.#stopped !== undefined) return
    this.#stopped = error
    end(this.#current)
    this.#calls.close(error)
    for (const waiter of this.#waiters) waiter.reject(error)
    for (const session of [...this.#sessions.values(), ...this.#unopened]) session.stop(error)
    this.#sessions.clear()
    this.#unopened.clear()
  }

  #reaches(playback: Playback, to: number, options: FlowOptions): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        to,
        resolve: () => {
          this.#waiters.delete(waiter)
          resolve()
        },
        reject: (error) => {
          this.#waiters.delete(waiter)
          reject(error)
        },
      }
      this.#waiters.add(waiter)
      playback.player?.playTo(to, options).then(waiter.resolve, (thrown: unknown) => {
        waiter.reject(asError(thrown))
      })
    })
  }

  async #replay(options: FlowOptions): Promise<void> {
    const playback = this.#start()
    try {
      while (playback !== this.#current) {
        this.check()
        if (playback.ended) throw new SirtakiError('STOPPED', 'the replay for a new type failed')
        await playback.player?.playTo(this.#current.next, options)
      }
    } catch (thrown) {
      end(playback)
      throw thrown
    }
  }

  #replace(playback: Playback): void {
    end(this.#current)
    this.#current = playback
  }
}

function end(playback: Playback): void {
  playback.ended = true
  playback.player?.close()
}
