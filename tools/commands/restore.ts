/**
 * `sirtaki restore`: another cluster goes on with the state that a blob store has of one that is lost.
 *
 *     restore --from BLOBS --units A,B,C                 says what there is and what is lost, and changes nothing
 *     restore --from BLOBS --units A,B,C --accept-loss   makes the cluster; a sequencer of its own runs meanwhile
 *
 * Read next: `../../objects/restore/restore.ts`, `recover.ts` (where units are left).
 */
import { Command } from 'commander'
import { Blobs } from '../../log/archive/blobs.ts'
import type { Incarnation } from '../../log/archive/incarnations.ts'
import { LogClient } from '../../log/client/client.ts'
import { clustersOf, init } from '../../log/epochs/genesis.ts'
import { SirtakiError } from '../../log/errors.ts'
import { openBlobs } from '../../log/io/blobs.ts'
import { systemPorts as portsOfHost } from '../../log/io/connect.ts'
import { remainsOf, type Remains } from '../../objects/restore/remains.ts'
import { claimFor, refill, type Refilling, type Restored } from '../../objects/restore/restore.ts'
import { spaceLogOf } from '../../objects/runtime/space-log.ts'
import { keepSequencer } from '../../sequencer/keep.ts'
import { address, texts } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import type { Output } from '../cli/output.ts'
import { checkpointsIn, systemPorts } from '../cluster/blobs.ts'
import { loadTypes } from '../cluster/code.ts'
import { limitsOf, peersAt } from '../cluster/open-log.ts'
import { Results } from '../job/results.ts'
import { shapeOf, shapeOptions, type ShapeFlags } from './init.ts'

interface RestoreFlags extends ShapeFlags {
  readonly from: string
  readonly listen: string
  readonly code?: readonly string[]
  readonly acceptLoss?: boolean
  readonly again?: boolean
}

/** Patience for what grows with the state. */
const LONG_MS = 3_600_000
/** How long one answer of the store is waited for, at least: one that restarts is back before. */
const STORE_MS = 10_000
const LOOPBACK = /^(127\.|localhost:|unix:)/

/** Makes the command. */
export const restoreCommand = (): Command =>
  shapeOptions(
    new Command('restore')
      .description('make a cluster of blank units that goes on with what a blob store has of a lost one')
      .requiredOption('--from <address>', 'the blob store: s3://bucket/prefix?endpoint=URL or file:FOLDER'),
  )
    .option('--code <file>', 'a module that exports the types of a program, several times for several', texts)
    .option(
      '--listen <address>',
      'host:port where the sequencer of the restore listens, for units on other machines',
      address,
      '127.0.0.1:0',
    )
    .option('--accept-loss', 'go on: what was appended behind the archive is lost')
    .option('--again', 'give up a restore to other units that has not finished')
    .action(async (flags: RestoreFlags, command: Command) => {
      await restore(contextOf(command), flags)
    })

async function restore(context: Context, flags: RestoreFlags): Promise<void> {
  const { output, signal } = context
  const { from, acceptLoss = false, again } = flags
  const units = unitsOf(flags)
  const types = [Results, ...(await loadTypes(flags.code ?? []))]
  const limits = limitsOf(context)
  const store = openBlobs(from)
  try {
    const blobs = new Blobs(store, systemPorts, { ...limits, blobMs: Math.max(limits.requestMs, STORE_MS) })
    const remains = await output.during(
      () => Promise.resolve(`reading the newest checkpoint and what is archived behind it, at ${from}`),
      () => remainsOf({ blobs, types, ports: systemPorts, limits, signal, again }),
    )
    sayRemains(output, remains, from)
    if (!acceptLoss) throw new Failure(exits.usage, 'nothing was changed: go on with --accept-loss')
    await requireBlank(context, units, remains)
    const incarnation = await claimFor(blobs, remains, { units, ports: systemPorts, again }, { signal })
    const checkpoints = checkpointsIn(blobs, { cluster: incarnation.cluster, limits })
    const restored = await output.during(
      () => Promise.resolve(`making the cluster of ${units.flat().join(', ')}`),
      () => makeCluster(context, flags, { remains, incarnation, types, checkpoints }),
    )
    sayRestored(output, incarnation, restored)
  } finally {
    store.close()
  }
}

