/**
 * The client process of the bench: runs the loads it is asked for and sends the results back.
 *
 * Read next: `loads.ts`.
 */
import { checkpointLoad, isCheckpointAsk, type CheckpointAsk } from './checkpoint-loads.ts'
import { floorLoad } from './floor.ts'
import * as loads from './loads.ts'
import { objectLoads, type Measured, type ObjectLoad } from './measure.ts'
import { endsLoad, objectLoad } from './object-loads.ts'
import type { OpenLoop } from './open-loop.ts'
import { fillTree, sessions, treeMemory, treeOps, watchedOps, watchers, type Figures } from './scale-loads.ts'
import { timeline, type Timeline } from './timeline.ts'

/** Loads of objects. */
interface ObjectAsk {
  readonly load: ObjectLoad
  readonly address: string
  readonly outstanding: number
  readonly ms: number
}
const isObjectAsk = (ask: Ask): ask is ObjectAsk => objectLoads.some((load) => load === ask.load)

/** What the client is asked for. */
export type Ask =
  | {
      readonly load: 'append'
      readonly address: string
      readonly outstanding: number
      readonly ms: number
      readonly bytes: number
    }
  | ObjectAsk
  | {
      readonly load: 'floor' | 'counter' | 'readLinearizable'
      readonly address: string
      readonly outstanding: number
      readonly ms: number
    }
  | {
      readonly load: 'tokens'
      readonly address: string
      readonly outstanding: number
      readonly ms: number
      readonly apart: boolean
    }
  | { readonly load: 'fillTree'; readonly address: string; readonly nodes: number; readonly bytes: number }
  | { readonly load: 'treeMemory'; readonly address: string; readonly nodes: number }
  | { readonly load: 'treeOps'; readonly address: string; readonly nodes: number; readonly ops: number }
  | { readonly load: 'watchedOps'; readonly address: string; readonly ops: number }
  | { readonly load: 'watchers'; readonly address: string; readonly watchers: number }
  | { readonly load: 'sessions'; readonly address: string; readonly sessions: number }
  | CheckpointAsk
  | { readonly load: 'sessionEnd'; readonly address: string; readonly ends: number }
  | { readonly load: 'readLocal'; readonly address: string; readonly ms: number }
  | { readonly load: 'writeOps'; readonly address: string; readonly ops: number; readonly records: number }
  | { readonly load: 'writeEntries'; readonly address: string; readonly entries: number; readonly bytes: number }
  | { readonly load: 'play'; readonly address: string; readonly ops: number }
  | { readonly load: 'firstAppend'; readonly address: string }
  | {
      readonly load: 'timeline'
      readonly address: string
      readonly outstanding: number
      readonly rate?: number
      readonly ms: number
      readonly bytes: number
    }
  | {
      readonly load: 'open'
      readonly address: string
      readonly rate: number
      readonly ms: number
      readonly bytes: number
      readonly stallMs: number
    }
/** What it answers. */
export interface Answer {
  readonly measured: Measured
  readonly open?: OpenLoop | undefined
  readonly timeline?: Timeline | undefined
  readonly figures?: Figures | undefined
}

const NOTHING: Measured = { p50Ms: 0, p99Ms: 0, p999Ms: 0, perSecond: 0 }

async function run(ask: Ask): Promise<Answer> {
  if (isCheckpointAsk(ask)) return { measured: NOTHING, figures: await checkpointLoad(ask) }
  if (isObjectAsk(ask)) return { measured: await objectLoad(ask.address, ask.load, ask) }
  switch (ask.load) {
    case 'append':
      return { measured: await loads.append(ask.address, ask) }
    case 'floor':
      return { measured: await floorLoad(ask.address, ask.outstanding, ask.ms) }
    case 'counter':
      return { measured: await loads.counter(ask.address, ask.outstanding, ask.ms) }
    case 'sessionEnd':
      return { measured: await endsLoad(ask.address, ask.ends) }
    case 'readLinearizable':
      return { measured: await loads.readLinearizable(ask.address, ask.outstanding, ask.ms) }
    case 'readLocal':
      return { measured: await loads.readLocal(ask.address, ask.ms) }
    case 'tokens':
      return { measured: await loads.tokens(ask.address, ask) }
    case 'writeOps':
      await loads.writeOps(ask.address, ask.ops, ask.records)
      return { measured: NOTHING }
    case 'writeEntries':
      await loads.writeEntries(ask.address, ask.entries, ask.bytes)
      return { measured: NOTHING }
    case 'play':
      return { measured: await loads.play(ask.address, ask.ops) }
    case 'firstAppend':
      return { measured: await loads.firstAppend(ask.address) }
    case 'fillTree':
      await fillTree(ask.address, ask.nodes, ask.bytes)
      return { measured: NOTHING }
    case 'treeMemory':
      return { measured: NOTHING, figures: await treeMemory(ask.address, ask.nodes) }
    case 'treeOps':
      return { measured: NOTHING, figures: await treeOps(ask.address, ask.nodes, ask.ops) }
    case 'watchedOps':
      return { measured: NOTHING, figures: await watchedOps(ask.address, ask.ops) }
    case 'watchers':
      await watchers(ask.address, ask.watchers)
      return { measured: NOTHING }
    case 'sessions':
      await sessions(ask.address, ask.sessions)
      return { measured: NOTHING }
    case 'timeline':
      return { measured: NOTHING, timeline: await timeline(ask.address, ask) }
    case 'open':
    default: {
      const open = await loads.openLoad(ask.address, ask)
      return { measured: open.admitted, open }
    }
  }
}

process.on('message', (ask: Ask) => {
  run(ask).then(
    (answer) => {
      process.send?.(answer)
    },
    (thrown: unknown) => {
      process.send?.({ error: thrown instanceof Error ? thrown.message : String(thrown) })
    },
  )
})
process.on('disconnect', () => {
  process.exit(0)
})
process.send?.('ready')
