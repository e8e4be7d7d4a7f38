/**
 * Draws what fuel takes in time: `node test/objects/extensions/fuel-picture.ts docs/extensions-fuel.svg`.
 *
 * A dot for each program of the corpora, at 10,000,000 fuel: the best of five calls, so that what is drawn is the work
 * and not the compiler. Prints the span that the middle nine tenths are in. Read next: `corpus.ts`, `bench.ts`.
 */
import { writeFileSync } from 'node:fs'
import { argv } from 'node:process'
import { Machine } from '../../../objects/extensions/engine/machine.ts'
import { Machines } from '../../../objects/extensions/engine/machines.ts'
import { long, odd } from './corpus.ts'
import { engine } from './corpus-run.ts'
import { callOf } from './guest-call.ts'
import { programs } from './program-grammar.ts'

const [WIDTH, HEIGHT, LEFT, BOTTOM, MARGIN] = [720, 420, 64, 44, 20]
/** Fuel from 10^4 to 10^7, time from 1 us to 10 ms, both by their logarithms. */
const [FUEL_FROM, FUEL_TO, US_FROM, US_TO] = [4, 7, 0, 4]
const CALLS = 5

interface Dot {
  readonly kind: 'long' | 'odd' | 'grammar'
  readonly fuel: number
  readonly us: number
}

function dotOf(kind: Dot['kind'], body: string): Dot | undefined {
  const machine = new Machines(engine).load(`({ run(ctx, input) { ${body} } })`)
  if (!(machine instanceof Machine)) return undefined
  let [us, fuel] = [Infinity, 0]
  for (let i = 0; i < CALLS; i++) {
    const begun = performance.now()
    fuel = callOf(machine).fuel
    us = Math.min(us, (performance.now() - begun) * 1_000)
  }
  return { kind, fuel, us }
}

const x = (fuel: number): number =>
  LEFT + ((Math.log10(fuel) - FUEL_FROM) / (FUEL_TO - FUEL_FROM)) * (WIDTH - LEFT - MARGIN)
const y = (us: number): number =>
  HEIGHT - BOTTOM - ((Math.log10(us) - US_FROM) / (US_TO - US_FROM)) * (HEIGHT - BOTTOM - MARGIN)

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; } .grid { stroke: #d0d7de; } circle { fill-opacity: 0.55; }
  .long { fill: #cf222e; } .odd { fill: #0969da; } .grammar { fill: #6e7781; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .grid { stroke: #30363d; } .long { fill: #ff7b72; } .odd { fill: #4493f8; }
    .grammar { fill: #8d96a0; }
  }`
const fuelNames = ['10,000', '100,000', '1,000,000', '10,000,000 fuel']
const timeNames = ['1 us', '10 us', '100 us', '1 ms', '10 ms']

function svgOf(dots: readonly Dot[]): string {
  const down = fuelNames.map((name, i) => {
    const at = x(10 ** (FUEL_FROM + i))
    const anchor = i === fuelNames.length - 1 ? 'end' : 'middle'
    return (
      `<line class="grid" x1="${at}" x2="${at}" y1="${MARGIN}" y2="${HEIGHT - BOTTOM}"/>`
      + `<text x="${at}" y="${HEIGHT - BOTTOM + 18}" text-anchor="${anchor}">${name}</text>`
    )
  })
  const across = timeNames.map((name, i) => {
    const at = y(10 ** (US_FROM + i))
    return (
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - MARGIN}" y1="${at}" y2="${at}"/>`
      + `<text x="${LEFT - 8}" y="${at + 4}" text-anchor="end">${name}</text>`
    )
  })
  const circles = dots.map(
    ({ kind, fuel, us }) => `<circle class="${kind}" cx="${x(fuel).toFixed(1)}" cy="${y(us).toFixed(1)}" r="2.5"/>`,
  )
  const kinds = [
    ['long', 'programs that run for long'],
    ['odd', 'odd ones'],
    ['grammar', 'of a grammar'],
  ].map(
    ([kind, text], i) =>
      `<circle class="${kind}" cx="${LEFT + 20}" cy="${MARGIN + 16 + 18 * i}" r="4"/>`
      + `<text x="${LEFT + 32}" y="${MARGIN + 20 + 18 * i}">${text}</text>`,
  )
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" `
    + `role="img" aria-label="Time of calls against their fuel"><style>${STYLE}</style>`
    + `${[...down, ...across, ...circles, ...kinds].join('\n')}</svg>\n`
  )
}

const bodies = (kind: Dot['kind'], all: readonly string[]): Dot[] =>
  all.flatMap((body) => dotOf(kind, body) ?? []).filter(({ fuel }) => fuel >= 10 ** FUEL_FROM)
const dots = [...bodies('grammar', programs(400)), ...bodies('odd', odd), ...bodies('long', long)]
const rates = dots.map(({ fuel, us }) => fuel / us).sort((a, b) => a - b)
const rate = (part: number): string => (rates[Math.floor(rates.length * part)] ?? 0).toFixed(0)
console.log(
  `${dots.length} programs; fuel a microsecond: median ${rate(0.5)}, nine tenths between ${rate(0.05)} and `
    + `${rate(0.95)}; the dearest call took ${(Math.max(...dots.map(({ us }) => us)) / 1_000).toFixed(2)} ms`,
)
const [, , file] = argv
if (file !== undefined) writeFileSync(file, svgOf(dots))
