/**
 * A view: one process's state of a space, played from its stream. All sessions of the process share it.
 *
 *     log ─ player ─ deliver(entries) ─ space.apply ─ watch items ─ settled waits ─ the outcome's session
 *                  └ reached(next) ─ whoever waits for a position
 *
 * A type that becomes known after ops of it were skipped is played anew from the start beside the view, and takes its
 * place once it has caught up; outcomes are given once, by whichever of the two is ahead. So is a state that differs
 * from what another process claims to have had (`claims.ts`). Skips are read before anything is played (`skips.ts`).
 * Keeps: O1, O3, O6, O11. Read next: `space.ts`, `session.ts`, `heart.ts`, `ticker.ts`.
 *
 * Long: who stands at which position is one matter.
 */
import { badArgument } from '../../log/cluster/arguments.ts'
import { Calls, type CallOptions, type FlowOptions } from '../../log/cluster/calls.ts'
import { Backoff } from '../../log/cluster/retry.ts'
import type { Entry } from '../../log/entry.ts'
import { SirtakiError, asError, isError } from '../../log/errors.ts'
import { encodeTick } from '../../sequencer/session-entry.ts'
import { entryOf } from './call.ts'
import { Claims, diverged, isSameDigest, verdictOf, type Claimed } from './claims.ts'
import type { Digest } from './digest.ts'
import type { Claim } from './entry.ts'
import { Heart } from './heart.ts'
import type { Journal, Settlement } from './journal.ts'
import { requireNoTwin, type AnyObjectType } from './object-type.ts'
import type { Outcome, Played } from './outcome.ts'
import { ProgramCounts, type ProgramCall } from './program-counts.ts'
import { NEEDS_ENGINE } from './programs.ts'
import type { SessionMark } from './session-marks.ts'
import type { Skip } from './skip-entry.ts'
import { Skips, skipTooLate } from './skips.ts'
import type { SpaceLog, SpacePlayer } from './space-log.ts'
import { Space, type Watchdog } from './space.ts'
import type { CheckpointSource, StoredSpace } from './stored-space.ts'
import { Ticker } from './ticker.ts'
import { WatchHub } from './watch-hub.ts'
import { withoutBlobs } from './without-blobs.ts'

/** A session of this process, as the view sees it. */
export interface LocalSession {
  played(outcome: Outcome): void
  /** Entries were passed over: of its ops the view applies number `next` as the next one. */
  passed(next: number): void
  /** The view cannot go on. */
  stop(error: SirtakiError): void
}

/** How `sync` goes: up to the tail as of now, or to a position, inclusive. */
export interface SyncOptions extends CallOptions {
  /** A position that another process has read or written: it is applied when the call resolves. */
  readonly atLeast?: number | undefined
}

/** How a view is made. */
export interface ViewOptions {
  /** What happens from this position on can be watched later. */
  readonly watchFrom?: number | undefined
  /** Looks whether what runs in the view ends. */
  readonly watchdog?: Watchdog | undefined
  /** Where it may begin in place of the start of the stream. */
  readonly checkpoints?: CheckpointSource | undefined
  /** Is given what programs say for people, as it is played here. */
  readonly programLog?: ((program: string, text: string) => void) | undefined
  /** Is given each call of a program, as it is played here. */
  readonly programCalled?: ((call: PlayedCall) => void) | undefined
}

/** A call of a program, and in which entry it was. */
export interface PlayedCall extends ProgramCall {
  readonly position: number
}

/** A space on its way through the stream. `next`: everything below has been applied. */
interface Playback {
  readonly space: Space
  player: SpacePlayer | undefined
  next: number
  ended: boolean
  /** What it has to come to, to take the place of a state that differs. */
  claim?: Claim | undefined
  /** What was played while the engine of programs is on its way, and how far. */
  held?: { readonly entries: Entry[]; next: number; readonly until: Promise<void> } | undefined
}
interface Waiter {
  readonly to: number
  resolve(): void
  reject(error: SirtakiError): void
}

/** Ticks that one read makes at most where deadlines are due. */
const TICKS_MAX = 3

