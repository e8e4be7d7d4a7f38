/**
 * A heartbeat: says to the sequencer that sessions live, and hears for which of them it vouches.
 *
 * It counts from when it was sent, so a caller notes the time before it calls. An answer never says that a session is
 * gone: that is read in the log. Keeps: O5. Read next: `client.ts`, `../../sequencer/session-keeper.ts`.
 */
import { badArgument } from '../cluster/arguments.ts'
import type { FlowOptions } from '../cluster/calls.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { SirtakiError } from '../errors.ts'
import type { Layout } from '../layout.ts'
import { HEARTBEAT_MAX, readHeartbeatAnswer, writeHeartbeat, type HeartbeatAnswer } from '../wire/heartbeat-messages.ts'

/**
 * Sends one heartbeat for all these incarnations.
 *
 * @throws SirtakiError `BAD_ARGUMENT`; `TIMEOUT`, `ABORTED`, next `again`; `CLOSED`.
 */
export async function sendHeartbeat(
  cluster: Cluster,
  incarnations: readonly number[],
  options: FlowOptions,
): Promise<HeartbeatAnswer> {
  const count = requireIncarnations(incarnations).length
  const body = writeHeartbeat(incarnations)
  const answer = await cluster.retry(options, (layout) =>
    ask(cluster, layout, { body, count, timeoutMs: options.timeoutMs }),
  )
  cluster.noteGranted(answer.tail)
  // Log time never goes back for one client: see `../playback/tail.ts`.
  return { ...answer, logTime: Math.max(answer.logTime, Math.floor(cluster.logTime)) }
}

interface Question {
  readonly body: Uint8Array
  readonly count: number
  readonly timeoutMs: number | undefined
}

async function ask(cluster: Cluster, layout: Layout, { body, count, timeoutMs }: Question): Promise<HeartbeatAnswer> {
  const { epoch, sequencer } = layout
  if (sequencer === null) throw new SirtakiError('NOT_READY', `epoch ${epoch} has no sequencer`)
  const peer = cluster.peer(sequencer.address)
  const asked = peer.request('heartbeat', body, timeoutMs)
  peer.flush()
  const answer = readHeartbeatAnswer(await asked)
  if (answer.epoch !== epoch || answer.confirmed.length !== count) {
    throw new SirtakiError('EPOCH', `a heartbeat of ${count} sessions in epoch ${epoch}, answered in ${answer.epoch}`)
  }
  return answer
}

function requireIncarnations(incarnations: readonly number[]): readonly number[] {
  if (!Array.isArray(incarnations) || incarnations.length > HEARTBEAT_MAX) {
    throw badArgument('heartbeat', `an array of at most ${HEARTBEAT_MAX} positions`, incarnations)
  }
  const odd = incarnations.find((one) => !Number.isSafeInteger(one) || one < 0)
  if (odd !== undefined) throw badArgument('heartbeat', 'positions of openings or resumes', odd)
  return incarnations
}
