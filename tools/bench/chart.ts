/**
 * The chart of the README: a panel a row, a bar a system, made by the bench from what it measured.
 *
 * Bars are linear within a panel; the text beside each carries the figure. Read next: `report.ts`.
 */
import { writeFile } from 'node:fs/promises'
import { figureOf, shortFigure, type Line } from './report.ts'

const WIDTH = 880
const COLUMN = WIDTH / 2
const NAME_WIDTH = 78
const BAR_MAX = 230
const BAR_HEIGHT = 16
const LINE_HEIGHT = 22
const TITLE_HEIGHT = 34
const PANEL_GAP = 14

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; } .title { font-weight: 600; } .hint { fill: #6e7781; }
  .bar { fill: #afb8c1; } .sirtaki { fill: #0969da; } .floor { fill: none; stroke: #afb8c1; stroke-dasharray: 3 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .hint { fill: #8d96a0; }
    .bar { fill: #57606a; } .sirtaki { fill: #4493f8; } .floor { fill: none; stroke: #57606a; }
  }`

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

function panelOf(lines: readonly Line[], left: number, top: number): string {
  const [first] = lines
  if (first === undefined) return ''
  const max = Math.max(...lines.map(figureOf))
  const bars = lines.map((line, i) => {
    const y = top + TITLE_HEIGHT + i * LINE_HEIGHT
    const width = Math.max(2, (figureOf(line) / max) * BAR_MAX)
    const kind = line.system === 'sirtaki' || line.system === 'floor' ? line.system : ''
    return (
      `<text x="${left}" y="${y + 12}">${escape(line.system)}</text><rect class="bar ${kind}" `
      + `x="${left + NAME_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" rx="2"/><text `
      + `x="${left + NAME_WIDTH + width + 6}" y="${y + 12}">${escape(shortFigure(line))}</text>`
    )
  })
  const hint = first.row.figure === 'latency' ? 'median latency, shorter is better' : 'per second, longer is better'
  return (
    `<text class="title" x="${left}" y="${top + 16}">${escape(first.name)} <tspan `
    + `class="hint">${hint}</tspan></text>${bars.join('')}`
  )
}

/** The chart as SVG: rows that more than one system has, in two columns. */
export function svgOf(lines: readonly Line[]): string {
  const names = [...new Set(lines.map((line) => line.name))].filter(
    (name) => lines.filter((line) => line.name === name).length > 1,
  )
  const tops = [0, 0]
  const panels = names.map((name, i) => {
    const own = lines.filter((line) => line.name === name)
    const column = i % 2
    const top = tops[column] ?? 0
    tops[column] = top + TITLE_HEIGHT + own.length * LINE_HEIGHT + PANEL_GAP
    return panelOf(own, column * COLUMN + 8, top)
  })
  const height = Math.max(...tops)
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" `
    + `height="${height}" role="img" aria-label="Throughput and latency beside other `
    + `systems"><style>${STYLE}</style>${panels.join('\n')}</svg>\n`
  )
}

/** Writes the chart to a file. */
export const chartOf = (lines: readonly Line[], path: string): Promise<void> => writeFile(path, svgOf(lines))
