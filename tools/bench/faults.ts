/**
 * Rows about faults: how long appends stand still when something dies, how soon they are as fast as before, and what
 * a copy costs.
 *
 * Everything with default settings. "After detection" counts from the moment at which somebody says who is gone.
 * Read next: `timeline.ts`, `specials.ts`.
 */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { openSegment } from '../../log/layout.ts'
import type { Answer } from './client.ts'
import { BenchCluster } from './cluster.ts'
import { middleOf } from './measure.ts'
import { usageOf } from './processes.ts'
import type { Special, SpecialContext } from './special.ts'
import { BUCKET_MS, type Timeline } from './timeline.ts'

const USUAL = { chains: 1, unix: false }
const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
const epochMs = (): number => performance.timeOrigin + performance.now()

/** A cluster with a spare and a second sequencer, and what its processes tell. */
class FaultCluster {
  readonly cluster: BenchCluster
  readonly spare: { readonly child: ChildProcess; readonly address: string }
  readonly standby: ChildProcess
  readonly told: { readonly text: string; readonly at: number }[] = []

  private constructor(cluster: BenchCluster, spare: FaultCluster['spare'], standby: ChildProcess) {
    this.cluster = cluster
    this.spare = spare
    this.standby = standby
    for (const child of [...cluster.units, cluster.sequencer, spare.child, standby]) {
      child.on('message', (said: unknown) => {
        if (isTold(said)) this.told.push({ text: said.told, at: said.at })
      })
    }
  }

  static async start({ processes, folder }: SpecialContext, name: string): Promise<FaultCluster> {
    const cluster = await BenchCluster.start(processes, join(folder, name), USUAL)
    const spare = await cluster.blankUnit('spare')
    await cluster.reconfigure({ spares: [spare.address] })
    return new FaultCluster(cluster, spare, await cluster.standby())
  }

  /** Everybody who may be told to suffer. */
  victim(who: Victim): ChildProcess | undefined {
    return who === 'unit' ? this.cluster.units[0] : this.cluster.sequencer
  }

  async stop({ processes }: SpecialContext): Promise<void> {
    await processes.kill(this.standby)
    await this.cluster.stop()
    await processes.kill(this.spare.child)
  }
}

const isTold = (said: unknown): said is { readonly told: string; readonly at: number } =>
  said !== null && typeof said === 'object' && 'told' in said && 'at' in said

type Victim = 'unit' | 'sequencer'
const FAILOVER_MS = 4_000
const FAULT_AFTER_MS = 1_000

const failover = (who: Victim, how: 'kill' | 'pause'): Special => ({
  name: `failover.${how}.${who}`,
  async run(context) {
    const all: number[] = []
    const detected: number[] = []
    for (let round = 0; round < context.rounds; round++) {
      context.progress(`failover.${how}.${who}: round ${round + 1} of ${context.rounds}`)
      const faults = await FaultCluster.start(context, `${how}-${who}-${round}`)
      const { address } = faults.cluster
      await faults.cluster.client.ask({ load: 'append', address, outstanding: 16, ms: 500, bytes: 128 })
      const load = faults.cluster.client.ask({
        load: 'timeline',
        address,
        outstanding: 16,
        ms: FAILOVER_MS + FAULT_AFTER_MS,
        bytes: 128,
      })
      await pause(FAULT_AFTER_MS)
      const at = epochMs()
      const victim = faults.victim(who)
      victim?.kill(how === 'kill' ? 'SIGKILL' : 'SIGSTOP')
      const line = timelineOf(await load)
      const gone = faults.told.find(({ text, at: when }) => when >= at && text.includes(' gone, '))
      all.push(standstill(line, at))
      if (gone !== undefined) detected.push(standstill(line, at) - (gone.at - at))
      await faults.stop(context)
    }
    context.tell({
      name: `failover.${how}.${who}`,
      system: 'sirtaki',
      value: Math.round(middleOf(all)),
      unit: 'ms',
      note:
        `from the ${how} to the next acknowledged append; longest ${Math.round(Math.max(...all))} ms; after `
        + `detection ${Math.round(middleOf(detected))} ms, longest ${Math.round(Math.max(...detected))} ms`,
    })
  },
})

function timelineOf({ timeline }: Answer): Timeline {
  if (timeline === undefined) throw new Error('a load without its timeline')
  return timeline
}

/** From a moment to the first acknowledgement after the longest silence behind it, in milliseconds. */
function standstill({ startedAt, acknowledged }: Timeline, at: number): number {
  const first = Math.max(0, Math.floor((at - startedAt) / BUCKET_MS))
  let longest = 0
  let end = first
  let from = first
  for (let i = first; i < acknowledged.length; i++) {
    if ((acknowledged[i] ?? 0) === 0) continue
    if (i - from > longest) {
      longest = i - from
      end = i
    }
    from = i
  }
  return startedAt + end * BUCKET_MS - at
}

const RECOVERY_MS = 12_000
const FAULT_MS = 2_000

/**
 * At 80 % of what the cluster can do: how long after the end of a fault until a second of appends is 90 % of the rate
 * again.
 */
