/**
 * Overload: what is left of a cluster that is asked for twice what it can do, and of the others when one client stalls.
 *
 *     --open-loop RATE   appends started by the clock, latency from the intended start
 *     overload           saturation found, twice that for a minute, then how long until all is as before
 *     overload.stalled   a client that stands still for 200 ms between token and store, beside one that does not
 *
 * Keeps an eye on P17. Read next: `open-loop.ts`, `specials.ts`.
 */
import { join } from 'node:path'
import { BenchClient, BenchCluster } from './cluster.ts'
import type { OpenLoop } from './open-loop.ts'
import { usageOf, type Processes } from './processes.ts'
import type { Special, SpecialContext } from './special.ts'

const BYTES = 128
const OVERLOAD_MS = 60_000
const NORMAL_SHARE = 0.5
const SECOND = 1_000

async function load(
  client: BenchClient,
  address: string,
  options: { rate: number; ms: number; stallMs?: number },
): Promise<OpenLoop> {
  const { open } = await client.ask({ load: 'open', address, bytes: BYTES, stallMs: 0, ...options })
  if (open === undefined) throw new Error('the client measured nothing')
  return open
}

/** One open-loop run against a cluster of its own. False when the rate could not be made or nothing was answered. */
export async function openLoopRun(
  { openLoop, ms, json }: { readonly openLoop: number | undefined; readonly ms: number; readonly json: boolean },
  {
    processes,
    folder,
    write,
  }: { processes: Processes; folder: string; progress(text: string): void; write(text: string): void },
): Promise<boolean> {
  const cluster = await BenchCluster.start(processes, join(folder, 'open'), { chains: 1, unix: false })
  await cluster.client.ask({ load: 'append', address: cluster.address, outstanding: 64, ms: 500, bytes: BYTES })
  const rate = openLoop ?? 1
  const result = await load(cluster.client, cluster.address, { rate, ms })
  const { admitted, refused, failed, failure, offered, generatorLagMs } = result
  if (json) {
    write(
      JSON.stringify({
        name: 'open-loop',
        system: 'sirtaki',
        rate,
        ...admitted,
        offered,
        refused,
        failed,
        failure,
        generatorLagMs,
      }),
    )
  } else {
    write(
      `open loop at ${rate.toLocaleString('en')}/s: ${admitted.perSecond.toLocaleString('en')}/s answered, `
        + `p50 ${admitted.p50Ms} ms, p99 ${admitted.p99Ms} ms, p99.9 ${admitted.p999Ms} ms from the intended `
        + `start; ${refused.toLocaleString('en')} refused with a retry later, ${failed} `
        + `failed${failure === undefined ? '' : ` (${failure})`}`,
    )
  }
  if (offered < ((rate * ms) / SECOND) * 0.99 || generatorLagMs > ms / 10) {
    write(
      `the generator could not keep up with ${rate.toLocaleString('en')}/s: it made `
        + `${offered.toLocaleString('en')} calls and was up to ${Math.round(generatorLagMs)} ms late; lower the `
        + 'rate',
    )
    return false
  }
  return admitted.perSecond > 0
}

const residentMb = (pid: number | undefined): number => usageOf(pid ?? 0)?.residentMb ?? 0
/** What each part has resident, in MB: the largest unit, the sequencer, the client with what the bench itself keeps. */
const memoryOf = ({ units, sequencer, client }: BenchCluster): readonly [number, number, number] => [
  Math.max(...units.map((unit) => residentMb(unit.pid))),
  residentMb(sequencer.pid),
  residentMb(client.pid),
]

type Tell = (name: string, value: number, unit: string, note?: string) => void

/** How much memory each process took in the last third more than in the middle one. */
function tellMemory(memory: readonly (readonly [number, number, number])[], perSecond: number, tell: Tell): void {
  const third = Math.floor(memory.length / 3)
  const mean = (part: 0 | 1 | 2, from: number, to: number): number =>
    Math.round(memory.slice(from, to).reduce((sum, one) => sum + one[part], 0) / Math.max(1, third))
  for (const [part, name, note] of [
    [0, 'unit', `it indexed ${Math.round((perSecond * OVERLOAD_MS) / SECOND / 3 / 1000)}k entries more, 17 bytes each`],
    [1, 'sequencer', ''],
    [2, 'client', 'of which the bench keeps eight bytes a call'],
  ] as const) {
    const [middle, last] = [mean(part, third, 2 * third), mean(part, memory.length - third, memory.length)]
    tell(
      `memory.${name}`,
      last - middle,
      'MB grown',
      `${middle} MB in the middle third, ${last} MB in the last${note === '' ? '' : `; ${note}`}`,
    )
  }
}

