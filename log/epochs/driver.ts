/**
 * A driver of the next epoch, and whose turn it is to drive.
 *
 * Taking turns is politeness: agreement does not depend on it (`turn.ts` has the rule, at the acceptor). Read next:
 * `reconfigure.ts`.
 */
import type { Infer } from 'superstruct'
import type { Cluster } from '../cluster/cluster.ts'
import { aborted } from '../cluster/retry.ts'
import { SirtakiError, isError } from '../errors.ts'
import type { AcceptorMember, Layout } from '../layout.ts'
import { TurnAnswer, writeJson, type AskTurn } from '../wire/control.ts'
import { TURNS_VERSION } from '../wire/version.ts'
import type { Intent } from './intent.ts'

/** Who waits for its turn looks again after so many times what a survey takes. */
const TURN_SURVEYS = 2

/** A silent member is waited for at least so many times as long as the slowest that has answered. */
export const SURVEY_TIMES = 3

/** One driver. `stepMs`: its slowest step so far. `turnAt`: the acceptors that it has asked for its turn. */
export interface Driver {
  readonly cluster: Cluster
  readonly intent: Intent
  readonly proposer: string
  readonly under: number | undefined
  readonly step: (text: string) => void
  readonly notWhole: Set<string>
  round: number
  tries: number
  stepMs: number
  turnAt: readonly string[]
}

/**
 * Takes the turn at a majority of the acceptors, or finds that another driver has it. Acceptors without turns are free.
 *
 * @throws SirtakiError `CONFLICT` (next `again`) that `isTurnOf` knows.
 */
export async function takeTurn(driver: Driver, { cluster: name, epoch, acceptors }: Layout): Promise<void> {
  const { cluster, proposer, intent } = driver
  const urgent = intent.sequencer !== undefined || intent.standby !== undefined
  const asked: AskTurn = { cluster: name, slot: epoch + 1, proposer, stepMs: Math.ceil(driver.stepMs), urgent }
  driver.turnAt = acceptors.map(({ address }) => address)
  const ask = ({ address }: AcceptorMember): Promise<Infer<typeof TurnAnswer>> => askTurn(cluster, address, asked)
  const answers = await askMajority(acceptors, ask, ({ by }) => by === null)
  const by = answers.find((answer) => answer.by !== null)?.by
  if (answers.filter((answer) => answer.by === null).length * 2 > acceptors.length || by === undefined) return
  cluster.ports.failpoint?.('drive.waits', { epoch })
  driver.step(`another driver is at epoch ${epoch + 1}: waiting for it`)
  const why = `another driver is at epoch ${epoch + 1} and makes progress: wait until it has finished, then try again`
  throw new SirtakiError('CONFLICT', why, { next: 'again', facts: { turnOf: by } })
}

/**
 * Gives who has the turn at an acceptor. One that speaks an older version has no turns, and is asked for none.
 *
 * @throws SirtakiError `UNREACHABLE`, `TIMEOUT`.
 */
async function askTurn(cluster: Cluster, address: string, asked: AskTurn): Promise<Infer<typeof TurnAnswer>> {
  const peer = cluster.peer(address)
  if (peer.version === undefined) throw new SirtakiError('UNREACHABLE', `${address} has not greeted yet`)
  if (peer.version < TURNS_VERSION) return { by: null }
  return peer.control('turn', asked, TurnAnswer, Math.max(cluster.limits.probeMs, SURVEY_TIMES * asked.stepMs))
}

/** Tells whether a drive failed because another driver has its turn. */
export const isTurnOf = (thrown: unknown): boolean =>
  isError(thrown, 'CONFLICT') && thrown.facts['turnOf'] !== undefined

/** What the intent was found by is to be looked at again. */
export const isOutdated = ({ cluster, under }: Driver, error: SirtakiError): boolean =>
  under !== undefined && (isTurnOf(error) || (cluster.layout?.epoch ?? 0) > under)

/** Waits for a newer layout, or for a while: who has the turn may have died. @throws SirtakiError `ABORTED`. */
export async function waitForTurn(driver: Driver, deadline: number, signal: AbortSignal | undefined): Promise<void> {
  const { cluster, stepMs } = driver
  const {
    ports: { clock, random },
    limits: { probeMs },
  } = cluster
  const waitMs = Math.max(probeMs / 2, TURN_SURVEYS * stepMs) * (0.5 + random.next())
  await cluster.newerOrPause(Math.max(0, Math.min(waitMs, deadline - clock.now())))
  if (signal?.aborted === true) throw aborted(signal)
}

/** Others need not wait any longer. Should it get lost, they wait until they have seen no progress for long enough. */
export function giveTurnBack(driver: Driver): void {
  const { cluster, proposer, turnAt } = driver
  driver.turnAt = []
  for (const address of turnAt) {
    const peer = cluster.peer(address)
    if (peer.version !== undefined && peer.version >= TURNS_VERSION) peer.notify('turnOver', writeJson({ proposer }))
  }
}

/** Asks all; settles with the answers so far once a majority says yes, else when everybody has answered or failed. */
export function askMajority<M, T>(
  members: readonly M[],
  ask: (member: M) => Promise<T>,
  isYes: (answer: T) => boolean,
): Promise<T[]> {
  return new Promise((resolve) => {
    const answers: T[] = []
    let left = members.length
    const count = (): void => {
      if (--left === 0 || answers.filter(isYes).length * 2 > members.length) resolve(answers)
    }
    for (const member of members) {
      void ask(member).then((answer) => {
        answers.push(answer)
        count()
      }, count)
    }
  })
}
