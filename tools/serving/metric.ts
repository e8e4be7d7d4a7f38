/**
 * Metrics as data, and as the text that Prometheus reads (format 0.0.4).
 *
 *     # HELP sirtaki_unit_commits_total Commits to disk.
 *     # TYPE sirtaki_unit_commits_total counter
 *     sirtaki_unit_commits_total 17
 *
 * Owns: the form of the text. What there is to measure stands in `unit-metrics.ts`, `sequencer-metrics.ts` and
 * `process-metrics.ts`, and for people in docs/metrics.md. Read next: those.
 */
import type { Page } from './http-server.ts'

/** One value with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
/** What a metric reads as: one value, several with labels, or not known by this server now (then it is left out). */
export type Reading = number | readonly Sample[] | undefined
/** One metric of a thing `S` that can be looked at. Units are base units: seconds and bytes, else what is counted. */
export interface Metric<S> {
  readonly name: string
  /** A `counter` only grows while the process runs; its name ends in `_total`. */
  readonly type: 'counter' | 'gauge'
  readonly unit: string
  /** What it says, in one sentence. */
  readonly help: string
  readonly read: (from: S) => Reading
}

/** The text of all metrics that are known now. */
export const metricsText = <S>(metrics: readonly Metric<S>[], from: S): string =>
  metrics.map((metric) => metricText(metric, metric.read(from))).join('')

function metricText<S>({ name, type, help }: Metric<S>, reading: Reading): string {
  const samples = typeof reading === 'number' ? [{ labels: {}, value: reading }] : (reading ?? [])
  if (samples.length === 0) return ''
  const lines = samples.map(({ labels, value }) => `${name}${labelsText(labels)} ${numberText(value)}\n`)
  return (
    `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} `
    + `${type}\n${lines.join('')}`
  )
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

/** Gives the text as a page. */
export const metricsPage = (text: string): Page => ({
  status: 200,
  type: 'text/plain; version=0.0.4; charset=utf-8',
  body: text,
})

interface Percentiles {
  readonly p50?: number | undefined
  readonly p99?: number | undefined
}

/** A latency's percentiles as samples in seconds; the label `quantile` is for summaries, which count from the start. */
export const percentileSamples = (latency: Percentiles | undefined): readonly Sample[] =>
  [['50', latency?.p50] as const, ['99', latency?.p99] as const].flatMap(([percentile, ms]) =>
    ms === undefined ? [] : [{ labels: { percentile }, value: ms / 1_000 }],
  )

/** One sample for each role, 1 for the one that holds. */
export const roleSamples = (roles: readonly string[], role: string): readonly Sample[] =>
  [...new Set([...roles, role])].map((one) => ({ labels: { role: one }, value: one === role ? 1 : 0 }))
