/**
 * Sessions in a simulated run that live and end, and what they own: a lock before a fenced resource, a semaphore, a
 * work queue, and two counters that only transactions move; watchers beside them.
 *
 * Judged as it happens: O5 (nobody's session is ended while its process counts on it; an owner's own process learns
 * it), O6 (a watcher that applies what it gets has what the view has), O7 (two holders never count on one lock; tokens
 * of writers are each one's own; who counts on a lock is never fenced), O8 (nobody has an item that another one counts
 * on; one ack succeeds), O2 (no view shows half a transaction), O3 (equal positions, equal digests). At the end: no put
 * that was acknowledged is lost, and the sessions of the dead have ended. Read next: `plan.ts` (`SessionMix`),
 * `sim-objects.ts`, `sim-cluster.ts`.
 *
 * Long: what a client does and what is judged of it go together.
 */
import type { BlobStore } from '../../log/archive/blob-store.ts'
import { Blobs } from '../../log/archive/blobs.ts'
import type { LogClient } from '../../log/client/client.ts'
import type { CallOptions } from '../../log/cluster/calls.ts'
import { isError } from '../../log/errors.ts'
import { DEFAULT_POLICY } from '../../objects/retention/checkpointer.ts'
import { Checkpoints } from '../../objects/checkpoints/checkpoints.ts'
import { ObjectClient, ROOT_STREAM } from '../../objects/client.ts'
import { Counter } from '../../objects/counter/type.ts'
import type { Held } from '../../objects/lock/lock.ts'
import type { ObjectSession } from '../../objects/object-session.ts'
import type { Job } from '../../objects/queue/job.ts'
import type { WorkQueue } from '../../objects/queue/queue.ts'
import { Queue } from '../../objects/queue/type.ts'
import type { AnyObjectType } from '../../objects/runtime/object-type.ts'
import type { Ticket } from '../../objects/runtime/session-life.ts'
import type { Session } from '../../objects/runtime/session.ts'
import { spaceLogOf, type SpaceLog } from '../../objects/runtime/space-log.ts'
import type { Value } from '../../objects/runtime/values.ts'
import type { WatchItem } from '../../objects/runtime/watcher.ts'
import type { Calls } from './calls.ts'
import type { Checker } from './checker.ts'
import type { CheckpointMix, SessionMix } from './plan.ts'
import { Prng } from './prng.ts'
import { List, Register } from './sim-types.ts'

/** The objects that they share. */
const LOCKS = ['/locks/a', '/locks/b']
const SEMAPHORE = '/permits'
const PERMITS = 2
const QUEUE = '/queue'
const ACCOUNTS = ['/accounts/a', '/accounts/b'] as const

/** Codes that no fault excuses. */
export const wrong: readonly string[] = [
  ...['INVARIANT', 'APPLY_FAILED', 'DIVERGED', 'MISUSE', 'CODE_MISSING', 'BAD_ARGUMENT', 'WRONG_TYPE'],
]

/** What somebody counts on, as long as `counts` says so. */
interface Claim {
  readonly what: string
  exclusive: boolean
  readonly by: string
  counts(): boolean
}

/** What all clients of a run know of sessions and of what they own. */
export class SessionHistory {
  /** Sessions by incarnation: whether their process counts on them. */
  readonly counted = new Map<number, { readonly by: string; counts(): boolean }>()
  /** Ends that a sequencer began while the process counted on the session, by incarnation. */
  readonly rash = new Map<number, number>()
  claims: Claim[] = []
  readonly tokens = new Map<string, string>()
  /** The highest token that the resource of each lock has seen. */
  readonly fences = new Map<string, number>()
  readonly put = new Set<string>()
  readonly finished = new Set<string>()
  /** Items that somebody tried to acknowledge. */
  readonly acked = new Set<string>()
  readonly digests = new Map<number, string>()

  /** The digest that some view had at a position. */
  digestAt(position: number): string | undefined {
    const known: unknown = JSON.parse(this.digests.get(position) ?? 'null')
    return typeof known === 'object' && known !== null && 'digest' in known ? String(known.digest) : undefined
  }
  readonly tickets: Ticket[] = []
  nextValue = 1

  /** Something that a keeper of sessions reports. */
  noted(name: string, facts: Readonly<Record<string, unknown>>, checker: Checker): void {
    const incarnation = Number(facts['incarnation'])
    const session = this.counted.get(incarnation)
    if (session === undefined) return
    if (name === 'session.ends' && session.counts()) this.rash.set(incarnation, Number(facts['epoch']))
    if (name !== 'session.ended') return
    if (session.counts()) checker.fail('O5', `session ${incarnation} has ended, and ${session.by} counts on it`)
    if (facts['by'] !== 0 && this.rash.get(incarnation) === facts['by']) {
      checker.fail('O5', `session ${incarnation} was ended though ${session.by} counted on it when that began`)
    }
  }

