/** What a run found, for people and as JSON. Read next: `main.ts`, `judge.ts`. */
import { tableText } from '../../../tools/cli/output.ts'
import type { BucketFact, Verdict } from './judge.ts'
import type { Recorder } from './recorder.ts'

/** What was killed, and how many clients were started for that. */
export interface Kills {
  readonly clients: number
  readonly sequencers: number
  readonly units: number
  readonly started: number
  /** Of these, how many began with a checkpoint. */
  readonly loaded: number
}

/** One run. */
export interface Report {
  readonly seed: string
  readonly seconds: number
  readonly kills: Kills
  /** Positions of the log, and entries that used fuel. */
  readonly positions: number
  readonly entries: number
  readonly fuel: number
  /** Outcomes of each act. */
  readonly acts: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** What happened to programs. */
  readonly registry: Readonly<Record<string, number>>
  readonly verdict: Verdict
  readonly failures: readonly string[]
}

/** What a report is made of. */
export interface ReportParts extends Pick<Report, 'seed' | 'seconds' | 'kills' | 'verdict'> {
  readonly recorder: Recorder
  readonly witness: number | undefined
}

/** Makes the report. A run in which nothing was compared has failed. */
export function reportOf({ recorder, witness, ...parts }: ReportParts): Report {
  const { buckets, digests } = parts.verdict
  const nothing = [buckets === 0 ? ['no bucket was compared'] : [], digests === 0 ? ['no digest was compared'] : []]
  // What is said of the last bucket is said anew with each look: the latest counts.
  const last = new Map<number, BucketFact>()
  for (const one of recorder.buckets) if (one.process === witness) last.set(one.from, one)
  const all = [...last.values()]
  return {
    ...parts,
    positions: recorder.position + 1,
    entries: all.reduce((sum, { entries }) => sum + entries, 0),
    fuel: all.reduce((sum, { fuel }) => sum + fuel, 0),
    acts: actsOf(recorder),
    registry: recorder.registry,
    failures: [...recorder.failures, ...nothing.flat()],
  }
}

function actsOf({ told }: Recorder): Report['acts'] {
  const acts: Record<string, Record<string, number>> = {}
  for (const [what, times] of [...told].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const at = what.lastIndexOf(' ')
    const outcomes = (acts[what.slice(0, at)] ??= {})
    outcomes[what.slice(at + 1)] = times
  }
  return acts
}

/** Whether it went well. */
export const isGood = ({ verdict, failures }: Report): boolean =>
  verdict.violations.length === 0 && failures.length === 0

/** The table. */
export function textOf(report: Report): string {
  const { kills, verdict, acts, failures, positions, entries, fuel } = report
  const happened = (what: string): string => String(report.registry[what] ?? 0)
  const refused = Object.values(acts).reduce((sum, one) => sum + (one['EXTENSION_DISABLED'] ?? 0), 0)
  return tableText([
    ['what', 'how many'],
    ['seconds', String(report.seconds)],
    ['positions', String(positions)],
    ['entries with fuel', String(entries)],
    ['total fuel', String(fuel)],
    ...Object.entries(acts).map(([act, outcomes]) => [`act: ${act}`, outcomesText(outcomes)]),
    ['programs registered', `${happened('registered')}, ${happened('replaced')} of them in place of another version`],
    ['programs removed', happened('removed')],
    ['programs disabled', `${happened('disabled')}, ${acts['disable']?.['ok'] ?? 0} of them by hand`],
    ['programs enabled', happened('enabled')],
    ['events without fuel', happened('starved')],
    ['refused as disabled', String(refused)],
    ['kills of clients', `${kills.clients} (${kills.started} started, ${kills.loaded} with a checkpoint)`],
    ['kills of sequencers, units', `${kills.sequencers}, ${kills.units}`],
    ['buckets compared', String(verdict.buckets)],
    ['digests compared', String(verdict.digests)],
    ['violations', String(verdict.violations.length)],
    ['failures', String(failures.length)],
    ...verdict.violations.map((violation) => ['VIOLATION', violation]),
    ...failures.map((failure) => ['FAILED', failure]),
  ])
}

/** The most frequent first. */
const outcomesText = (outcomes: Readonly<Record<string, number>>): string =>
  Object.entries(outcomes)
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, times]) => `${outcome} ${times}`)
    .join(', ')
