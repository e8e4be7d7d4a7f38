/**
 * What came of a run, in figures: for people as a table, for machines as JSON.
 *
 * Read next: `picture.ts`, `nemesis.ts`.
 */
import { loadavg } from 'node:os'
import { tableText } from '../../../tools/cli/output.ts'
import type { KindName } from './faults.ts'
import type { Judgement } from './judge.ts'
import { isLoadSession } from './loads.ts'
import { BUCKET_MS, type Bucket, type Meter } from './meter.ts'
import type { Met } from './nemesis.ts'
import type { ObjectJudgement } from './object-judge.ts'
import type { Series } from './retention.ts'
import type { SessionFacts } from './session-facts.ts'

/**
 * One fault with its figures. Seconds are from the start of the run; `unavailableMs` is the longest time without an
 * acknowledged append from its injection to 10 s after its end, or to the next one; an append was acknowledged
 * `againMs` after its end, so many `epochs` later.
 */
export interface FaultRow {
  readonly kind: KindName
  readonly what: string
  readonly fromS: number
  readonly toS: number
  readonly operations: number
  readonly unavailableMs: number
  readonly againMs: number
  readonly epochs: number
}

/** One load with its figures. `unknown`: operations whose outcome nobody knows. */
export interface LoadRow {
  readonly load: string
  readonly operations: number
  readonly unknown: number
  readonly perSecond: readonly number[]
}

/** What became of the sessions of the clients of objects. */
export interface SessionFigures {
  readonly opened: number
  /** By a sequencer, for they were silent. */
  readonly expired: number
  /** The longest time from the kill of a client to the end of a session of its, beyond that session's timeout. */
  readonly lateMsMax: number
  readonly digestsCompared: number
  readonly rounds: number
}

/** A run in figures. */
export interface Report {
  readonly seed: string
  readonly machine: string
  readonly seconds: number
  readonly operations: number
  readonly acknowledged: number
  readonly perSecondOutside: number
  readonly faults: readonly FaultRow[]
  readonly loads: readonly LoadRow[]
  readonly sessions: SessionFigures
  readonly skipped: Readonly<Record<string, string>>
  readonly errors: Readonly<Record<string, number>>
  /** How often a server ended by itself and was started again. */
  readonly ends: Readonly<Record<string, number>>
  readonly violations: readonly string[]
  readonly missing: number
  readonly undecided: number
  readonly failures: readonly string[]
  /** Of the machine over the last minute of the run. */
  readonly loadAverage: number
  /** How much there was of everything over time. */
  readonly series: readonly Series[]
  readonly bucketMs: number
  readonly buckets: readonly Bucket[]
}

/** What a run has beside what was measured. */
export interface Findings {
  readonly seed: string
  readonly machine: string
  readonly met: readonly Met[]
  readonly skipped: ReadonlyMap<string, string>
  readonly errors: ReadonlyMap<string, number>
  readonly ends: Readonly<Record<string, number>>
  readonly failures: readonly string[]
  readonly judgement: Judgement
  readonly objects: ObjectJudgement
  readonly facts: SessionFacts
  readonly series: readonly Series[]
  readonly endNs: number
  readonly least: number
}

/** Puts everything into figures. */
export function reportOf(
  meter: Meter,
  { met, judgement, objects, facts, endNs, least, failures, skipped, errors, ...rest }: Findings,
): Report {
  const secondsOf = (ns: number): number => (ns - meter.startNs) / 1e9
  const faults = met.map(({ kind, what, fromNs, toNs, watchedToNs, againMs, epochs }) => ({
    kind,
    what,
    againMs: Math.round(againMs),
    epochs,
    fromS: secondsOf(fromNs),
    toS: secondsOf(toNs),
    operations: meter.operationsIn(fromNs, toNs),
    unavailableMs: Math.round(meter.longestGapMs(fromNs, watchedToNs)),
  }))
  const secondsInside = faults.reduce((sum, { fromS, toS }) => sum + toS - fromS, 0)
  const inside = faults.reduce((sum, { operations }) => sum + operations, 0)
  const perSecondOutside = Math.round(
    (meter.operationsIn(meter.startNs, endNs) - inside) / Math.max(1, secondsOf(endNs) - secondsInside),
  )
  const all = [...failures]
  if (perSecondOutside < least) {
    all.push(`only ${perSecondOutside} operations a second outside faults, ${least} are needed to say anything`)
  }
  if (judgement.undecided > 0) all.push(`the histories of ${judgement.undecided} counters could not be decided`)
  all.push(...objects.undecided.map((what) => `the history of the ${what} could not be decided`))
  return {
    ...rest,
    seconds: secondsOf(endNs),
    operations: meter.operations,
    acknowledged: meter.acknowledged,
    perSecondOutside,
    faults,
    loads: [...meter.loads()]
      .map(([load, count]): LoadRow => ({ load, ...count }))
      .sort((left, right) => (left.load < right.load ? -1 : 1)),
    sessions: sessionFigures(facts, objects),
    skipped: Object.fromEntries(skipped),
    errors: Object.fromEntries(errors),
    violations: [...judgement.violations, ...objects.violations],
    missing: judgement.missing,
    undecided: judgement.undecided + objects.undecided.length,
    failures: all,
    loadAverage: loadavg()[0] ?? 0,
    bucketMs: BUCKET_MS,
    buckets: meter.buckets(),
  }
}