  /** Somebody counts on something from now on: nobody else may, beside whom it excludes. */
  claim(claim: Claim, rule: 'O7' | 'O8', checker: Checker): void {
    this.claims = this.claims.filter((other) => other.counts())
    for (const other of this.claims) {
      if (other.what !== claim.what || !(other.exclusive || claim.exclusive)) continue
      checker.fail(rule, `${claim.by} has ${claim.what}, and ${other.by} counts on it still`)
    }
    this.claims.push(claim)
  }
}

/** What a client of sessions is made of. */
export interface SimSessionsOptions {
  readonly prng: Prng
  readonly checker: Checker
  readonly history: SessionHistory
  readonly mix: SessionMix
  readonly calls: Calls
  readonly thinkMs: number
  readonly from: number
  readonly name: string
  /** How checkpoints are written in this run, if they are, and their store. */
  readonly checkpoints: CheckpointMix | undefined
  readonly store: BlobStore | undefined
  /** Types that it knows besides those of all runs. */
  readonly types: readonly AnyObjectType[]
  isAlive(): boolean
}

/** The coordination objects of one client process. */
export class SimSessions {
  readonly objects: ObjectClient
  readonly #log: LogClient
  readonly #options: SimSessionsOptions
  #isStopped = false

  constructor(log: LogClient, options: SimSessionsOptions) {
    const { mix, name, from, store, types } = options
    this.#log = log
    this.#options = options
    this.objects = new ObjectClient(playedFrom(log, from), {
      types: [Register, List, ...types],
      name,
      timeoutMs: mix.timeoutMs,
      watchFrom: from,
      checkpoints: store && checkpointsOf(log, store, options),
    })
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Works until stopped. */
  async lane(name: string): Promise<void> {
    const { mix, prng, calls } = this.#options
    const session = await this.objects.session({ name, timeoutMs: mix.timeoutMs })
    const queue = await session.queue(QUEUE)
    this.#note(session)
    session.onState((state) => {
      calls.count(`session.${state}`)
      this.#note(session)
    })
    while (this.#goesOn) {
      await this.#pause(this.#options.thinkMs)
      if (!this.#goesOn) return
      const isOpen = await this.#tried(async () => {
        const roll = prng.next()
        if (mix.resumes && prng.chance(0.1)) await this.#resume(name)
        else if (roll < mix.locks * 0.7) await this.#lock(session)
        else if (roll < mix.locks) await this.#permit(session)
        else if (prng.chance(mix.queue)) await this.#queue(queue, session)
        else await this.#transfer(session)
        this.#noteDigest()
      })
      if (!isOpen) return
    }
  }