/** The state of one space in one process. */
export class View {
  readonly stream: number
  readonly log: SpaceLog
  /** 16 hexadecimal digits that name this view in the openings of its sessions. */
  readonly process: string
  readonly heart: Heart
  readonly hub: WatchHub
  readonly #types: AnyObjectType[]
  readonly #sessions = new Map<number, LocalSession>()
  readonly #unopened = new Set<LocalSession>()
  /** Calls of this process whose ops wait, by position. */
  readonly #waits = new Map<number, (settled: Settlement) => void>()
  readonly #waiters = new Set<Waiter>()
  readonly #stopListeners = new Set<(error: SirtakiError) => void>()
  readonly #calls: Calls
  readonly #ticker: Ticker
  readonly #skips: Skips
  readonly #watchdog: Watchdog | undefined
  readonly #programLog: ViewOptions['programLog']
  readonly #programCalled: ViewOptions['programCalled']
  /** What programs were called for here. */
  readonly programCounts = new ProgramCounts()
  readonly #checkpoints: CheckpointSource | undefined
  #isReading = false
  /** Why no stored state could be had, where it plays from the start instead. */
  #unread: SirtakiError | undefined
  readonly #claims = new Claims()
  /** Settles when the skips have been read and playing has begun, or never will. */
  readonly #begun: Promise<void>
  /** Entries of this process that were decided before that. */
  #offered: Entry[] | undefined = []
  /** Why nothing is written any more, though it plays on. */
  #muted: SirtakiError | undefined
  /** The one at hand, and a replay beside it. */
  readonly #playbacks = new Set<Playback>()
  #current: Playback
  #replaying: Promise<void> | undefined
  /** Until a stored state has taken the place of what the log does not have any more. */
  #reloading: Promise<void> | undefined
  #isReadingSkips = false
  /** The highest trim that it was told of: no stored state below it is of use. */
  #trim = 0
  #stopped: SirtakiError | undefined