/** @throws Failure where the sequencer cannot be reached from the units. */
function unitsOf(flags: RestoreFlags): readonly (readonly string[])[] {
  const units = shapeOf(flags)
  const { listen } = flags
  const isFar = !units.flat().every((unit) => LOOPBACK.test(unit))
  if (!isFar || !LOOPBACK.test(listen)) return units
  const why = `units on other machines cannot reach a sequencer at ${listen}: name one with --listen HOST:PORT`
  throw new Failure(exits.usage, why)
}

/**
 * Whoever claims a store shuts out the cluster that has it: so the units are looked at before.
 *
 * @throws Failure where they have been restored already; SirtakiError `NOT_BLANK`, `UNREACHABLE`.
 */
async function requireBlank(context: Context, units: readonly (readonly string[])[], remains: Remains): Promise<void> {
  const addresses = units.flat()
  const operator = peersAt(context, addresses)
  try {
    const clusters = await clustersOf(operator, addresses)
    if (clusters.has(remains.lineage.cluster)) {
      const what = `these units belong to cluster ${remains.lineage.cluster}, which has this store: start its sequencer`
      throw new Failure(exits.conflict, what)
    }
    const other = [...clusters].find((cluster) => cluster !== remains.unfinished?.cluster)
    if (other === undefined) return
    throw new SirtakiError('NOT_BLANK', `one of the units is not blank: it belongs to cluster ${other}`, {
      facts: { cluster: other },
    })
  } finally {
    operator.close()
  }
}

/** Genesis, and a sequencer of its own until the first checkpoint is noted. */
async function makeCluster(
  context: Context,
  { listen, window }: RestoreFlags,
  refilling: Refilling,
): Promise<Restored> {
  const { signal } = context
  const { incarnation } = refilling
  const addresses = incarnation.units.flat()
  const operator = peersAt(context, addresses)
  try {
    await init(operator, { chains: incarnation.units, window, origin: incarnation })
  } finally {
    operator.close()
  }
  const ports = portsOfHost()
  const limits = limitsOf(context)
  const name = 'sequencer of the restore'
  const sequencer = await keepSequencer({ ports, limits, address: listen, name, units: addresses }, { signal })
  const log = new LogClient({ ports, limits, name: 'restore', addresses })
  try {
    return await refill(spaceLogOf(log), refilling, { signal, timeoutMs: LONG_MS })
  } finally {
    await log.close()
    await sequencer.close()
  }
}

// ---- what it says

const dateOf = (wall: number): string => new Date(wall).toISOString()

function sayRemains({ data }: Output, remains: Remains, from: string): void {
  const { lineage, below, horizon, wall, checkpoint, stored, unfinished, passedOver } = remains
  const damaged = passedOver.map(({ message }) => message)
  const { cluster } = lineage
  const sessions = stored.snapshot.sessions.length
  const value = { event: 'found', cluster, position: below, horizon, wall, checkpoint, sessions, damaged }
  const begins = checkpoint === undefined ? 'no checkpoint' : `checkpoint ${checkpoint.n} at ${checkpoint.position}`
  data(
    value,
    [
      `cluster ${cluster} in ${from}: ${begins}, archived up to position ${below} (exclusive), ${dateOf(wall)}`,
      `a restore takes the store over: cluster ${cluster}, should it live, writes nothing there any more`,
      `lost is whatever was appended behind that: up to ${horizon - below} positions were given out when it was `
        + 'archived, and later ones',
      ...damaged.map((text) => `damaged: ${text}`),
      ...(unfinished === undefined
        ? []
        : [`a restore to ${unfinished.units.flat().join(', ')} was begun at ${dateOf(unfinished.wall)}`]),
    ].join('\n'),
  )
}

function sayRestored(output: Output, incarnation: Incarnation, restored: Restored): void {
  const { cluster, from, epoch, units } = incarnation
  const { records, sessions } = restored
  output.data(
    { event: 'restored', cluster, from, epoch, records, sessions },
    `cluster ${cluster} goes on at position ${from}, epoch ${epoch}: ${records} records, ${sessions} sessions ended`,
  )
  output.talk(`next: sirtaki sequencer --listen HOST:PORT --units ${units.flat().join(',')}`)
}
