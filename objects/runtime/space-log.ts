/**
 * What the runtime needs of a log: to append to a stream, to read its tail, to play it.
 *
 * `LogClient` gives it through `spaceLogOf`; tests give one of their own. Read next: `view.ts`, `session.ts`.
 */
import type { Appended } from '../../log/client/batch.ts'
import type { AppendOptions, LogClient } from '../../log/client/client.ts'
import type { CallOptions, FlowOptions } from '../../log/cluster/calls.ts'
import type { Entry } from '../../log/entry.ts'
import type { SirtakiError } from '../../log/errors.ts'
import type { Limits } from '../../log/limits.ts'
import { readDecided, type DecidedRange } from '../../log/playback/decided-range.ts'
import type { StreamEvents } from '../../log/playback/stream-player.ts'
import type { StreamTail } from '../../log/playback/tail.ts'
import type { Clock, Ports, Random } from '../../log/ports.ts'
import type { HeartbeatAnswer } from '../../log/wire/heartbeat-messages.ts'

/** Plays one stream from where it was started on. */
export interface SpacePlayer {
  /** Offers a decided entry that its writer has at hand. What is due is delivered before it returns. */
  offer(entry: Entry): void
  /**
   * Settles when everything of the stream below `to` has been delivered.
   *
   * @throws SirtakiError `TRIMMED`, `TIMEOUT`, `ABORTED`, `CLOSED`.
   */
  playTo(to: number, options?: FlowOptions): Promise<void>
  close(): void
}

/** A log as the objects see it. */
export interface SpaceLog {
  /** Whether nothing can be appended: it is a past one, or an export. */
  readonly isReadOnly?: boolean
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  /** Appends one entry: decided when it resolves. @throws SirtakiError as `LogClient.append`. */
  append(payload: Uint8Array, options: AppendOptions & { readonly streams: readonly number[] }): Promise<Appended>
  /** Why an append of so many bytes would be refused at once. */
  overloaded(bytes: number): SirtakiError | undefined
  /**
   * The stream's tail, exclusive: above every append acknowledged before the call.
   *
   * @throws SirtakiError `TIMEOUT`, `ABORTED`.
   */
  tail(stream: number, flow: FlowOptions): Promise<StreamTail>
  /**
   * Says that sessions live, by their incarnations; hears for which of them the sequencer vouches.
   *
   * @throws SirtakiError `TIMEOUT`, `ABORTED`, `CLOSED`.
   */
  heartbeat(incarnations: readonly number[], options: CallOptions): Promise<HeartbeatAnswer>
  /**
   * Everything that is decided in the beginning of a range, of all streams; `horizon`: no token above it was granted.
   *
   * @throws SirtakiError as `readDecided`.
   */
  decided?(
    range: { readonly from: number; readonly to: number },
    options: CallOptions,
  ): Promise<DecidedRange & { readonly horizon: number }>
  /** Drops everything below a position, everywhere. @throws SirtakiError as `LogClient.trim`. */
  trim?(before: number, options: CallOptions): Promise<void>
  /** As `Ports.failpoint`. */
  readonly failpoint?: Ports['failpoint']
  /** Says who owes an answer at present, for messages. */
  waitsFor?(): string | undefined
  /** Plays a stream from its start, or from a position on; also what comes later, unless it is not `live`. */
  play(stream: number, events: StreamEvents, from?: number, options?: { readonly live: boolean }): SpacePlayer
}

/** Gives a cluster's log. */
export function spaceLogOf(client: LogClient): SpaceLog {
  const {
    ports: { clock, random, failpoint },
    limits,
  } = client.cluster
  return {
    clock,
    random,
    limits,
    failpoint,
    trim: (before, options) => client.trim(before, options),
    decided: async (range, options) => {
      const [{ tail }, { window }] = [await client.tail(options), await client.layout(options)]
      const found = await readDecided(client.cluster, { from: range.from, to: Math.min(range.to, tail) }, options)
      return { ...found, horizon: tail + window }
    },
    append: (payload, options) => client.appendAnywhere(payload, options),
    overloaded: (bytes) => client.overloaded(bytes),
    waitsFor: () => client.cluster.waitsFor(),
    tail: (stream, flow) => client.tailOf(stream, flow),
    heartbeat: (incarnations, options) => client.heartbeat(incarnations, options),
    play: (stream, events, from = 0, how = { live: true }) => {
      const player = client.player(stream, from, events, how)
      return {
        offer: (entry) => {
          player.offer(entry)
        },
        playTo: (to, options) => player.playTo(to, options),
        close: () => {
          client.closePlayer(player)
        },
      }
    },
  }
}
