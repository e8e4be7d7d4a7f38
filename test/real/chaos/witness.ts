/**
 * What the keeper does for the objects: it follows the stream of sessions as it grows, and at the end empties the
 * queues of all rounds and looks at the nodes that should have gone with their sessions.
 *
 * It folds openings and ends by the rule of the sequencer's table; the judge has what clients saw of them. Read next:
 * `session-facts.ts`, `object-judge.ts`.
 */
import { setTimeout as rest } from 'node:timers/promises'
import type { Client } from '../../../index.ts'
import { isError } from '../../../log/errors.ts'
import { readSessionEntry } from '../../../sequencer/session-entry.ts'
import { SessionTable } from '../../../sequencer/session-table.ts'
import { Prng } from '../../harness/prng.ts'
import { isLoadSession, pathOf, roundAt, type LoadName } from './loads.ts'
import { readPlace, takeOne } from './object-lanes.ts'
import { now, record, say, tellError } from './voice.ts'

const SESSIONS = 0
const CALL = { timeoutMs: 5_000 } as const
/** A session of the load ends within its timeout and a failover. */
const ENDED_MS = 30_000

/** The witness of one run. */
export class Witness {
  readonly #client: Client
  readonly #table = new SessionTable()
  #next = 0

  constructor(client: Client) {
    this.#client = client
  }

  /** Follows the sessions for good. */
  async follow(): Promise<never> {
    for (;;) {
      try {
        for await (const entry of this.#client.log.subscribe({ stream: SESSIONS, from: this.#next })) {
          this.#next = entry.position + 1
          const decoded = readSessionEntry(entry.payload)
          if (decoded === undefined) continue
          const streams = entry.streams.map(({ stream }) => stream)
          const change = this.#table.apply({ position: entry.position, epoch: entry.epoch, streams }, decoded)
          const at = now()
          if (change?.kind === 'opened') {
            const { session, timeoutMs, name } = change.session
            say('opened', at, session, timeoutMs, name.replaceAll(' ', '_'))
          }
          if (change?.kind === 'ended') say('ended', at, entry.position, change.session.session, change.epoch)
        }
      } catch (thrown) {
        if (isError(thrown, 'TRIMMED') && typeof thrown.facts['trim'] === 'number') this.#next = thrown.facts['trim']
        tellError('witness', thrown)
        await rest(200)
      }
    }
  }

  /** Says what the state is, now and then. */
  async tellDigests(): Promise<never> {
    for (let last = -1; ; await rest(250)) {
      const at = now()
      const { position, digest } = this.#client.digest()
      if (position !== last) say('digest', at, position, digest)
      last = position
    }
  }

  /** Waits until all sessions of the load are over; then what they held is back. */
  async sessionsAreOver(): Promise<void> {
    const isLive = (): boolean => this.#table.all().some(({ name }) => isLoadSession(name))
    for (const started = now(); isLive() && now() - started < ENDED_MS * 1e6;) await rest(50)
  }

  /** Takes what is left in the queues of these rounds, and reads the nodes that were owned. */
  async finish(loads: readonly LoadName[], fromNs: number, toNs: number): Promise<void> {
    if (loads.includes('queue')) {
      for (let round = roundAt('queue', fromNs); round <= roundAt('queue', toNs); round++) await this.#empty(round)
    }
    if (loads.includes('tree')) {
      for (let round = roundAt('tree', fromNs); round <= roundAt('tree', toNs); round++) await this.#look(round)
    }
  }

  async #empty(round: number): Promise<void> {
    const own = this.#client.own
    let names = 0
    const lane = {
      session: own,
      sessionName: own.name.replaceAll(' ', '_'),
      prng: new Prng('keeper'),
      key: () => `keeper.${round}.${++names}`,
    }
    await again(async () => {
      while (await takeOne(lane, round, undefined, true)) continue
    })
  }

  async #look(round: number): Promise<void> {
    const tree = await this.#client.tree(pathOf('tree', round))
    for (const key of ['e0', 'e1', 'e2']) {
      await again(async () => {
        await record({
          load: 'tree',
          round,
          input: { op: 'read', key },
          run: async () => {
            await this.#client.sync(CALL)
            const node = tree.get(`/${key}`)
            const found = node === undefined ? null : { value: node.value, version: node.stat.version }
            return [found, readPlace(this.#client)]
          },
        })
      })
    }
  }
}

async function again(run: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await run()
      return
    } catch (thrown) {
      tellError('keep', thrown)
      if (tries === 20) throw thrown
      await rest(500)
    }
  }
}