function sessionFigures(facts: SessionFacts, { rounds }: ObjectJudgement): SessionFigures {
  const all = [...facts.sessions.values()].filter(({ name }) => isLoadSession(name))
  const late = facts.kills.flatMap(({ client, at }) =>
    facts.liveOf(client, at).map(({ endAt, timeoutMs }) => (endAt - at) / 1e6 - timeoutMs),
  )
  return {
    opened: all.length,
    expired: all.filter(({ endEpoch }) => endEpoch > 0).length,
    lateMsMax: Math.round(Math.max(0, ...late)),
    digestsCompared: facts.compared,
    rounds,
  }
}

/** Whether it went well. */
export const isGood = ({ violations, failures }: Report): boolean => violations.length === 0 && failures.length === 0

const middle = (sorted: readonly number[]): number => sorted[Math.floor((sorted.length - 1) / 2)] ?? 0

function spread(all: readonly number[]): { readonly p50: number; readonly max: number } {
  const sorted = all.toSorted((left, right) => left - right)
  return { p50: middle(sorted), max: sorted.at(-1) ?? 0 }
}

const unavailable = (faults: readonly FaultRow[]): { readonly p50: number; readonly max: number } =>
  spread(faults.map((one) => one.unavailableMs))

/** The table, what was skipped, and what was told to clients. */
export function textOf(report: Report): string {
  const rows = [...Map.groupBy(report.faults, ({ kind }) => kind)].map(([kind, faults]) => {
    const { p50, max } = unavailable(faults)
    return [
      kind,
      String(faults.length),
      String(faults.reduce((sum, one) => sum + one.operations, 0)),
      String(p50),
      String(max),
    ]
  })
  const told = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .map(([what, times]) => `${what} ${times}`)
      .join(', ') || 'none'
  return [
    tableText([['kind', 'faults', 'operations during', 'unavailable p50 ms', 'max ms'], ...rows]),
    loadsText(report),
    ...seriesText(report),
    ...Object.entries(report.skipped).map(([kind, why]) => `SKIPPED ${kind}: ${why}`),
    `${report.perSecondOutside} operations a second outside faults, ${report.acknowledged} appends `
      + `acknowledged, ${report.missing} missing`,
    `errors told to clients: ${told(report.errors)}`,
    `servers that ended by themselves: ${told(report.ends)}`,
    ...report.violations.map((violation) => `VIOLATION ${violation}`),
    ...report.failures.map((failure) => `FAILED ${failure}`),
  ].join('\n')
}

/** Means of the third and the last quarter: what is kept for a time has come to its size by then. */
function seriesText({ series }: Report): string[] {
  if (series.length === 0) return []
  const mean = (values: readonly number[], from: number, to: number): string => {
    const part = values.slice(Math.floor(values.length * from), Math.ceil(values.length * to))
    return (part.reduce((sum, one) => sum + one, 0) / Math.max(1, part.length)).toFixed(1)
  }
  const rows = series.map(({ name, unit, values }) => [
    `${name}, ${unit}`,
    mean(values, 0, 0.25),
    mean(values, 0.5, 0.75),
    mean(values, 0.75, 1),
    Math.max(0, ...values).toFixed(1),
  ])
  return [tableText([['what is kept', 'first quarter', 'third', 'last', 'highest'], ...rows])]
}

function loadsText({ loads, seconds, sessions }: Report): string {
  const rows = loads.map(({ load, operations, unknown }) => [
    load,
    String(operations),
    (operations / Math.max(1, seconds)).toFixed(1),
    String(unknown),
  ])
  const { opened, expired, lateMsMax, digestsCompared, rounds } = sessions
  return [
    tableText([['load', 'operations', 'a second', 'unknown outcomes'], ...rows]),
    `${rounds} rounds of objects judged; ${opened} sessions opened, ${expired} ended by a sequencer, those of killed `
      + `clients ${lateMsMax} ms after their timeout at most; ${digestsCompared} digests compared`,
  ].join('\n')
}

/** The last line. */
export function lastLineOf({ faults, operations, violations }: Report): string {
  const { p50, max } = unavailable(faults)
  return (
    `faults ${faults.length}, operations ${operations}, violations ${violations.length}, unavailable p50 `
    + `${p50} ms, max ${max} ms`
  )
}

/** The last line of a run that only kills everything. */
export function againLineOf({ faults, acknowledged, missing, loadAverage }: Report): string {
  const again = spread(faults.map((one) => one.againMs))
  const epochs = spread(faults.map((one) => one.epochs))
  return (
    `kills of all ${faults.length}, acknowledged ${acknowledged}, missing ${missing}, append again p50 `
    + `${again.p50} ms, max ${again.max} ms, `
    + `epochs p50 ${epochs.p50}, max ${epochs.max}, load average ${loadAverage.toFixed(1)}`
  )
}