  /** Follows the queue by what a watcher gets, and compares with the view. */
  async watch(): Promise<void> {
    const { checkpoints } = this.#options
    const handle = await this.objects.open(Queue, QUEUE)
    const rows = new Map<string, string>()
    for await (const item of handle.watch({ snapshot: true, onGap: checkpoints === undefined ? 'throw' : 'resync' })) {
      this.#follow(rows, item)
      if (item.kind !== 'change' && this.objects.position === item.position) this.#compare(rows, handle.tables)
      if (!this.#goesOn) return
      if (this.#options.prng.chance(0.1)) await this.#pause(20)
    }
  }

  /** Writes checkpoints by the policy of the run, in some of the processes. */
  async checkpoint(): Promise<void> {
    const { checkpoints, prng, calls, mix } = this.#options
    if (checkpoints === undefined || !new Prng(`${this.#options.name}/${prng.id()}`).chance(checkpoints.share)) return
    const { everyEntries, everyMs } = checkpoints
    const policy = { ...DEFAULT_POLICY, everyEntries, everyMs, keepEvery: 0, trim: true }
    await this.#tried(() => this.objects.setPolicy(policy, { timeoutMs: mix.timeoutMs * 10 }))
    const checkpointer = this.objects.checkpointer({
      wrote: ({ deltas }) => {
        calls.count(deltas.length > 0 ? 'checkpoint.delta' : 'checkpoint.base')
      },
      trimmed: () => {
        calls.count('checkpoint.trimmed')
      },
      failed: (error) => {
        calls.count(`checkpoint.${error.code}`)
        if (['INVARIANT', 'CODE_MISSING', 'OTHER_STORE', 'MISUSE'].includes(error.code)) throw error
      },
    })
    const archiver =
      checkpoints.rangeMs === undefined
        ? undefined
        : this.objects.archiver({
            rangeMs: checkpoints.rangeMs,
            archived: () => {
              calls.count('archive.range')
            },
          })
    while (this.#goesOn) {
      await this.#pause(20)
      if (prng.chance(0.2)) await this.#tried(() => this.#lookBack())
    }
    await Promise.all([checkpointer.close(), archiver?.close()])
  }

  /** Reads some past position, which must be as the views had it. */
  async #lookBack(): Promise<void> {
    const { history, checker, prng, calls, mix } = this.#options
    const [position, known] = prng.pick([...history.digests, [-1, ''] as const])
    if (position < 0) return
    await using past = await this.objects.at(position, { timeoutMs: mix.timeoutMs * 4 })
    const { digest } = past.digest()
    calls.count('past.read')
    if (past.position < position) checker.fail('C4', `the past of ${position} ends at ${past.position}`)
    if (history.digestAt(position) !== digest) {
      checker.fail('C4', `the past of position ${position} has digest ${digest}, views had ${known} there`)
    }
  }

  /** The end: nothing that was acknowledged is lost, and who is dead has no session any more. */
  async judge(): Promise<void> {
    const { history, checker, mix } = this.#options
    const patient: CallOptions = { timeoutMs: 10_000 }
    // Calls that were under way when their clients stopped may still end: what they put is behind this sync.
    const put = [...history.put]
    await this.objects.sync(patient)
    const handle = await this.objects.open(Queue, QUEUE, patient)
    const { ready, delayed, taken, dead } = handle.tables
    const there = [ready, delayed, taken, dead].flatMap((table) => [...table.range()].map(([, { value }]) => value))
    const lost = put.find((value) => !history.acked.has(value) && !there.includes(value))
    if (lost !== undefined) checker.fail('O8', `the put of ${lost} was acknowledged, and it is nowhere`)
    this.#noteDigest()
    this.#checkSum(this.objects.own)
    const deadline = this.#log.cluster.ports.clock.now() + mix.timeoutMs * 4 + 1_000
    while (this.#log.cluster.ports.clock.now() < deadline) {
      await this.objects.sync(patient)
      if (this.#ghosts().length === 0) return
      await this.#log.cluster.pause(mix.timeoutMs / 4)
    }
    const [ghost] = this.#ghosts()
    if (ghost === undefined) return
    checker.fail('L11', `session ${ghost.session} (${ghost.name}) of a dead process never ended`)
  }

  /** Live sessions whose processes are gone. */
  #ghosts() {
    const { history, mix } = this.#options
    return this.objects.sessions().filter(({ incarnation, timeoutMs }) => {
      const isOurs = timeoutMs === mix.timeoutMs && history.counted.has(incarnation)
      return isOurs && history.counted.get(incarnation)?.counts() === false
    })
  }

  get #goesOn(): boolean {
    return !this.#isStopped && this.#options.isAlive()
  }

