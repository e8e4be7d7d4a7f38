/**
 * The client process of the bench: runs the loads it is told over one cluster and sends the results back.
 */
import { connectLog } from '../../sequencer/client.ts'
import { Counter } from '../../objects/counter.ts'
import { ObjectClient } from '../../objects/client.ts'
import { floorLoads } from './floor.ts'
import { measure, type Measured } from './measure.ts'

/** What the client is asked for. */
export interface Ask { readonly what: 'append' | 'floor' | 'counter' | 'playback'; readonly address: string; readonly port: number; readonly loads: readonly number[]; readonly ms: number; readonly entries: number }

const BENCH_STREAM = 9

async function append({ address, loads, ms }: Ask): Promise<[number, Measured][]> {
  await using log = await connectLog(address, { name: 'bench' })
  const payload = new Uint8Array(128).fill(7)
  const streams = [BENCH_STREAM]
  await measure(1, 300, () => log.client.append(payload, { streams }))
  const out: [number, Measured][] = []
  for (const outstanding of loads) out.push([outstanding, await measure(outstanding, ms, () => log.client.append(payload, { streams }))])
  return out
}

async function counter({ address, loads, ms }: Ask): Promise<[number, Measured][]> {
  const out: [number, Measured][] = []
  for (const count of loads) {
    await using log = await connectLog(address, { name: 'bench' })
    await using objects = new ObjectClient(log.client)
    const sessions = await Promise.all(Array.from({ length: count }, (_, i) => objects.session({ name: `s${i}` })))
    const handles = await Promise.all(sessions.map((session) => session.open(Counter, `/bench/${count}`)))
    await measure(count, 200, async (caller) => handles[caller]?.add({ by: 1 }))
    out.push([count, await measure(count, ms, async (caller) => handles[caller]?.add({ by: 1 }))])
  }
  return out
}

/** Makes a log of counter ops, then plays it from nothing in a fresh view. */
async function playback({ address, entries }: Ask): Promise<[number, Measured][]> {
  {
    await using log = await connectLog(address, { name: 'writer' })
    await using objects = new ObjectClient(log.client)
    const handle = await objects.open(Counter, '/bench/playback')
    for (let left = entries; left > 0; left -= 4_096) await Promise.all(Array.from({ length: Math.min(left, 4_096) }, () => handle.add({ by: 1 })))
  }
  await using log = await connectLog(address, { name: 'reader' })
  const start = performance.now()
  await using objects = new ObjectClient(log.client)
  const handle = await objects.open(Counter, '/bench/playback')
  await handle.sync({ timeoutMs: 60_000 })
  const seconds = (performance.now() - start) / 1000
  return [[0, { p50Ms: Math.round(seconds * 1000), p99Ms: Math.round(seconds * 1000), perSecond: Math.round(entries / seconds) }]]
}

async function run(ask: Ask): Promise<[number, Measured][]> {
  switch (ask.what) {
    case 'append': return append(ask)
    case 'counter': return counter(ask)
    case 'playback': return playback(ask)
    case 'floor':
    default: return [...await floorLoads(ask.port, ask.loads, ask.ms)]
  }
}

process.on('message', (ask: Ask) => {
  run(ask).then((rows) => { process.send?.({ rows }) }, (thrown: unknown) => { process.send?.({ error: thrown instanceof Error ? thrown.stack : String(thrown) }) })
})
process.on('disconnect', () => { process.exit(0) })