  constructor(
    log: SpaceLog,
    stream: number,
    types: readonly AnyObjectType[] = [],
    { watchFrom, watchdog, checkpoints, programLog, programCalled }: ViewOptions = {},
  ) {
    this.log = log
    this.#checkpoints = checkpoints
    this.#watchdog = watchdog
    this.#programLog = programLog
    this.#programCalled = programCalled
    this.hub = new WatchHub(watchFrom)
    this.stream = stream
    this.process = log.random.id().slice(0, 16).padStart(16, '0')
    this.#types = [...types]
    this.#calls = new Calls(log.clock, log.limits.requestMs, () =>
      this.#isReading ? `the blob store ${this.#checkpoints?.address} has not answered` : log.waitsFor?.(),
    )
    this.#ticker = new Ticker({
      log,
      stream,
      due: () => this.#current.space.firstDeadline,
      rank: () => this.#rank(),
      tick: (payload) => this.#tick(payload, { background: true }),
    })
    this.heart = new Heart({
      log,
      playTo: (tail) => this.playTo(tail),
      sampled: (logTime) => {
        this.#sampled(logTime)
      },
    })
    this.#current = this.#make()
    this.#playbacks.add(this.#current)
    this.#skips = new Skips(log, {
      found: (skip) => {
        this.#skip(skip)
      },
      failed: (error) => {
        this.#noteTrim(error)
        if (error.code === 'TRIMMED' && this.#offered === undefined) void this.#readSkipsAgain(error)
        else this.#failed(this.#current, error)
      },
    })
    this.#begun = this.#begin()
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
  /** The position that is applied next: everything below it is in the space. */
  get next(): number {
    return this.#current.next
  }

  /** All skips that were said below a position. @throws as `playTo`. */
  async skipsBelow(position: number, options: FlowOptions = {}): Promise<readonly Skip[]> {
    await this.#skips.playTo(position, options)
    this.check()
    return this.#skips.all
  }
  /** The types that it has code for. */
  get types(): readonly AnyObjectType[] {
    return this.#types
  }
  digest(): Digest {
    return this.#current.space.digest()
  }
  sessions(): SessionMark[] {
    return this.#current.space.sessions()
  }

  /** Calls `listener` once if the view cannot go on; gives what ends that. */
  onStopped(listener: (error: SirtakiError) => void): () => void {
    this.#stopListeners.add(listener)
    return () => {
      this.#stopListeners.delete(listener)
    }
  }

  /** Takes a session that has no position yet. @throws SirtakiError `STOPPED`, `CLOSED`, `DIVERGED`. */
  join(session: LocalSession): void {
    this.check()
    if (this.#muted !== undefined) throw this.#muted
    this.#unopened.add(session)
  }

  /** Reports to a session from now on what becomes of its ops. */
  opened(session: LocalSession, incarnation: number): void {
    this.#unopened.delete(session)
    this.#sessions.set(incarnation, session)
  }

  leave(session: LocalSession, incarnation: number | undefined): void {
    this.#unopened.delete(session)
    if (incarnation !== undefined) this.#sessions.delete(incarnation)
  }

  /** Calls `settle` when the op at a position, which waits, has its outcome. */
  awaits(position: number, settle: (settled: Settlement) => void): void {
    this.#waits.set(position, settle)
  }
  forgets(position: number): void {
    this.#waits.delete(position)
  }

  /** @throws SirtakiError why the view stopped. */
  check(): void {
    if (this.#stopped !== undefined) throw this.#stopped
  }

  /** Offers a decided entry of this process, which need not be read back then. */
  offer(entry: Entry): void {
    if (this.#stopped !== undefined) return
    if (this.#offered === undefined) this.#current.player?.offer(entry)
    else this.#offered.push(entry)
  }

  /** The digest claim that the next op of this process makes, where there is one to make. */
  claim(): Claim | undefined {
    const { space } = this.#current
    return space.isOpaque ? undefined : this.#claims.next(space.lastPoint)
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
   * Plays up to the tail as of now, or to `atLeast`. What is due at the tail's log time has fired then.
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
      if (atLeast !== undefined) {
        if (this.#current.next < atLeast + 1) await this.playTo(atLeast + 1, call)
        return
      }
      const { tail, logTime } = await this.log.tail(this.stream, call)
      if (this.#current.next < tail) await this.playTo(tail, call)
      this.#current.space.isLive = true
      this.#sampled(logTime)
      for (let ticks = 0; ticks < TICKS_MAX && this.#current.space.firstDeadline <= logTime; ticks++) {
        await this.#tick(encodeTick(0, 0), call)
      }
    })
  }

  /** Settles when everything below `to` has been applied. @throws as `sync`. */
  async playTo(to: number, options: FlowOptions = {}): Promise<void> {
    if (this.#offered !== undefined) await this.#begun
    while (this.#current.next < to) {
      this.check()
      const playback = this.#current
      try {
        await (this.#reloading ?? playback.held?.until ?? this.#reaches(playback, to, options))
      } catch (thrown) {
        if (playback !== this.#current) continue
        // Its player goes on no more.
        if (isError(thrown, 'TRIMMED')) this.#failed(playback, thrown)
        if (this.#reloading === undefined) throw this.#stopped ?? thrown
      }
    }
  }

  /** Stops playing; whoever waits is refused with `CLOSED`. */
  close(): void {
    this.#stop(new SirtakiError('CLOSED', 'the client is closed'))
  }

  /** Appends a tick; it is applied when this settles. */
  async #tick(payload: Uint8Array, options: FlowOptions & { readonly background?: boolean }): Promise<void> {
    const { signal, timeoutMs, background } = options
    const appended = await this.log.append(payload, { streams: [this.stream], signal, timeoutMs, background })
    this.offer(entryOf(appended, payload))
    await this.playTo(appended.position + 1, options)
  }

  /** The place of this process among all that have live sessions, by the lowest incarnation of each. */
  #rank(): number {
    const lowest = new Map<string, number>()
    for (const { process, incarnation } of this.sessions()) {
      lowest.set(process, Math.min(incarnation, lowest.get(process) ?? Infinity))
    }
    const own = lowest.get(this.process)
    return own === undefined ? -1 : [...lowest.values()].filter((other) => other < own).length
  }

  #sampled(logTime: number): void {
    this.#ticker.sampled(logTime)
    this.#ticker.look()
  }

  #make(): Playback {
    const playback: Playback = { space: new Space(), player: undefined, next: 0, ended: false }
    for (const type of this.#types) playback.space.register(type)
    playback.space.watchdog = this.#watchdog
    if (playback.space.programs !== undefined) playback.space.programs.log = this.#programLog
    return playback
  }

  async #begin(): Promise<void> {
    const { stored } = await this.#storedState()
    // What it would have played was trimmed meanwhile.
    await this.#reloading
    const offered = this.#offered ?? []
    this.#offered = undefined
    const isReloaded = this.#current.player !== undefined
    if (this.#stopped !== undefined || (!isReloaded && stored !== undefined && !this.#loadFirst(stored))) return
    if (!isReloaded) this.#play(this.#current)
    for (const entry of offered) this.offer(entry)
  }

  /** The newest stored state that has run nothing of what is to be skipped; `isRead`: all skips have been read. */
  async #storedState(): Promise<{ readonly stored: StoredSpace | undefined; readonly isRead: boolean }> {
    const stored = await this.#stored(Infinity)
    const isRead = this.#stopped === undefined && (await this.#skips.begin(stored))
    const { firstFound } = this.#skips
    if (!isRead || stored === undefined || firstFound >= stored.position) return { stored, isRead }
    return { stored: await this.#stored(firstFound), isRead }
  }

  /** Loads what it begins with. False: it cannot be loaded, and the view has stopped. */
  #loadFirst(stored: StoredSpace): boolean {
    try {
      load(this.#current, stored)
    } catch (thrown) {
      this.#stop(asError(thrown))
      return false
    }
    this.hub.restart(stored.position)
    this.#passedOver(this.#current, stored)
    this.#reached(this.#current, stored.position)
    return true
  }

  /** The newest stored state below a position. Where none can be had, the start of the stream has to do. */
  async #stored(before: number): Promise<StoredSpace | undefined> {
    this.#isReading = this.#checkpoints !== undefined
    try {
      const stored = await this.#checkpoints?.newest(before)
      this.#unread = undefined
      return stored
    } catch (thrown) {
      this.#unread = asError(thrown)
      return undefined
    } finally {
      this.#isReading = false
    }
  }

  /** What was passed already cannot be skipped: the next start does. */
  #skip({ position, object }: Skip): void {
    if (this.#current.space.position >= position) this.#stop(skipTooLate({ position, object }))
    else for (const { space, next } of this.#playbacks) if (position >= next) space.skip(position, object)
  }

  #play(playback: Playback): void {
    for (const { position, object } of this.#skips.all) {
      if (position >= playback.next) playback.space.skip(position, object)
    }
    const events = {
      deliver: (entries: readonly Entry[]) => {
        this.#deliver(playback, entries)
      },
      reached: (next: number) => {
        this.#reached(playback, next)
      },
      failed: (error: SirtakiError) => {
        this.#failed(playback, error)
      },
    }
    playback.player = this.log.play(this.stream, events, playback.next)
  }

  #deliver(playback: Playback, entries: readonly Entry[]): void {
    if (playback.held !== undefined) {
      for (const entry of entries) playback.held.entries.push(entry)
      return
    }
    let done = 0
    try {
      for (const entry of entries) {
        if (playback.ended) return
        const played = playback.space.apply(entry)
        playback.next = entry.position + 1
        done++
        if (playback !== this.#current && playback.next > this.#current.next) this.#replace(playback)
        if (playback === this.#current) this.#tell(played)
        else if (!this.#isAsClaimed(playback)) return
      }
    } catch (thrown) {
      if (thrown === NEEDS_ENGINE) this.#hold(playback, entries.slice(done))
      else this.#failed(playback, asError(thrown))
    }
    if (playback !== this.#current) return
    // Where nothing falls due nobody asks what time it is: a look at the clock for each entry would be seen.
    const last = entries.at(-1)
    if (playback.space.firstDeadline !== Infinity && last !== undefined) this.#ticker.sampled(last.logTime)
    this.#ticker.look()
    this.#repaired(playback)
  }

  /** Keeps what is played from an entry on that needs the engine of programs, and goes on when that is here. */
  #hold(playback: Playback, entries: Entry[]): void {
    this.log.failpoint?.('view.engine', { position: this.position })
    const until = playback.space.bringEngine().then(
      () => {
        const { held } = playback
        playback.held = undefined
        if (held === undefined || playback.ended) return
        this.#deliver(playback, held.entries)
        this.#reached(playback, held.next)
      },
      (thrown: unknown) => {
        this.#stop(asError(thrown))
      },
    )
    playback.held = { entries, next: 0, until }
  }

  /** Watch items, then waits that the entry settled, then its own outcome. */
  #tell(played: Played): void {
    if (played.claimed !== undefined) this.#heard(played.claimed)
    if (played.fuel > 0) this.log.failpoint?.('view.fuel', { position: played.position, fuel: played.fuel })
    if (played.time >= this.#claims.countAt) this.#count(played.time)
    if (played.calls !== undefined) this.#called(played, played.calls)
    this.hub.played(played)
    this.#checkpoints?.played(played)
    for (const settled of played.settled) {
      const settle = this.#waits.get(settled.op)
      if (settle === undefined) continue
      this.#waits.delete(settled.op)
      settle(settled)
    }
    if (this.#sessions.size === 0) return
    const { outcome } = played
    switch (outcome.kind) {
      case 'tick':
        return
      case 'ignored':
        this.#sessions.get(outcome.position)?.played(outcome)
        return
      case 'resumed':
        this.#sessions.get(outcome.before.incarnation)?.played(outcome)
        return
      case 'restored':
        for (const session of outcome.gone) {
          const ended = { kind: 'ended', position: outcome.position, session, clean: false, epoch: 0 } as const
          this.#sessions.get(session.incarnation)?.played(ended)
        }
        return
      case 'opened':
      case 'ended':
        this.#sessions.get(outcome.session.incarnation)?.played(outcome)
        return
      default:
        this.#sessions.get(outcome.incarnation)?.played(outcome)
    }
  }

  /** Counts the calls of programs, and reports them; whose op comes near its bound is told so. */
  #called({ position, outcome }: Played, calls: readonly ProgramCall[]): void {
    const isOwn = 'incarnation' in outcome && this.#sessions.has(outcome.incarnation)
    for (const call of calls) {
      this.programCounts.add(call)
      const { extension, run, fuel, limit } = call
      const isNear = isOwn && fuel > limit / 2
      if (isNear) this.#programLog?.(extension, `${run} used ${fuel} of ${limit} fuel, at position ${position}`)
      this.#programCalled?.({ ...call, position })
    }
  }

  #reached(playback: Playback, next: number): void {
    if (playback.ended) return
    if (playback.held !== undefined) {
      playback.held.next = Math.max(playback.held.next, next)
      return
    }
    playback.next = Math.max(playback.next, next)
    if (playback !== this.#current && playback.next >= this.#current.next) this.#replace(playback)
    if (playback !== this.#current) return
    this.#repaired(playback)
    this.#skips.follows(playback.next)
    for (const waiter of this.#waiters) if (waiter.to <= playback.next) waiter.resolve()
  }

  #failed(playback: Playback, error: SirtakiError): void {
    if (playback.ended || this.#stopped !== undefined) return
    this.#noteTrim(error)
    if (playback !== this.#current) end(playback)
    else if (error.code !== 'TRIMMED') this.#stop(error)
    else {
      this.#reloading ??= this.#reload(error).finally(() => {
        this.#reloading = undefined
      })
    }
  }

  /** Goes on from a stored state where the log has gone on without this view. */
  async #reload(trimmed: SirtakiError): Promise<void> {
    this.log.failpoint?.('view.reload', { position: this.position })
    this.#current.player?.close()
    if (this.#checkpoints === undefined) {
      this.#stop(await withoutBlobs(this.log, trimmed))
      return
    }
    const backoff = new Backoff(this.log, this.log.limits)
    for (let [seen, before] = [NaN, NaN]; ;) {
      const trim = this.#trim
      const { stored, isRead } = await this.#storedState()
      if (this.#stopped !== undefined) return
      ;[seen, before] = [stored?.position ?? -1, seen]
      const isNewer = stored !== undefined && stored.position > this.#current.next && stored.position >= this.#trim
      if (isNewer && isRead) {
        this.#reloaded(stored)
        return
      }
      // A store that does not answer may answer later. One that has nothing newer will not have it, where it says so
      // twice: while it is read a newer one may be put, and what was listed go.
      const isUnread = this.#unread !== undefined && this.#unread.next !== 'stop'
      const mayCome = isNewer || this.#trim > trim || isUnread || seen !== before
      if (!mayCome) {
        this.#stop(this.#reasonOf(trimmed))
        return
      }
      await backoff.wait()
    }
  }

  /**
   * The beginning of the skips is gone, which are few: the newest stored state has them. The space itself need not have
   * missed anything.
   */
  async #readSkipsAgain(trimmed: SirtakiError): Promise<void> {
    if (this.#reloading !== undefined || this.#isReadingSkips) return
    this.#isReadingSkips = true
    this.log.failpoint?.('view.skipsAgain', { position: this.position })
    const backoff = new Backoff(this.log, this.log.limits)
    let [isRead, seen, before] = [false, NaN, NaN]
    while (this.#stopped === undefined && this.#reloading === undefined && !isRead) {
      const stored = await this.#stored(Infinity)
      ;[seen, before] = [stored?.position ?? -1, seen]
      const isOfUse = stored !== undefined && stored.position >= this.#trim
      if (!isOfUse && seen === before && (this.#unread === undefined || this.#unread.next === 'stop')) break
      isRead = isOfUse && (await this.#skips.begin(stored))
      if (!isRead) await backoff.wait()
    }
    this.#isReadingSkips = false
    if (isRead || this.#stopped !== undefined || this.#reloading !== undefined) return
    this.#stop(this.#checkpoints === undefined ? await withoutBlobs(this.log, trimmed) : this.#reasonOf(trimmed))
  }

  /** Plays on behind a stored state. */
  #reloaded(stored: StoredSpace): void {
    const playback = this.#make()
    try {
      load(playback, stored)
    } catch (thrown) {
      this.#stop(asError(thrown))
      return
    }
    this.#playbacks.add(playback)
    this.#replace(playback)
    this.#claims.replaced()
    this.hub.restart(stored.position)
    this.#passedOver(playback, stored)
    this.#play(playback)
    this.#reached(playback, playback.next)
  }

  /** Reports to the sessions of this process what of theirs stands in a state that was loaded, unseen by them. */
  #passedOver({ space }: Playback, { position }: StoredSpace): void {
    const marks = new Map(space.sessions().map(({ incarnation, next }) => [incarnation, next]))
    for (const [incarnation, session] of [...this.#sessions]) {
      if (incarnation >= position) continue
      const next = marks.get(incarnation)
      if (next !== undefined) session.passed(next)
      else session.stop(endedUnseen(position))
    }
  }

  #noteTrim({ code, facts }: SirtakiError): void {
    const { trim } = facts
    if (code === 'TRIMMED' && typeof trim === 'number') this.#trim = Math.max(this.#trim, trim)
  }

  /** Where the log was trimmed, why no stored state could be had in its place. */
  #reasonOf(error: SirtakiError): SirtakiError {
    return error.code === 'TRIMMED' && this.#unread !== undefined ? unreadable(error, this.#unread) : error
  }

  #stop(error: SirtakiError): void {
    if (this.#stopped !== undefined) return
    this.#stopped = error
    end(this.#current)
    this.#skips.close()
    this.heart.close()
    this.#ticker.close()
    this.#calls.close(error)
    for (const waiter of this.#waiters) waiter.reject(error)
    this.#stopSessions(error)
    this.#waits.clear()
    for (const listener of [...this.#stopListeners]) listener(error)
  }

  #stopSessions(error: SirtakiError): void {
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

  /** Plays beside the view until that takes its place; with a claim, only where it comes to what that says. */
  async #replay(options: FlowOptions, claim?: Claim): Promise<void> {
    const playback = this.#make()
    if (claim !== undefined) {
      playback.claim = claim
      playback.space.isLive = true
    }
    this.#playbacks.add(playback)
    try {
      await this.#begun
      // What differs from others' may differ in what was stored too.
      const stored = claim === undefined ? await this.#stored(this.#current.next) : undefined
      this.check()
      if (stored !== undefined) load(playback, stored)
      this.#play(playback)
      // It may be where the view is already: nothing is delivered then.
      this.#reached(playback, playback.next)
      while (playback !== this.#current) {
        this.check()
        if (playback.ended) throw new SirtakiError('STOPPED', 'the replay failed')
        await (playback.held?.until ?? playback.player?.playTo(this.#current.next, options))
      }
    } catch (thrown) {
      end(playback)
      this.#playbacks.delete(playback)
      throw thrown
    }
  }

  /** Takes a claim of another process, and replays where it says that the state here was another one. */
  #heard(claimed: Claimed): void {
    const { space } = this.#current
    if (claimed.process === this.process || space.isOpaque) return
    if (this.#claims.heard(claimed, space.lanesAt(claimed.claim.position))) void this.#recheck(claimed.claim)
  }

  async #recheck(claim: Claim): Promise<void> {
    while (this.#replaying !== undefined) await this.#replaying.catch(() => undefined)
    const lanes = this.#current.space.lanesAt(claim.position)
    if (this.#stopped !== undefined || lanes === undefined || isSameDigest(claim, lanes)) return
    await (this.#replaying = this.#replay({}, claim)
      .catch(() => undefined)
      .finally(() => {
        this.#replaying = undefined
      }))
  }

  /** Whether a replay may go on: it has not come to the position of its claim, or to the same there. */
  #isAsClaimed(playback: Playback): boolean {
    const { claim, space } = playback
    if (claim === undefined || space.position < claim.position) return true
    const lanes = space.lanesAt(claim.position)
    if (space.position > claim.position && lanes === undefined) return true
    if (lanes !== undefined && isSameDigest(claim, lanes)) return true
    end(playback)
    return false
  }

  /** A replay has taken the place of a state that was wrong: so was what watchers were told of it. */
  #repaired(playback: Playback): void {
    if (playback.claim === undefined) return
    playback.claim = undefined
    this.#claims.replaced()
    this.hub.restart(playback.next)
  }

  /** Judges by the voices of all writers, since a replay came to the same as before. */
  #count(time: number): void {
    if (this.#replaying !== undefined) {
      this.#claims.postpone(time)
      return
    }
    const { space } = this.#current
    const writers = new Set(this.sessions().map(({ process }) => process))
    const voices = this.#claims.count(writers, this.process, (position) => space.lanesAt(position))
    const verdict = voices.other === 0 ? 'stays' : verdictOf(voices)
    if (verdict === 'stays') return
    const error = diverged(voices, space.position)
    if (verdict === 'stops') this.#stop(error)
    else {
      this.#muted = error
      this.#stopSessions(error)
    }
  }

  #replace(playback: Playback): void {
    end(this.#current)
    if (playback.claim === undefined) playback.space.isLive = this.#current.space.isLive
    this.#playbacks.delete(this.#current)
    this.#current = playback
    this.#checkpoints?.replaced()
  }
}

function load(playback: Playback, { position, snapshot }: StoredSpace): void {
  playback.space.load(snapshot)
  playback.next = position
}

/** The error of a view that has neither the beginning of its stream nor a stored state. */
const unreadable = (trimmed: SirtakiError, cause: SirtakiError): SirtakiError =>
  new SirtakiError(
    'TRIMMED',
    `the beginning of the log was trimmed, and no checkpoint could be read in its place: ${cause.message}`,
    { cause, facts: trimmed.facts },
  )

const endedUnseen = (position: number): SirtakiError =>
  new SirtakiError(
    'SESSION_LOST',
    `the session ended below position ${position}, in a part of the log that this process has not played`,
    { next: 'unknown', facts: { position } },
  )

function end(playback: Playback): void {
  playback.ended = true
  playback.player?.close()
}
