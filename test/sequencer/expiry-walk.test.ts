/**
 * Two sequencers and two clients of one session, at random, against O5: no end counts while a client counts on the
 * session. Clocks run up to 10 % apart, sequencers pause, heartbeats, answers, proofs and ends take as long as they
 * like, epochs open, another process takes the session over.
 *
 * Read next: `../model/session.pml` (the same, searched to the end with whole steps), `../../sequencer/expiry.ts`.
 */
import test from 'ava'
import fc from 'fast-check'
import { Expiry } from '../../sequencer/expiry.ts'
import type { SessionEntry, SessionInfo } from '../../sequencer/session-entry.ts'
import { SessionTable } from '../../sequencer/session-table.ts'

const TIMEOUT_MS = 2_000
/** Proofs are good for long, measured by what clients spare by giving up early: else the grace hardly ever matters. */
const times = { attendMs: 25, proofMs: 1_500 }
const info: SessionInfo = { name: 'a', timeoutMs: TIMEOUT_MS, ids: [], types: [], process: '0123456789abcdef' }
const OPENED = 10

/** What may happen within 100 ms; of pairs one is for each sequencer. */
interface Step {
  readonly pauses: readonly [boolean, boolean]
  /** Which sequencer a heartbeat goes to; 2: it is lost. */
  readonly beats: number
  readonly answers: boolean
  readonly asks: readonly [boolean, boolean]
  readonly proves: readonly [boolean, boolean]
  readonly plays: readonly [boolean, boolean]
  readonly decides: boolean
  /** Whose epoch opens; from 2 on: none does. */
  readonly opens: number
  readonly resumes: boolean
}
interface Answer {
  readonly incarnation: number
  readonly sent: number
}
interface Placed {
  readonly position: number
  readonly epoch: number
  readonly entry: SessionEntry
}

/** One sequencer: the machine, and around it what the keeper does. */
class Server {
  readonly expiry = new Expiry(times)
  readonly table = new SessionTable()
  readonly #pace: number
  epoch = 0
  /** It ends nobody before it has played so much. */
  tail = 0
  played = 0
  readonly inbox: Answer[] = []
  proof: { readonly epoch: number; readonly began: number; isHeld: boolean } | undefined

  constructor(pace: number) {
    this.#pace = pace
  }

  /** A moment of its own clock. */
  at(now: number): { now: number; uptime: number } {
    return { now: now * this.#pace, uptime: now * this.#pace }
  }

  play(log: readonly Placed[], now: number): void {
    this.expiry.look(this.at(now).now)
    for (const { position, epoch, entry } of log.slice(this.played)) {
      const change = this.table.apply({ position, epoch, streams: [0, 1] }, entry)
      if (change?.kind === 'resumed') this.expiry.closed(change.before.incarnation)
      if (change === undefined || change.kind === 'restored') continue
      if (change.kind === 'ended') this.expiry.closed(change.session.incarnation)
      else this.expiry.opened(change.session.incarnation, TIMEOUT_MS)
    }
    this.played = log.length
  }

  /** Reads what has come and answers it; gives the confirmations. */
  hear(now: number): Answer[] {
    this.expiry.look(this.at(now).now)
    const heard = this.inbox.splice(0)
    for (const { incarnation } of heard) this.expiry.heard(incarnation)
    return this.epoch === 0 ? [] : heard.filter(({ incarnation }) => this.expiry.confirms(incarnation, this.at(now)))
  }

  /** The incarnations whose end begins now. */
  scan(): readonly number[] {
    return this.epoch > 0 && this.played >= this.tail ? this.expiry.due() : []
  }
}

/** A client that counts on an incarnation until 0.8 of the timeout after its last confirmed sending. */
class Client {
  readonly incarnation: number
  readonly #pace: number
  confirmed: number
  lost = false
  constructor(incarnation: number, pace: number, now: number) {
    this.incarnation = incarnation
    this.#pace = pace
    this.confirmed = now
  }
  counts(now: number): boolean {
    if ((now - this.confirmed) * this.#pace >= 0.8 * TIMEOUT_MS) this.lost = true
    return !this.lost
  }
  answered(sent: number, now: number): void {
    if (this.counts(now)) this.confirmed = Math.max(this.confirmed, sent)
  }
}

/** The whole world. Time is in milliseconds of a clock that nobody has. */
class World {
  now = 0
  epoch = 1
  readonly #truth = new SessionTable()
  readonly #log: Placed[] = []
  readonly servers: readonly [Server, Server]
  readonly clients: Client[]
  readonly #ends: { readonly incarnation: number; readonly epoch: number }[] = []
  readonly #answers: Answer[] = []
  readonly #paces: readonly number[]

