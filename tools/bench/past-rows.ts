/**
 * Rows of the past: a log of a million entries with a checkpoint for each hundred thousand is looked at, played again
 * and archived.
 *
 *     100,000 changes of a tree ─ checkpoint │ ten times │ get --at ... │ history │ history until │ archiver, appends
 *
 * They go to a folder, or to the store that SIRTAKI_BLOBS names. Read next: `checkpoint-rows.ts`,
 * `checkpoint-loads.ts`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname, join } from 'node:path'
import { BenchClient, BenchCluster } from './cluster.ts'
import { middleOf } from './measure.ts'
import { TREE } from './scale-loads.ts'
import { scaled, type Special, type SpecialContext } from './special.ts'

const ENTRIES = 1_000_000
const PARTS = 10
const NODES = 10_000
const LOOKS = 5
const MAIN = join(import.meta.dirname, '..', `main${extname(import.meta.filename)}`)
const APPENDING = { load: 'append', outstanding: 64, bytes: 128 } as const
const ARCHIVING_MS = 15_000

const past: Special = {
  name: 'past.1M-entries',
  async run(context) {
    const shape = { chains: 1, unix: false }
    const cluster = await BenchCluster.start(context.processes, join(context.folder, 'past'), shape)
    const { address, client } = cluster
    const entries = scaled(context, ENTRIES)
    const nodes = scaled(context, NODES)
    const blobs = process.env['SIRTAKI_BLOBS'] ?? `file:${join(context.folder, 'past-blobs')}`
    const tell = (what: string, value: number, unit: string, note: string): void => {
      context.tell({ name: `past.1M-entries.${what}`, system: 'sirtaki', value, unit, note })
    }
    const log = `${entries.toLocaleString('en')} entries, a checkpoint for each ${Math.round(entries / PARTS)}`
    context.progress(`past.1M-entries: ${log}`)
    await client.ask({ load: 'fillTree', address, nodes, bytes: 64 })
    const writer = await BenchClient.start(context.processes)
    const ends: number[] = []
    for (let part = 0; part < PARTS; part++) {
      await client.ask({ load: 'treeOps', address, nodes, ops: Math.round(entries / PARTS) })
      ends.push((await writer.ask({ load: 'checkpoint', address, blobs })).figures?.['position'] ?? NaN)
    }
    context.progress('past.1M-entries: looking back')
    const looks: number[] = []
    // Just before a checkpoint: the most that has to be played.
    for (const end of ends.slice(-LOOKS)) looks.push(await look(context, [address, blobs], end - 2))
    tell('get-at', middleOf(looks) / 1_000, 's', `sirtaki get --at, a process of its own; ${log}`)
    const reader = await BenchClient.start(context.processes)
    const played = (await reader.ask({ load: 'history', address, blobs })).figures ?? {}
    tell('replay', played['perSecond'] ?? NaN, 'entries/s', 'the history of all of it, entry by entry')
    const until = "op == 'never' && state != null"
    const sought = (await reader.ask({ load: 'history', address, blobs, until })).figures ?? {}
    tell('replay-until', sought['perSecond'] ?? NaN, 'entries/s', `the same with the expression ${until}`)
    const ms = Math.round(ARCHIVING_MS * Math.min(1, context.scale * 10))
    const [archived, appended] = await Promise.all([
      reader.ask({ load: 'archive', address, blobs, ms }),
      client.ask({ ...APPENDING, address, ms }),
    ])
    const { cpu = NaN, behind = NaN } = archived.figures ?? {}
    const rate = appended.measured.perSecond
    tell(
      'archiver',
      cpu * 100,
      '% of a core',
      `beside ${rate.toFixed(0)} appends a second of 128 B; it was ${behind.toFixed(0)} positions behind at the end`,
    )
    await context.processes.kill(reader.child)
    await context.processes.kill(writer.child)
    await cluster.stop()
  },
}

/** How long one command takes that reads the past, in milliseconds. @throws Error where it fails. */
async function look({ progress }: SpecialContext, [address, blobs]: readonly [string, string], position: number) {
  const began = performance.now()
  const args = ['get', TREE, '--at', String(position), '--cluster', address, '--blobs', blobs, '--json']
  const child = spawn(process.execPath, [MAIN, ...args, '--timeout', '60000'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (piece) => {
    said += String(piece)
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`sirtaki ${args.join(' ')} ended with ${String(code)}: ${said}`)
  const ms = performance.now() - began
  progress(`past.1M-entries: get --at ${position} took ${ms.toFixed(0)} ms`)
  return ms
}

/** All of them. */
export const pastRows: readonly Special[] = [past]