  #pause(ms: number): Promise<void> {
    return this.#log.cluster.pause(this.#options.prng.next() * ms)
  }

  /** Registers the session at hand as one that this process counts on, or not. */
  #note(session: ObjectSession): void {
    const { history, name, isAlive } = this.#options
    const ticket = session.ticket()
    if (ticket === undefined) return
    const current = currentOf(session)
    if (current === undefined || current.incarnation !== ticket.incarnation) return
    history.counted.set(ticket.incarnation, { by: name, counts: () => isAlive() && current.isCountedOn })
    if (this.#options.mix.resumes) history.tickets.push(ticket)
  }

  /** Tells whether to go on. */
  async #tried(run: () => Promise<void>): Promise<boolean> {
    try {
      await run()
      return true
    } catch (thrown) {
      if (!isError(thrown) || wrong.includes(thrown.code)) throw thrown
      if (thrown.code === 'STOPPED') this.#options.checker.fail('O1', `a view stopped: ${thrown.message}`)
      return thrown.code !== 'CLOSED'
    }
  }

  #run<T>(what: string, longestMs: number, call: (options: CallOptions) => Promise<T>): Promise<T> {
    const { calls, prng } = this.#options
    const timeoutMs = prng.integer(5, longestMs)
    return calls.run(what, { timeoutMs }, call)
  }

  async #lock(session: ObjectSession): Promise<void> {
    const { prng, mix, calls } = this.#options
    const path = prng.pick(LOCKS)
    const shared = prng.chance(0.25)
    const lockDelayMs = prng.chance(0.2) ? prng.integer(0, mix.timeoutMs) : 0
    const runtime = session.current()
    const held = await this.#run('lock', mix.timeoutMs * 2, (options) =>
      session.lock(path, { ...options, shared, lockDelayMs }),
    )
    calls.count(shared ? 'session.reads' : 'session.locks')
    const claim = this.#granted(held, runtime, !shared)
    await this.#pause(prng.pick([0, 5, mix.timeoutMs]))
    this.#write(held, shared)
    if (!shared && prng.chance(0.2)) {
      claim.exclusive = false
      await held.downgrade({ timeoutMs: mix.timeoutMs })
      await this.#pause(5)
    }
    if (prng.chance(0.9)) await held.release()
  }

  /** Whoever has been granted something counts on it until its signal aborts. */
  #granted(held: Held, session: Session, exclusive: boolean): Claim {
    const { history, checker, name, isAlive } = this.#options
    const { path: what, token, signal } = held
    const counts = (): boolean => isAlive() && !signal.aborted && session.isCountedOn
    if (exclusive) {
      const known = history.tokens.get(`${what} ${token}`)
      if (known !== undefined) checker.fail('O7', `${known} and ${name} were both granted ${what} with token ${token}`)
      history.tokens.set(`${what} ${token}`, name)
    }
    const claim: Claim = { what, exclusive, by: `${name} (token ${token})`, counts }
    if (counts()) history.claim(claim, 'O7', checker)
    return claim
  }

  /** The resource of a lock refuses lower tokens; who counts on the lock is never refused. */
  #write(held: Held, shared: boolean): void {
    const { history, checker, name } = this.#options
    if (shared || !held.isCurrent) return
    const highest = history.fences.get(held.path) ?? -1
    if (held.token < highest) {
      checker.fail(
        'O7',
        `${name} counts on ${held.path} with token ${held.token}, token ${highest} has written already`,
      )
    }
    history.fences.set(held.path, held.token)
  }

  async #permit(session: ObjectSession): Promise<void> {
    const { prng, mix } = this.#options
    const weight = prng.integer(0, PERMITS + 1)
    const held = await this.#run('permit', mix.timeoutMs * 2, (options) =>
      session.semaphore(SEMAPHORE, { ...options, capacity: PERMITS, weight }),
    )
    await this.#pause(prng.pick([0, 5, mix.timeoutMs]))
    await held.release()
  }

  async #queue(queue: WorkQueue<Value>, session: ObjectSession): Promise<void> {
    const { prng, mix, history } = this.#options
    if (prng.chance(0.5)) {
      const values = Array.from({ length: prng.integer(1, 4) }, () => `v${history.nextValue++}`)
      const items = values.map((value) => ({ value, delayMs: prng.chance(0.2) ? prng.integer(0, 50) : 0 }))
      await this.#run('put', mix.timeoutMs * 2, (options) => queue.putAll(items, options))
      for (const value of values) history.put.add(value)
      return
    }
    const visibilityMs = prng.chance(0.3) ? prng.integer(5, mix.timeoutMs) : 0
    const runtime = session.current()
    const jobs = await this.#run('take', mix.timeoutMs, (options) =>
      queue.take({ ...options, n: prng.integer(1, 4), visibilityMs }),
    )
    for (const job of jobs) this.#taken(job, runtime, visibilityMs)
    await this.#pause(prng.pick([0, 5, mix.timeoutMs / 2]))
    await Promise.all(jobs.map((job) => this.#finish(job)))
  }

  #taken(job: Job<unknown>, session: Session, visibilityMs: number): void {
    const { history, checker, name, isAlive } = this.#options
    const isDone = (): boolean => history.acked.has(String(job.value))
    const counts = (): boolean => isAlive() && !isDone() && session.isCountedOn && !job.signal.aborted
    if (visibilityMs > 0 || !counts()) return
    history.claim({ what: `item ${String(job.value)}`, exclusive: true, by: name, counts }, 'O8', checker)
  }

  async #finish(job: Job<unknown>): Promise<void> {
    const { prng, history, checker, mix } = this.#options
    const value = String(job.value)
    const roll = prng.next()
    if (roll < 0.1) return
    if (roll < 0.3) {
      job.lost()
      await job.nack({ delayMs: prng.chance(0.5) ? prng.integer(0, mix.timeoutMs) : 0 })
      return
    }
    history.acked.add(value)
    await job.ack()
    if (history.finished.has(value)) checker.fail('O8', `item ${value} was acknowledged twice`)
    history.finished.add(value)
  }

  /** Moves one from an account to the other: their sum is 0 wherever anybody looks. */
  async #transfer(session: ObjectSession): Promise<void> {
    const [from, to] = this.#options.prng.chance(0.5) ? ACCOUNTS : [ACCOUNTS[1], ACCOUNTS[0]]
    const [source, target] = [await session.open(Counter, from), await session.open(Counter, to)]
    await this.#run('transfer', this.#options.mix.timeoutMs * 2, (options) =>
      session.transaction((tx) => {
        const { value } = tx.get(source)
        tx.do(source, 'set', { value: value - 1 })
        tx.do(target, 'add', { by: 1 })
      }, options),
    )
    this.#options.calls.count('session.transaction')
    this.#checkSum(session)
  }

  #checkSum(session: ObjectSession): void {
    const sum = ACCOUNTS.map((path) => Number(this.objects.describe(path)?.['value'] ?? 0)).reduce((a, b) => a + b, 0)
    if (sum === 0) return
    this.#options.checker.fail('O2', `${session.name} sees half a transaction: the accounts sum up to ${sum}`)
  }

  /** Takes over a session of another client. */
  async #resume(name: string): Promise<void> {
    const { history, prng, mix, calls } = this.#options
    const ticket = history.tickets.length === 0 ? undefined : prng.pick(history.tickets)
    if (ticket === undefined) return
    const session = await this.objects.session({ name: `${name}+`, timeoutMs: mix.timeoutMs, resume: ticket })
    calls.count('session.resumed')
    this.#note(session)
    await this.#tried(() => this.#transfer(session))
    await this.#pause(mix.timeoutMs)
    if (prng.chance(0.5)) await session.close()
  }

  /** Applies what a watcher got. */
  #follow(rows: Map<string, string>, item: WatchItem): void {
    if (item.kind === 'resync') {
      rows.clear()
      for (const { table, key, value } of item.rows) rows.set(`${table}/${key}`, JSON.stringify(value))
      return
    }
    if (item.kind !== 'change') return
    for (const { table, key, before, after } of item.changes) {
      const name = `${table}/${key}`
      const known = rows.get(name)
      const was = before === undefined ? undefined : JSON.stringify(before)
      if (known !== was) {
        this.#options.checker.fail(
          'O6',
          `at position ${item.position} a watcher gets a change of ${name} from ${was}, and had ${known}`,
        )
      }
      if (after === undefined) rows.delete(name)
      else rows.set(name, JSON.stringify(after))
    }
  }

  #compare(rows: ReadonlyMap<string, string>, tables: Readonly<Record<string, { readonly size: number }>>): void {
    const is = Object.values(tables).reduce((sum, { size }) => sum + size, 0)
    const has = [...rows.keys()].filter((name) => !name.startsWith('/')).length
    if (is !== has) this.#options.checker.fail('O6', `a watcher has ${has} records of the queue, the view has ${is}`)
  }

  #noteDigest(): void {
    const { history, checker } = this.#options
    const at = this.objects.position
    const digest = JSON.stringify(this.objects.digest())
    const known = history.digests.get(at)
    if (known !== undefined && known !== digest) {
      checker.fail('O3', `two views differ at position ${at}: ${known} and ${digest}`)
    }
    history.digests.set(at, digest)
  }
}

function currentOf(session: ObjectSession): Session | undefined {
  try {
    return session.current()
  } catch {
    return undefined
  }
}

/** A log whose streams begin at `from`: what lies below was trimmed before there was an object. */
export function playedFrom(client: LogClient, from: number): SpaceLog {
  const log = spaceLogOf(client)
  return {
    ...log,
    play: (stream, events, at = 0, options) => {
      const player = log.play(stream, events, Math.max(from, at), options)
      if (at >= from) return player
      // It stands there already: whoever plays up to there waits for nothing.
      return {
        ...player,
        playTo: async (to, flow) => {
          events.reached(from)
          await player.playTo(to, flow)
        },
      }
    },
  }
}

function checkpointsOf(log: LogClient, store: BlobStore, { checkpoints }: SimSessionsOptions): Checkpoints {
  const { ports, limits } = log.cluster
  return new Checkpoints({
    blobs: new Blobs(store, ports, limits),
    cluster: async () => (await log.layout({ timeoutMs: 10_000 })).cluster,
    space: ROOT_STREAM,
    ports,
    limits,
    inlineBytes: checkpoints?.inlineBytes,
    graceMs: checkpoints?.graceMs,
  })
}