const recovery = (
  name: string,
  hurt: (faults: FaultCluster) => void,
  heal: (faults: FaultCluster) => void,
): Special => ({
  name: `recovery.${name}`,
  async run(context) {
    const faults = await FaultCluster.start(context, `recovery-${name}`)
    const { client, address } = faults.cluster
    const { measured } = await client.ask({ load: 'append', address, outstanding: 1_024, ms: 4_000, bytes: 128 })
    const rate = Math.round(measured.perSecond * 0.8)
    context.progress(`recovery.${name}: ${rate} appends/s`)
    const load = client.ask({
      load: 'timeline',
      address,
      outstanding: 0,
      rate,
      ms: RECOVERY_MS + FAULT_MS + FAULT_AFTER_MS,
      bytes: 128,
    })
    await pause(FAULT_AFTER_MS)
    hurt(faults)
    await pause(FAULT_MS)
    const healed = epochMs()
    heal(faults)
    const line = timelineOf(await load)
    const holes = await holesOf(faults)
    context.tell({
      name: `recovery.${name}`,
      system: 'sirtaki',
      value: Math.round(backAfter(line, healed, rate * 0.9)),
      unit: 'ms until 90 % of the rate',
      note: `${rate} appends/s asked for, 80 % of saturation; ${line.failed} failed, ${holes} holes left`,
    })
    await faults.stop(context)
  },
})

async function holesOf({ cluster }: FaultCluster): Promise<number> {
  const { sequencer } = await cluster.layout()
  return sequencer === null ? -1 : cluster.holes(sequencer.address)
}

/** From a moment to the start of the first second with so many acknowledgements, in milliseconds. */
function backAfter({ startedAt, acknowledged }: Timeline, from: number, perSecond: number): number {
  const window = 1000 / BUCKET_MS
  for (let i = Math.max(0, Math.floor((from - startedAt) / BUCKET_MS)); i + window <= acknowledged.length; i++) {
    let sum = 0
    for (let j = i; j < i + window; j++) sum += acknowledged[j] ?? 0
    if (sum >= perSecond) return Math.max(0, startedAt + i * BUCKET_MS - from)
  }
  return Infinity
}

const COPY_ENTRIES = 262_144
const COPY_BYTES = 4_096
const COPY_SECONDS_MAX = 120

/** A unit of a gigabyte is copied while appends go on at half of what the cluster can do. */
const copy: Special = {
  name: 'copy.1gb',
  async run(context) {
    const cluster = await BenchCluster.start(context.processes, join(context.folder, 'copy'), USUAL)
    const { client, address } = cluster
    context.progress('copy.1gb: writing')
    for (let written = 0; written < COPY_ENTRIES; written += 32_768) {
      await client.ask({ load: 'writeEntries', address, entries: 32_768, bytes: COPY_BYTES })
    }
    const { measured } = await client.ask({ load: 'append', address, outstanding: 1_024, ms: 3_000, bytes: 128 })
    const rate = Math.round(measured.perSecond / 2)
    const alone = timelineOf(
      await client.ask({ load: 'timeline', address, outstanding: 0, rate, ms: 5_000, bytes: 128 }),
    )
    const blank = await cluster.blankUnit('newcomer')
    const load = client.ask({ load: 'timeline', address, outstanding: 0, rate, ms: 20_000, bytes: 128 })
    await pause(1_000)
    const started = epochMs()
    await cluster.reconfigure({ join: [{ address: blank.address }] })
    const joined = epochMs()
    let merged = joined
    for (; merged - joined < COPY_SECONDS_MAX * 1000; merged = epochMs()) {
      const layout = await cluster.layout()
      if (layout.segments.length === 1 && openSegment(layout).chains.flat().length === 4) break
      await pause(50)
    }
    const line = timelineOf(await load)
    const megabytes = (COPY_ENTRIES * COPY_BYTES) / 1e6
    const share = (from: number, to: number): number =>
      sumOf(line, from, to)
      / ((to - from) / 1000)
      / (sumOf(alone, alone.startedAt + 1_000, alone.startedAt + 5_000) / 4)
    context.tell({
      name: 'copy.1gb',
      system: 'sirtaki',
      value: Math.round(megabytes / ((merged - joined) / 1000)),
      unit: 'MB/s',
      note:
        `${Math.round(megabytes)} MB in ${((merged - joined) / 1000).toFixed(1)} s beside ${rate} appends/s, `
        + `of which ${Math.round(100 * share(joined, Math.min(merged, line.startedAt + 20_000)))} % were `
        + `acknowledged meanwhile; joined after ${Math.round(joined - started)} ms; newcomer `
        + `${Math.round(usageOf(blank.child.pid ?? 0)?.residentMb ?? 0)} MB resident`,
    })
    await cluster.stop()
    await context.processes.kill(blank.child)
  },
}

function sumOf({ startedAt, acknowledged }: Timeline, from: number, to: number): number {
  return acknowledged
    .slice(Math.floor((from - startedAt) / BUCKET_MS), Math.floor((to - startedAt) / BUCKET_MS))
    .reduce((a, b) => a + b, 0)
}

/** How long nothing goes through. */
export const failovers: readonly Special[] = [
  failover('sequencer', 'kill'),
  failover('unit', 'kill'),
  failover('sequencer', 'pause'),
  failover('unit', 'pause'),
]
/** How soon all is as before. */
export const recoveries: readonly Special[] = [
  recovery(
    'kill.unit',
    (faults) => {
      faults.victim('unit')?.kill('SIGKILL')
    },
    () => undefined,
  ),
  recovery(
    'kill.sequencer',
    (faults) => {
      faults.victim('sequencer')?.kill('SIGKILL')
    },
    () => undefined,
  ),
  recovery(
    'pause.unit',
    (faults) => {
      faults.victim('unit')?.kill('SIGSTOP')
    },
    (faults) => {
      faults.victim('unit')?.kill('SIGCONT')
    },
  ),
  recovery(
    'pause.sequencer',
    (faults) => {
      faults.victim('sequencer')?.kill('SIGSTOP')
    },
    (faults) => {
      faults.victim('sequencer')?.kill('SIGCONT')
    },
  ),
]
/** What a newcomer costs. */
export const copying: readonly Special[] = [copy]