  constructor(paces: readonly number[]) {
    this.#paces = paces
    this.servers = [new Server(paces[0] ?? 1), new Server(paces[1] ?? 1)]
    this.clients = [new Client(OPENED, paces[2] ?? 1, 0)]
    this.#append({ kind: 'open', info }, OPENED)
    this.#open(0)
    this.servers[0].play(this.#log, 0)
  }

  /** Gives what breaks O5, if anything does. */
  step(step: Step): string | undefined {
    for (let tick = 0; tick < 4; tick++) {
      this.now += 25
      for (const [i, server] of this.servers.entries()) {
        if (step.pauses[i] === true) continue
        this.#answers.push(...server.hear(this.now))
        for (const incarnation of server.scan()) this.#ends.push({ incarnation, epoch: server.epoch })
      }
    }
    this.#clientsDo(step)
    for (const [i, server] of this.servers.entries()) if (step.pauses[i] !== true) this.#serverDoes(server, i, step)
    if (step.opens < 2) this.#open(step.opens)
    if (step.resumes && this.clients.length < 2) {
      const resumed = new Client(this.#nextPosition, this.#paces[3] ?? 1, this.now)
      if (this.#append({ kind: 'resume', incarnation: OPENED, info }) !== undefined) this.clients.push(resumed)
    }
    return step.decides ? this.#decide() : undefined
  }

  #clientsDo({ answers, beats }: Step): void {
    for (const client of this.clients) {
      if (answers) {
        for (const one of this.#answers) if (one.incarnation === client.incarnation) client.answered(one.sent, this.now)
      }
      const server = this.servers[beats]
      if (client.counts(this.now)) server?.inbox.push({ incarnation: client.incarnation, sent: this.now })
    }
    if (answers) this.#answers.length = 0
  }

  #serverDoes(server: Server, i: number, { asks, proves, plays }: Step): void {
    if (plays[i] === true) server.play(this.#log, this.now)
    if (server.proof === undefined && server.epoch > 0) {
      server.proof = { epoch: server.epoch, began: this.now, isHeld: false }
    } else if (server.proof?.isHeld === true && proves[i] === true) {
      if (server.proof.epoch === server.epoch) server.expiry.proved(server.at(server.proof.began))
      server.proof = undefined
    } else if (server.proof !== undefined && !server.proof.isHeld && asks[i] === true) {
      // A majority is asked, at one moment.
      if (server.proof.epoch === this.epoch) server.proof.isHeld = true
      else server.proof = undefined
    }
  }

  #open(which: number): void {
    const server = this.servers[which]
    if (server === undefined) return
    const before = server.epoch
    this.epoch++
    server.epoch = this.epoch
    server.tail = this.#log.length
    server.expiry.look(server.at(this.now).now)
    server.expiry.bootstrapped(before === this.epoch - 1)
  }

  /** An end gets a token of the present epoch, whoever appends it. It may count only if nobody counts any more. */
  #decide(): string | undefined {
    for (const { incarnation, epoch } of this.#ends.splice(0)) {
      const ended = this.#append({ kind: 'end', incarnation, epoch, clean: false })
      const client = this.clients.at(-1)
      if (ended !== undefined && client?.counts(this.now) === true) {
        return `at ${this.now} an end of ${incarnation} by epoch ${epoch} counts, and so does its client`
      }
    }
    return undefined
  }

  get #nextPosition(): number {
    return OPENED + this.#log.length
  }

  #append(entry: SessionEntry, position = this.#nextPosition): unknown {
    this.#log.push({ position, epoch: this.epoch, entry })
    return this.#truth.apply({ position, epoch: this.epoch, streams: [0, 1] }, entry)
  }
}

const often = (percent: number): fc.Arbitrary<boolean> => fc.nat({ max: 99 }).map((one) => one < percent)
const both = (percent: number): fc.Arbitrary<[boolean, boolean]> => fc.tuple(often(percent), often(percent))
const step: fc.Arbitrary<Step> = fc.record({
  pauses: both(10),
  beats: fc.constantFrom(0, 0, 0, 0, 0, 2),
  answers: often(60),
  asks: both(90),
  proves: both(80),
  plays: both(50),
  decides: often(50),
  opens: fc.nat({ max: 200 }),
  resumes: often(2),
})
const steps = (minLength: number, maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(step, { minLength, maxLength, size: 'max' })

/**
 * Two phases make the rare histories common: all goes by the first sequencer, then the second one has the place. Some
 * steps later clients hear of it, and at some time another process takes the session over.
 */
const histories = fc
  .record({
    before: steps(1, 40),
    after: steps(30, 60),
    learntAt: fc.nat({ max: 60 }),
    resumedAt: fc.nat({ max: 30 }),
  })
  .map(({ before, after, learntAt, resumedAt }): Step[] => [
    ...before,
    ...after.map((one, i) => ({
      ...one,
      opens: i === 0 ? 1 : one.opens,
      beats: i < learntAt || one.beats === 2 ? one.beats : 1,
      resumes: one.resumes || i === resumedAt,
    })),
  ])
const paces = fc.array(fc.double({ min: 0.95, max: 1.05, noNaN: true }), { minLength: 4, maxLength: 4 })

test('O5: no end counts while a client counts on its session', (t) => {
  let ends = 0
  fc.assert(
    fc.property(paces, histories, (drawn, history) => {
      const world = new World(drawn)
      for (const one of history) {
        const broken = world.step(one)
        if (broken !== undefined) throw new Error(broken)
      }
      ends += world.clients.every(({ lost }) => lost) ? 1 : 0
    }),
    { numRuns: 3_000 },
  )
  t.true(ends > 100, `${ends} histories came to an end`)
})
