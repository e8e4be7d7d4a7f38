/**
 * What the bench prints: one line a row and system, the table with ratios, and how noisy the machine was.
 *
 * Read next: `chart.ts`, `main.ts`.
 */
import { median, middleOf, type Measured } from './measure.ts'
import type { Row } from './rows.ts'
import type { Figure } from './special.ts'

/** One round of one row: what was measured and what it took. Cores are CPU seconds a second. */
export interface Sample {
  readonly measured: Measured
  readonly clientCores: number
  readonly serverCores: number
  readonly serverMb: number
}

/** All rounds of one row on one system. */
export interface Line {
  readonly name: string
  readonly system: string
  readonly version: string
  readonly row: Row
  readonly samples: readonly Sample[]
}

/** Why a row has no line of a system. */
export interface Lack {
  readonly name: string
  readonly system: string
  readonly version: string
  readonly missing: string
}
export const lackText = ({ name, system, missing }: Lack): string =>
  `${name.padEnd(24)} ${system.padEnd(9)} has none: ${missing}`

/** The figure that a row is about: lower is better for latencies. */
export const figureOf = ({ row, samples }: Line): number => {
  const middle = median(samples.map(({ measured }) => measured))
  return row.figure === 'latency' ? middle.p50Ms : middle.perSecond
}

const round = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits

/** One line as an object for machines. */
export function jsonOf(line: Line): object {
  const rates = line.samples.map(({ measured }) => measured.perSecond)
  return {
    name: line.name,
    system: line.system,
    version: line.version,
    ...median(line.samples.map(({ measured }) => measured)),
    rounds: rates.length,
    minPerSecond: Math.min(...rates),
    maxPerSecond: Math.max(...rates),
    clientCores: round(middleOf(line.samples.map((one) => one.clientCores)), 2),
    serverCores: round(middleOf(line.samples.map((one) => one.serverCores)), 2),
    serverMb: Math.round(middleOf(line.samples.map((one) => one.serverMb))),
  }
}

/** One line for people. */
export function textOf(line: Line): string {
  const { p50Ms, p99Ms, p999Ms, perSecond } = median(line.samples.map(({ measured }) => measured))
  const cores = (of: (one: Sample) => number): string => middleOf(line.samples.map(of)).toFixed(2)
  const ms = (value: number): string => value.toFixed(3).padStart(9)
  return (
    `${line.name.padEnd(24)} ${line.system.padEnd(9)} p50 ${ms(p50Ms)} ms  p99 ${ms(p99Ms)} ms  p99.9 `
    + `${ms(p999Ms)} ms  ${Math.round(perSecond).toLocaleString('en').padStart(11)}/s  cores `
    + `${cores((one) => one.clientCores)} + ${cores((one) => one.serverCores)}`
  )
}

export const figureText = ({ name, value, unit, note }: Figure): string =>
  `${name.padEnd(24)} sirtaki   ${value.toLocaleString('en', { maximumFractionDigits: 1 })} `
  + `${unit}${note === undefined ? '' : `   (${note})`}`

/** How much better `line` is than `other`: above 1 is better, whatever the figure. */
export const ratioOf = (line: Line, other: Line): number =>
  line.row.figure === 'latency' ? figureOf(other) / figureOf(line) : figureOf(line) / figureOf(other)

/** A figure in few letters. */
export const shortFigure = (line: Line): string => {
  const value = figureOf(line)
  if (line.row.figure === 'latency') {
    return `${value < 1_000 ? value.toPrecision(3) : Math.round(value).toLocaleString('en')} ms`
  }
  return value >= 10_000
    ? `${Math.round(value / 1000).toLocaleString('en')}k/s`
    : `${Math.round(value).toLocaleString('en')}/s`
}

/** The table in Markdown: a row a line, a column a system, Sirtaki's ratio to each beside it. */
export function markdownOf(lines: readonly Line[]): string {
  const systems = [...new Set(lines.map((line) => line.system))]
  const names = [...new Set(lines.map((line) => line.name))]
  const cell = (name: string, system: string): string => {
    const line = lines.find((one) => one.name === name && one.system === system)
    const ours = lines.find((one) => one.name === name && one.system === 'sirtaki')
    if (line === undefined) return ''
    return system === 'sirtaki' || ours === undefined
      ? `**${shortFigure(line)}**`
      : `${shortFigure(line)} (${ratioOf(ours, line).toFixed(ratioOf(ours, line) < 10 ? 2 : 0)}x)`
  }
  const header = systems.map((system) => {
    const version = lines.find((line) => line.system === system)?.version
    return system === 'floor' || version === undefined ? system : `${system} ${version}`
  })
  return [
    `| row | ${header.join(' | ')} |`,
    `|---|${systems.map(() => '---|').join('')}`,
    ...names.map((name) => `| \`${name}\` | ${systems.map((system) => cell(name, system)).join(' | ')} |`),
  ].join('\n')
}

/** How far the rounds of our own rows lay apart, as a share of their median: the middle row's spread. */
export function noiseOf(lines: readonly Line[]): number {
  return middleOf(
    lines.map(({ samples }) => {
      const rates = samples.map(({ measured }) => measured.perSecond)
      return (Math.max(...rates) - Math.min(...rates)) / Math.max(1, middleOf(rates))
    }),
  )
}
