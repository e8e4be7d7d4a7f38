/**
 * The picture of a run: throughput and latency over time, a row for each load with its operations a second, and a row
 * for each kind of fault with a bar for each of them.
 *
 * Throughput is linear, latency logarithmic; the grey bands are the faults again. Read next: `report.ts`.
 */
import { writeFileSync } from 'node:fs'
import type { Bucket } from './meter.ts'
import type { Report } from './report.ts'
import type { Series } from './retention.ts'

const WIDTH = 880
const LEFT = 108
const RIGHT = 16
const PLOT = WIDTH - LEFT - RIGHT
const PANEL_HEIGHT = 120
const TITLE_HEIGHT = 34
const ROW_HEIGHT = 18
const PANEL_GAP = 22
const SERIES_HEIGHT = 48

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; } .title { font-weight: 600; } .hint { fill: #6e7781; }
  .axis { stroke: #afb8c1; stroke-width: 1; } .band { fill: #afb8c1; opacity: 0.35; } .bar { fill: #cf222e; }
  .line { fill: none; stroke: #0969da; stroke-width: 1.2; } .line.high { stroke: #bf8700; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .hint { fill: #8d96a0; } .axis { stroke: #57606a; } .band { fill: #57606a; }
    .bar { fill: #f85149; } .line { stroke: #4493f8; } .line.high { stroke: #d29922; }
  }`

/** One point of a curve. */
interface Point {
  readonly x: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Joins buckets so that there is a point for two pixels at most. */
function pointsOf({ buckets, bucketMs, seconds }: Report): Point[] {
  const width = Math.max(1, Math.ceil(buckets.length / (PLOT / 2)))
  return Array.from({ length: Math.ceil(buckets.length / width) }, (_, i) => {
    const part = buckets.slice(i * width, (i + 1) * width)
    const total = part.reduce((sum, { operations }) => sum + operations, 0)
    const weighed = (of: (bucket: Bucket) => number): number =>
      total === 0 ? 0 : part.reduce((sum, bucket) => sum + of(bucket) * bucket.operations, 0) / total
    return {
      x: LEFT + (((i + 0.5) * width * bucketMs) / 1_000 / seconds) * PLOT,
      perSecond: (total / part.length / bucketMs) * 1_000,
      p50Ms: weighed(({ p50Ms }) => p50Ms),
      p99Ms: Math.max(...part.map(({ p99Ms }) => p99Ms)),
    }
  }).filter(({ x }) => x <= LEFT + PLOT)
}

/** Nice values for an axis: 1, 2 or 5 times a power of ten, at least `least`. */
const niceFrom = (least: number): number =>
  [1, 2, 5, 10].map((one) => one * 10 ** Math.floor(Math.log10(least))).find((one) => one >= least) ?? least

const text = (x: number, y: number, words: string, kind = ''): string =>
  `<text x="${x.toFixed(1)}" `
  + `y="${y.toFixed(1)}"${kind}>${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`
const axis = (y: number): string => `<line class="axis" x1="${LEFT}" x2="${LEFT + PLOT}" y1="${y}" y2="${y}"/>`

/** A curve; where there is no value the line ends and begins anew. */
function lineOf(points: readonly Point[], yOf: (point: Point) => number | undefined, kind = ''): string {
  let isDown = false
  const path = points.map((point) => {
    const y = yOf(point)
    const step = y === undefined ? '' : `${isDown ? 'L' : 'M'}${point.x.toFixed(1)} ${y.toFixed(1)}`
    isDown = y !== undefined
    return step
  })
  return `<path class="line ${kind}" d="${path.join('')}"/>`
}

/** One load: its operations a second, in a row of its own. */
function rowOf(load: string, perSecond: readonly number[], seconds: number, top: number): string[] {
  const width = Math.max(1, Math.ceil(perSecond.length / (PLOT / 2)))
  const means = Array.from({ length: Math.ceil(perSecond.length / width) }, (_, i) => {
    const part = perSecond.slice(i * width, (i + 1) * width)
    return part.reduce((sum, one) => sum + one, 0) / part.length
  })
  const most = Math.max(1, ...means)
  const height = ROW_HEIGHT - 4
  const path = means.flatMap((mean, i) => {
    const x = LEFT + (((i + 0.5) * width) / seconds) * PLOT
    return x > LEFT + PLOT ? [] : [`${x.toFixed(1)} ${(top + height * (1 - mean / most)).toFixed(1)}`]
  })
  const line = `<path class="line" d="M${path.join('L')}"/>`
  return [text(8, top + 12, `${load}, ${Math.round(most)}`), ...(path.length > 0 ? [line] : [])]
}

/** Something that was measured now and then: its curve up to its highest. */
function seriesOf({ name, unit, values, everyMs }: Series, seconds: number, top: number): string[] {
  const most = niceFrom(Math.max(1, ...values))
  const points = values.map((value, i) => {
    const x = LEFT + Math.min(1, ((i + 1) * everyMs) / 1_000 / seconds) * PLOT
    return `${x.toFixed(1)} ${(top + (SERIES_HEIGHT - 10) * (1 - value / most)).toFixed(1)}`
  })
  return [
    text(8, top + 12, name),
    text(8, top + 26, `to ${most.toLocaleString('en')} ${unit}`, ' class="hint"'),
    axis(top + SERIES_HEIGHT - 10),
    ...(points.length > 0 ? [`<path class="line" d="M${points.join('L')}"/>`] : []),
  ]
}

/** The picture as SVG. */
export function svgOf(report: Report): string {
  const points = pointsOf(report)
  const xOf = (seconds: number): number => LEFT + Math.min(1, seconds / report.seconds) * PLOT
  const most = niceFrom(Math.max(10, ...points.map(({ perSecond }) => perSecond)))
  const longestMs = 10 ** Math.ceil(Math.log10(Math.max(10, ...points.map(({ p99Ms }) => p99Ms))))
  const decades = Math.log10(longestMs * 10)
  const throughputTop = TITLE_HEIGHT
  const latencyTop = throughputTop + PANEL_HEIGHT + PANEL_GAP + TITLE_HEIGHT
  const throughputY = ({ perSecond }: Point): number => throughputTop + PANEL_HEIGHT * (1 - perSecond / most)
  const latencyY = (ms: number): number | undefined =>
    ms <= 0 ? undefined : latencyTop + PANEL_HEIGHT * (1 - Math.min(1, Math.max(0, Math.log10(ms * 10) / decades)))
  const loadsTop = latencyTop + PANEL_HEIGHT + PANEL_GAP + TITLE_HEIGHT
  const faultsTop = loadsTop + report.loads.length * ROW_HEIGHT + PANEL_GAP + TITLE_HEIGHT
  const kinds = [...new Set(report.faults.map(({ kind }) => kind))]
  const seriesTop = faultsTop + kinds.length * ROW_HEIGHT + PANEL_GAP + TITLE_HEIGHT
  const { series } = report
  const height =
    series.length > 0 ? seriesTop + series.length * SERIES_HEIGHT + 28 : faultsTop + kinds.length * ROW_HEIGHT + 28
  const widthOf = (fromS: number, toS: number): string => Math.max(1.5, xOf(toS) - xOf(fromS)).toFixed(1)
  const parts = [
    ...report.faults.flatMap(({ fromS, toS }) =>
      [throughputTop, latencyTop].map(
        (top) =>
          `<rect class="band" x="${xOf(fromS).toFixed(1)}" y="${top}" width="${widthOf(fromS, toS)}" `
          + `height="${PANEL_HEIGHT}"/>`,
      ),
    ),
    text(8, 16, 'operations', ' class="title"'),
    text(LEFT, 16, 'per second', ' class="hint"'),
    text(8, throughputTop + 10, most.toLocaleString('en')),
    text(8, throughputTop + PANEL_HEIGHT, '0'),
    axis(throughputTop + PANEL_HEIGHT),
    lineOf(points, throughputY),
    text(8, latencyTop - 18, 'latency', ' class="title"'),
    text(
      LEFT,
      latencyTop - 18,
      'median (blue) and 99th percentile (yellow) of operations that ended, logarithmic',
      ' class="hint"',
    ),
    ...Array.from({ length: Math.round(decades) + 1 }, (_, i) =>
      text(8, latencyTop + PANEL_HEIGHT * (1 - i / decades) + 4, `${10 ** (i - 1)} ms`),
    ),
    axis(latencyTop + PANEL_HEIGHT),
    lineOf(points, ({ p99Ms }) => latencyY(p99Ms), 'high'),
    lineOf(points, ({ p50Ms }) => latencyY(p50Ms)),
    text(8, loadsTop - 18, 'loads', ' class="title"'),
    text(LEFT, loadsTop - 18, 'operations a second of each, up to its highest', ' class="hint"'),
    ...report.loads.flatMap(({ load, perSecond }, i) =>
      rowOf(load, perSecond, report.seconds, loadsTop + i * ROW_HEIGHT),
    ),
    text(8, faultsTop - 18, 'faults', ' class="title"'),
    text(LEFT, faultsTop - 18, 'from injection to end', ' class="hint"'),
    ...kinds.map((kind, i) => text(8, faultsTop + i * ROW_HEIGHT + 12, kind)),
    ...report.faults.map(
      ({ kind, what, fromS, toS, unavailableMs }) =>
        `<rect class="bar" x="${xOf(fromS).toFixed(1)}" `
        + `y="${faultsTop + kinds.indexOf(kind) * ROW_HEIGHT + 2}" width="${widthOf(fromS, toS)}" `
        + `height="${ROW_HEIGHT - 6}" rx="2"><title>${what.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}: `
        + `unavailable ${unavailableMs} ms</title></rect>`,
    ),
    ...(series.length === 0
      ? []
      : [
          text(8, seriesTop - 18, 'what is kept', ' class="title"'),
          text(LEFT, seriesTop - 18, 'disk, memory and blobs over time', ' class="hint"'),
        ]),
    ...series.flatMap((one, i) => seriesOf(one, report.seconds, seriesTop + i * SERIES_HEIGHT)),
    axis(height - 24),
    text(LEFT, height - 8, '0 s', ' class="hint"'),
    text(LEFT + PLOT, height - 8, `${Math.round(report.seconds)} s`, ' class="hint" text-anchor="end"'),
  ]
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" `
    + `height="${height}" role="img" aria-label="Throughput and latency while faults are `
    + `injected"><style>${STYLE}</style>${parts.join('\n')}</svg>\n`
  )
}

/** Writes the picture to a file. */
export const drawTo = (path: string, report: Report): void => {
  writeFileSync(path, svgOf(report))
}
