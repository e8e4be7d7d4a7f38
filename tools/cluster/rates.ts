/**
 * What happened between two looks at a cluster, per second.
 *
 *     look ── seconds ── look      counters: the difference, unless the process was started anew in between
 *                          └ latencies, lag, what waits: as the second look has them
 *
 * A machine: no time of its own. What is not known is `undefined`. Read next: `members.ts`, `../commands/top.ts`.
 */
import {
  lagOf,
  type Latency,
  type Members,
  type SequencerStatus,
  type UnitMemberStatus,
  type UnitStatus,
} from './members.ts'

/** A look and when it was taken, on a clock that only goes forward. */
export interface Look {
  readonly atMs: number
  readonly members: Members
}

/** What one unit does. */
export interface UnitRates {
  readonly chain: number
  readonly address: string
  readonly problem: string | undefined
  readonly entriesPerSecond: number | undefined
  readonly bytesPerSecond: number | undefined
  readonly commitsPerSecond: number | undefined
  readonly entriesPerCommit: number | undefined
  readonly commitMs: Latency | undefined
  readonly lag: number | undefined
  readonly waitingBytes: number | undefined
  readonly subscriptions: number | undefined
  readonly connections: number | undefined
}

/** What the sequencer does. `windowUse` is the share of the window that is granted and not decided. */
export interface SequencerRates {
  readonly address: string
  readonly problem: string | undefined
  readonly appendsPerSecond: number | undefined
  readonly grantsPerSecond: number | undefined
  readonly holes: number | undefined
  readonly windowUse: number | undefined
  readonly appendMs: Latency | undefined
  readonly waiting: number | undefined
  readonly connections: number | undefined
}

/** Entries of one stream. */
export interface StreamRates {
  readonly stream: number
  readonly entriesPerSecond: number | undefined
}

/** What a whole cluster does. `seconds` lie between the looks. */
export interface Rates {
  readonly cluster: string
  readonly epoch: number
  readonly tail: number | undefined
  readonly seconds: number
  readonly sequencer: SequencerRates | null
  readonly units: readonly UnitRates[]
  readonly streams: readonly StreamRates[]
}

/** Compares a look with the one before it; without one before, no rate is known. */
export function ratesOf(before: Look | undefined, now: Look): Rates {
  const { layout, units, sequencer } = now.members
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1_000
  const was = before?.members.sequencer?.status
  return {
    cluster: layout.cluster,
    epoch: layout.epoch,
    tail: sequencer?.status?.tail,
    seconds,
    sequencer:
      sequencer === null
        ? null
        : {
            address: sequencer.address,
            problem: sequencer.problem,
            ...sequencerRates(was, sequencer.status, layout.window, seconds),
          },
    units: units.map((unit) =>
      unitRates(
        before?.members.units.find((one) => one.identity === unit.identity),
        unit,
        now.members,
        seconds,
      ),
    ),
    streams: streamRates(was, sequencer?.status, seconds),
  }
}

function sequencerRates(
  before: SequencerStatus | undefined,
  now: SequencerStatus | undefined,
  window: number,
  seconds: number,
): Omit<SequencerRates, 'address' | 'problem'> {
  const was = sameSequencer(before, now) ? before : undefined
  return {
    appendsPerSecond: perSecond(was?.granted, now?.granted, seconds),
    grantsPerSecond: perSecond(was?.grants, now?.grants, seconds),
    holes: now?.holes,
    windowUse: now === undefined ? undefined : now.holes / window,
    appendMs: now?.appendMs,
    waiting: now?.waiting,
    connections: now?.connections,
  }
}

function unitRates(
  before: UnitMemberStatus | undefined,
  unit: UnitMemberStatus,
  members: Members,
  seconds: number,
): UnitRates {
  const now = unit.status
  const was: UnitStatus | undefined = before?.status?.boot === now?.boot ? before?.status : undefined
  const entriesPerSecond = perSecond(was?.entries, now?.entries, seconds)
  const commitsPerSecond = perSecond(was?.commits, now?.commits, seconds)
  return {
    chain: unit.chain,
    address: unit.address,
    problem: unit.problem,
    entriesPerSecond,
    bytesPerSecond: perSecond(was?.bytes, now?.bytes, seconds),
    commitsPerSecond,
    entriesPerCommit:
      entriesPerSecond === undefined || commitsPerSecond === undefined || commitsPerSecond === 0
        ? undefined
        : entriesPerSecond / commitsPerSecond,
    commitMs: now?.commitMs,
    lag: lagOf(members, unit),
    waitingBytes: now?.waitingBytes,
    subscriptions: now?.subscriptions,
    connections: now?.connections,
  }
}

/** The busiest first; those that had nothing come last, in the sequencer's order. */
function streamRates(
  before: SequencerStatus | undefined,
  now: SequencerStatus | undefined,
  seconds: number,
): StreamRates[] {
  const was = sameSequencer(before, now) ? before?.busiest : undefined
  const rates = (now?.busiest ?? []).map(({ stream, entries }) => ({
    stream,
    entriesPerSecond: perSecond(was?.find((one) => one.stream === stream)?.entries, entries, seconds),
  }))
  return rates.sort((a, b) => (b.entriesPerSecond ?? 0) - (a.entriesPerSecond ?? 0))
}

/** A sequencer counts from when it is named. */
const sameSequencer = (before: SequencerStatus | undefined, now: SequencerStatus | undefined): boolean =>
  before !== undefined && before.boot === now?.boot && before.epoch === now.epoch

/** A counter that went backwards was started anew: its rate is not known. */
const perSecond = (before: number | undefined, now: number | undefined, seconds: number): number | undefined =>
  before === undefined || now === undefined || now < before || seconds <= 0
    ? undefined
    : Math.round(((now - before) / seconds) * 10) / 10
