/**
 * The fate of an append that left the straight way: stored by all after all, lost to junk, or trimmed before anybody
 * could tell.
 *
 *     resolve ─ the own entry: acknowledged   junk or another entry: appended again   trimmed: TRIMMED, next `unknown`
 *             └ a hole, an error: asked again after a pause, until the deadline
 *
 * A flow. Keeps: L1 (where nobody can tell any more it is not made again), L2, P15. Read next: `../cluster/resolve.ts`.
 */
import type { Cluster } from '../cluster/cluster.ts'
import type { Resolved } from '../cluster/resolve-round.ts'
import { resolveOne } from '../cluster/resolve.ts'
import { Backoff } from '../cluster/retry.ts'
import { encodeEntry, clusterSeed } from '../entry.ts'
import { SirtakiError, asError } from '../errors.ts'
import type { GrantBody } from '../wire/messages.ts'
import { headOf, type Append, type Batch } from './batch.ts'

/** What becomes of an append. */
export interface Outcomes {
  acknowledge(append: Append, grant: GrantBody): void
  end(append: Append, error: SirtakiError): void
  /** Takes a new token: the old position went to junk. */
  again(append: Append): void
  timeout(append: Append, now: number): SirtakiError
}

/** Finds out the fates of one client's appends. */
export class Fates {
  readonly #cluster: Cluster
  readonly #writer: number
  readonly #outcomes: Outcomes
  /** How many are looked after, and those that wait for it. */
  #recovering = 0
  readonly #waiting: { readonly append: Append; readonly batch: Batch }[] = []

  constructor(cluster: Cluster, writer: number, outcomes: Outcomes) {
    this.#cluster = cluster
    this.#writer = writer
    this.#outcomes = outcomes
  }

  /** Looks after a bounded number at once: a lost unit leaves thousands, and each asks every unit of the chain. */
  find(append: Append, batch: Batch): void {
    if (this.#recovering >= this.#cluster.limits.recoversMax) {
      this.#waiting.push({ append, batch })
      return
    }
    this.#recovering++
    void this.#recover(append, batch).finally(() => {
      this.#recovering--
      const next = this.#waiting.shift()
      if (next !== undefined) this.find(next.append, next.batch)
    })
  }

  /** Asks until it is known what became of an append, or until its deadline. */
  async #recover(append: Append, { layout: { cluster: name }, grant }: Batch): Promise<void> {
    const { clock } = this.#cluster.ports
    const own = encodeEntry(clusterSeed(name), headOf(append, grant, this.#writer), append.payload)
    const backoff = new Backoff(this.#cluster.ports, this.#cluster.limits)
    while (!append.ended && clock.now() < append.deadline) {
      const { layout } = this.#cluster
      if (layout === undefined) return
      try {
        // Under a newer epoch the token is void: the position lies below the tail and only what was stored in time
        // counts.
        const offer = layout.epoch === grant.epoch ? { position: append.position, bytes: own } : undefined
        const found = await resolveOne(this.#cluster, layout, append.position, { mayFill: false, own: offer })
        if (found.kind !== 'hole') {
          if (!this.#isSettled(append, grant, found)) await this.#again(append)
          return
        }
        await this.#cluster.backOff(backoff, layout.epoch, append.signal)
      } catch (thrown) {
        const error = asError(thrown)
        append.trouble = error
        try {
          await this.#cluster.afterError(error, layout.epoch, backoff, append.signal)
        } catch (final) {
          const { code, message, facts } = asError(final)
          // Whatever it was: entries are on their way, so the append may have taken effect.
          this.#outcomes.end(append, new SirtakiError(code, message, { cause: final, facts, next: 'unknown' }))
        }
      }
    }
    this.#outcomes.end(append, this.#outcomes.timeout(append, clock.now()))
  }

  /** Ends an append whose position tells what became of it; false where its entry was lost to another value. */
  #isSettled(append: Append, grant: GrantBody, { kind, hash }: Resolved): boolean {
    const {
      ports: { failpoint },
    } = this.#cluster
    const { position } = append
    if (kind === 'data' && hash === append.hash) {
      this.#cluster.noteLogTime(grant.logTime)
      this.#outcomes.acknowledge(append, grant)
      return true
    }
    if (kind === 'trimmed') {
      failpoint?.('append.trimmed', { position })
      this.#outcomes.end(append, trimmedAt(position))
      return true
    }
    failpoint?.('append.lost', { position })
    return false
  }

  /** Appends it anew, within the budget of retries. */
  async #again(append: Append): Promise<void> {
    const {
      budget,
      limits,
      ports: { random },
    } = this.#cluster
    if (!budget.spend()) await this.#cluster.pause(limits.retryMaxMs * random.next())
    if (append.ended) return
    const facts = { position: append.position }
    append.trouble = new SirtakiError('CONFLICT', `position ${append.position} went to junk`, { facts })
    append.sent = false
    append.position = -1
    this.#outcomes.again(append)
  }
}

function trimmedAt(position: number): SirtakiError {
  const what = `the append got position ${position}, which was trimmed before its fate was known`
  const hint =
    'it may have been read there, so it is not made again. Append again only where a second copy does no harm'
  return new SirtakiError('TRIMMED', `${what}: ${hint}`, { next: 'unknown', facts: { position } })
}