async function overload(context: SpecialContext): Promise<void> {
  const cluster = await BenchCluster.start(context.processes, join(context.folder, 'overload'), {
    chains: 1,
    unix: false,
  })
  const { address, client } = cluster
  const tell: Tell = (name, value, unit, note) => {
    context.tell({ name: `overload.${name}`, system: 'sirtaki', value, unit, ...(note === undefined ? {} : { note }) })
  }
  context.progress('overload: looking for saturation')
  await client.ask({ load: 'append', address, outstanding: 1024, ms: 3_000, bytes: BYTES })
  const saturation = (await client.ask({ load: 'append', address, outstanding: 1024, ms: 5_000, bytes: BYTES }))
    .measured.perSecond
  tell('saturation', saturation, 'appends/s', 'closed loop, 1024 outstanding')
  const normal = await load(client, address, { rate: saturation * NORMAL_SHARE, ms: 5_000 })
  tell('normal', normal.admitted.p99Ms, 'ms p99', `open loop at half of saturation, ${normal.admitted.perSecond}/s`)
  context.progress('overload: twice the saturation rate for 60 s')
  const memory: (readonly [number, number, number])[] = []
  const sampler = setInterval(() => {
    memory.push(memoryOf(cluster))
  }, SECOND)
  const over = await load(client, address, { rate: saturation * 2, ms: OVERLOAD_MS })
  clearInterval(sampler)
  tell(
    'goodput',
    Math.round((100 * over.admitted.perSecond) / saturation),
    '% of saturation',
    `${over.admitted.perSecond}/s answered of ${Math.round((over.offered * SECOND) / OVERLOAD_MS)}/s `
      + `offered, ${over.refused} refused with a retry later, ${over.failed} `
      + `failed${over.failure === undefined ? '' : `: ${over.failure}`}`,
  )
  tell(
    'latency',
    over.admitted.p99Ms,
    'ms p99',
    `of admitted calls, from the intended start; p50 ${over.admitted.p50Ms} ms, the generator was up to `
      + `${Math.round(over.generatorLagMs)} ms late`,
  )
  tellMemory(memory, over.admitted.perSecond, tell)
  const after = await load(client, address, { rate: saturation * NORMAL_SHARE, ms: 5_000 })
  tell(
    'after',
    after.admitted.p99Ms,
    'ms p99',
    `the same half of saturation in the 5 s after it; before it ${normal.admitted.p99Ms} ms`,
  )
  await cluster.stop()
}

const STALL_MS = 200
const STALLED_RATE = 2_000

async function stalled(context: SpecialContext): Promise<void> {
  const cluster = await BenchCluster.start(context.processes, join(context.folder, 'stalled'), {
    chains: 1,
    unix: false,
  })
  const other = await BenchClient.start(context.processes)
  const { address, client } = cluster
  const tell = (name: string, value: number, note: string): void => {
    context.tell({ name: `overload.stalled.${name}`, system: 'sirtaki', value, unit: 'ms p99', note })
  }
  await client.ask({ load: 'counter', address, outstanding: 4, ms: 500 })
  context.progress('overload.stalled: without a stall, then with one')
  const alone = await client.ask({ load: 'counter', address, outstanding: 4, ms: 10_000 })
  tell('without', alone.measured.p99Ms, `counter with 4 sessions, p50 ${alone.measured.p50Ms} ms`)
  const [beside] = await Promise.all([
    client.ask({ load: 'counter', address, outstanding: 4, ms: 10_000 }),
    load(other, address, { rate: STALLED_RATE, ms: 10_000, stallMs: STALL_MS }),
  ])
  tell(
    'with',
    beside.measured.p99Ms,
    `the same beside a client that stands still for ${STALL_MS} ms every second between token and store; `
      + `p50 ${beside.measured.p50Ms} ms, p99.9 ${beside.measured.p999Ms} ms; bound: twice the fill floor, 100 `
      + 'ms',
  )
  await context.processes.kill(other.child)
  await cluster.stop()
}

/** Both, as rows. */
export const overloads: readonly Special[] = [
  { name: 'overload', run: overload },
  { name: 'overload.stalled', run: stalled },
]
