/**
 * `npm run bench [-- --json] [--peers] [--only NAME] [--rounds N] [--ms N] [--compare REV] [--open-loop RATE] ...`
 *
 * Closed loops of `rows.ts` in rounds that go from system to system, so that a slow minute of the machine hits all of
 * them; then the rows of `specials.ts`. Medians over the rounds; a line is printed as soon as its row is done, so
 * that what was measured stays when something fails. Exit codes: 0 ok, 1 something failed, 2 usage. Read next:
 * `rows.ts`, `systems.ts`, `report.ts`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chartOf } from './chart.ts'
import { compare } from './compare.ts'
import { machineText, problemOfMachine } from './machine.ts'
import { readOptions, type Options } from './options.ts'
import { openLoopRun, overloads } from './overload.ts'
import { Processes, usageOf } from './processes.ts'
import type { Missing } from './measure.ts'
import {
  figureText,
  jsonOf,
  lackText,
  markdownOf,
  noiseOf,
  textOf,
  type Lack,
  type Line,
  type Sample,
} from './report.ts'
import { rows, type Row } from './rows.ts'
import type { Figure } from './special.ts'
import { specials } from './specials.ts'
import { startPeers } from './start-peers.ts'
import { FloorSystem, SirtakiSystem, type System } from './systems.ts'

/** What is left of the sizes of special rows where only that they run is asked. */
const SMOKE_SCALE = 0.01

const write = (text: string): void => {
  process.stdout.write(`${text}\n`)
}
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`)
}

async function sample(system: System, row: Row, ms: number): Promise<Sample | Missing> {
  const { clients, servers } = system.pids(row)
  const cpu = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + (usageOf(pid)?.cpuSeconds ?? 0), 0)
  const before = { clients: cpu(clients), servers: cpu(servers), at: performance.now() }
  const measured = await system.run(row, ms)
  const seconds = (performance.now() - before.at) / 1000
  if ('missing' in measured) return measured
  return {
    measured,
    clientCores: (cpu(clients) - before.clients) / seconds,
    serverCores: (cpu(servers) - before.servers) / seconds,
    serverMb: servers.reduce((sum, pid) => sum + (usageOf(pid)?.residentMb ?? 0), 0),
  }
}

/** A row as small as it gets, where only that it runs is asked. */
const sized = (row: Row, { smoke }: Options): Row =>
  smoke && row.load === 'sessionEnd' ? { ...row, outstanding: 2 } : row

const answers = (system: System, row: Row): boolean =>
  system.name === 'sirtaki' || (system.name === 'floor' ? row.floor : row.peers)

/** One row on every system that has the like of it, in rounds. */
async function runRow(
  row: Row,
  systems: readonly System[],
  { ms, rounds }: Options,
): Promise<{ lines: Line[]; lacks: Lack[] }> {
  const lacks = new Map<System, Lack>()
  const asked = systems.filter((system) => answers(system, row))
  const samples = new Map<System, Sample[]>(asked.map((system) => [system, []]))
  for (const system of asked) await system.prepare(row)
  for (let round = 0; round < rounds; round++) {
    for (const system of asked) {
      progress(`${row.name}: round ${round + 1} of ${rounds}, ${system.name}`)
      const one = lacks.has(system) ? undefined : await sample(system, row, ms)
      if (one === undefined) continue
      const { name, version } = system
      if ('missing' in one) lacks.set(system, { name: row.name, system: name, version, missing: one.missing })
      else samples.get(system)?.push(one)
    }
  }
  progress('')
  const lines = asked.flatMap((system): Line[] => {
    const own = samples.get(system) ?? []
    return own.length === 0 ? [] : [{ name: row.name, system: system.name, version: system.version, row, samples: own }]
  })
  return { lines, lacks: [...lacks.values()] }
}

async function runAll(options: Options, folder: string, processes: Processes): Promise<boolean> {
  const { wanted, json, rounds } = options
  const scale = options.smoke ? SMOKE_SCALE : 1
  const lines: Line[] = []
  const failures: string[] = []
  const attempt = async (name: string, run: () => Promise<void>): Promise<void> => {
    await run().catch((thrown: unknown) => {
      progress('')
      failures.push(name)
      process.stderr.write(`${name} failed: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
    })
  }
  const loops = rows.filter(({ name }) => wanted(name))
  const systems: System[] = [new SirtakiSystem(processes, folder, options.version)]
  try {
    if (loops.some((row) => row.floor)) systems.unshift(await FloorSystem.start(processes, folder))
    if (options.peers && loops.some((row) => row.peers)) {
      systems.push(
        ...(await startPeers(folder, (text) => {
          process.stderr.write(`${text}\n`)
        })),
      )
    }
    for (const row of loops) {
      await attempt(row.name, async () => {
        const ran = await runRow(sized(row, options), systems, options)
        lines.push(...ran.lines)
        for (const line of ran.lines) write(json ? JSON.stringify(jsonOf(line)) : textOf(line))
        for (const lack of ran.lacks) write(json ? JSON.stringify(lack) : lackText(lack))
      })
    }
  } finally {
    for (const system of systems) await system.stop()
  }
  await processes.close()
  const tell = (figure: Figure): void => {
    progress('')
    write(json ? JSON.stringify(figure) : figureText(figure))
  }
  for (const special of [...specials, ...overloads]) {
    if (wanted(special.name)) {
      await attempt(special.name, () => special.run({ processes, folder, rounds, scale, progress, tell }))
    }
  }
  await finish(options, lines)
  return failures.length === 0
}

async function finish({ json, chart, table, rounds }: Options, lines: readonly Line[]): Promise<void> {
  if (lines.length === 0) return
  const conditions =
    `${machineText()}; the middle row's rounds lay ${Math.round(100 * noiseOf(lines))} % apart over ${rounds} `
    + 'rounds'
  if (!json && new Set(lines.map((line) => line.system)).size > 1) write(`\n${markdownOf(lines)}`)
  if (!json) write(`\n${conditions}`)
  if (table !== undefined) writeFileSync(table, `${markdownOf(lines)}\n\n${conditions}\n`)
  if (chart !== undefined) {
    await chartOf(lines, chart)
    process.stderr.write(`chart written to ${chart}\n`)
  }
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (typeof options === 'string') {
    process.stderr.write(`bench: ${options}\n`)
    return 2
  }
  const problem = problemOfMachine()
  if (problem !== undefined) process.stderr.write(`bench: ${problem}\n`)
  if (options.compare !== undefined) return (await compare(options, write, progress)) ? 0 : 1
  const folder = mkdtempSync(join(tmpdir(), 'sirtaki-bench-'))
  const processes = new Processes(options.prof)
  try {
    if (options.openLoop !== undefined) {
      return (await openLoopRun(options, { processes, folder, progress, write })) ? 0 : 1
    }
    return (await runAll(options, folder, processes)) ? 0 : 1
  } finally {
    await processes.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

process.exitCode = await main().catch((thrown: unknown) => {
  process.stderr.write(`bench: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  return 1
})
