/**
 * Rows that are no closed loop: playback, starts and restarts, memory of a full unit, an idle cluster.
 *
 * Each starts a cluster of its own, so that no other row's log is in its way. Read next: `rows.ts`, `overload.ts`.
 */
import { join } from 'node:path'
import { checkpointRows } from './checkpoint-rows.ts'
import { pastRows } from './past-rows.ts'
import { BenchClient, BenchCluster, type Shape } from './cluster.ts'
import { copying, failovers, recoveries } from './faults.ts'
import { middleOf } from './measure.ts'
import { usageOf } from './processes.ts'
import { scales } from './scale.ts'
import { scaled, type Special, type SpecialContext } from './special.ts'

const USUAL: Shape = { chains: 1, unix: false }
const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

async function startOwn({ processes, folder }: SpecialContext, name: string): Promise<BenchCluster> {
  return BenchCluster.start(processes, join(folder, name), USUAL)
}

/** Ops over `records` counters, played from the units into a fresh view of a fresh client. */
const playback = (name: string, size: number, recordsMax: number, roundsMax = Infinity): Special => ({
  name,
  async run(context) {
    const ops = scaled(context, size)
    const records = Math.min(ops, recordsMax)
    const cluster = await startOwn(context, name)
    const { address } = cluster
    context.progress(`${name}: writing ${ops.toLocaleString('en')} ops`)
    await cluster.client.ask({ load: 'writeOps', address, ops, records })
    const cold: number[] = []
    const warm: number[] = []
    const rounds = Math.min(context.rounds, roundsMax)
    for (let round = 0; round < rounds; round++) {
      context.progress(`${name}: round ${round + 1} of ${rounds}`)
      const client = await BenchClient.start(context.processes)
      const play = async (): Promise<number> => (await client.ask({ load: 'play', address, ops })).measured.perSecond
      cold.push(await play())
      await play()
      warm.push(await play())
      await context.processes.kill(client.child)
    }
    context.tell({
      name,
      system: 'sirtaki',
      value: middleOf(warm),
      unit: 'ops/s',
      note:
        `${ops.toLocaleString('en')} ops over ${records.toLocaleString('en')} records, from nothing, the `
        + 'third time in a process',
    })
    context.tell({
      name: `${name}.cold`,
      system: 'sirtaki',
      value: middleOf(cold),
      unit: 'ops/s',
      note: 'the first time in a process: connecting and compiling included',
    })
    await cluster.stop()
  },
})

const FULL_ENTRIES = 5_000_000
const FULL_AT_A_TIME = 250_000
const full: Special = {
  name: 'unit.5m',
  async run(context) {
    const cluster = await startOwn(context, 'unit.5m')
    const { address } = cluster
    const all = scaled(context, FULL_ENTRIES)
    const started = performance.now()
    for (let written = 0; written < all; written += FULL_AT_A_TIME) {
      context.progress(`unit.5m: ${written.toLocaleString('en')} of ${all.toLocaleString('en')} entries written`)
      const entries = Math.min(FULL_AT_A_TIME, all - written)
      await cluster.client.ask({ load: 'writeEntries', address, entries, bytes: 128 })
    }
    const seconds = (performance.now() - started) / 1000
    context.tell({
      name: 'unit.5m.written',
      system: 'sirtaki',
      value: Math.max(...cluster.units.map((unit) => usageOf(unit.pid ?? 0)?.residentMb ?? 0)),
      unit: 'MB resident',
      note: `after writing at ${Math.round(all / seconds)}/s`,
    })
    const { child, ms } = await cluster.restartUnit(0)
    context.tell({
      name: 'unit.5m.restart',
      system: 'sirtaki',
      value: Math.round(ms),
      unit: 'ms until it serves',
      note: 'kill -9, from the start of the process',
    })
    const { measured } = await cluster.client.ask({ load: 'firstAppend', address })
    context.tell({
      name: 'unit.5m.append',
      system: 'sirtaki',
      value: Math.round(ms + measured.p50Ms),
      unit: 'ms until an append is acknowledged',
      note: 'the unit has to be named by the next epoch',
    })
    context.tell({
      name: 'unit.5m.restarted',
      system: 'sirtaki',
      value: usageOf(child.pid ?? 0)?.residentMb ?? 0,
      unit: 'MB resident',
    })
    await context.processes.kill(child)
    await cluster.stop()
  },
}

const sequencerRestart: Special = {
  name: 'restart.sequencer',
  async run(context) {
    const cluster = await startOwn(context, 'restart')
    const { address } = cluster
    const times: number[] = []
    const bare: number[] = []
    for (let round = 0; round < context.rounds; round++) {
      await cluster.client.ask({ load: 'append', address, outstanding: 16, ms: 300, bytes: 128 })
      context.progress(`restart.sequencer: round ${round + 1} of ${context.rounds}`)
      const { startedAt, openAt } = await cluster.replaceSequencer()
      await cluster.client.ask({ load: 'firstAppend', address })
      times.push(performance.now() - startedAt)
      bare.push(openAt - startedAt)
    }
    context.tell({
      name: 'restart.sequencer',
      system: 'sirtaki',
      value: Math.round(middleOf(times)),
      unit: 'ms',
      note:
        'from the start of its process to an acknowledged append; its epoch was open after '
        + `${Math.round(middleOf(bare))} ms`,
    })
    await cluster.stop()
  },
}

const IDLE_MS = 10_000
const idle: Special = {
  name: 'idle',
  async run(context) {
    const cluster = await startOwn(context, 'idle')
    await cluster.client.ask({ load: 'append', address: cluster.address, outstanding: 1, ms: 300, bytes: 128 })
    await pause(2_000)
    context.progress(`idle: ${IDLE_MS / 1000} s`)
    const pids = [...cluster.pids, cluster.client.pid]
    const used = (): number => pids.reduce((sum, pid) => sum + (usageOf(pid)?.cpuSeconds ?? 0), 0)
    const before = used()
    await pause(IDLE_MS)
    context.tell({
      name: 'idle',
      system: 'sirtaki',
      value: Math.round(((used() - before) / IDLE_MS) * 1e6) / 10,
      unit: '% of a core',
      note: 'three units, sequencer and client together',
    })
    const memory = pids.map((pid) => Math.round(usageOf(pid)?.residentMb ?? 0))
    context.tell({
      name: 'idle.memory',
      system: 'sirtaki',
      value: memory.reduce((a, b) => a + b, 0),
      unit: 'MB resident',
      note: `units ${memory.slice(0, 3).join(', ')}, sequencer ${memory[3]}, client ${memory[4]}`,
    })
    await cluster.stop()
  },
}

/** All of them, in the order of the table. */
export const specials: readonly Special[] = [
  playback('playback.100k', 100_000, 1),
  playback('playback.100k-records', 300_000, 100_000),
  playback('playback.1m-records', 1_000_000, 1_000_000, 1),
  playback('playback.1M', 1_000_000, 1_000, 2),
  ...scales,
  ...checkpointRows,
  ...pastRows,
  full,
  sequencerRestart,
  idle,
  ...failovers,
  ...recoveries,
  ...copying,
]
