/**
 * `sirtaki checkpoint create | list | verify`: checkpoints of the objects in a blob store.
 *
 * Read next: `../../objects/checkpoints/checkpoints.ts`, `../cluster/blobs.ts`.
 */
import { Command } from 'commander'
import { readManifest, readState, manifestKeys } from '../../objects/checkpoints/reader.ts'
import { digestOf } from '../../objects/runtime/snapshot-digest.ts'
import { isError } from '../../log/errors.ts'
import { texts } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { tableText } from '../cli/output.ts'
import { blobsFlag, withBlobs, type BlobsOfCluster } from '../cluster/blobs.ts'
import { loadTypes } from '../cluster/code.ts'
import { withObjects } from '../cluster/objects.ts'

interface CheckpointFlags {
  readonly blobs: string
  readonly code?: readonly string[]
}

/** Makes the command with its verbs. */
export const checkpointCommand = (): Command =>
  new Command('checkpoint')
    .description('write, list and verify checkpoints of the objects in a blob store')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(verifyCommand())

const createCommand = (): Command =>
  new Command('create')
    .description('write a checkpoint of the objects as they are now')
    .addOption(blobsFlag())
    .option('--code <file>', 'a module that exports the types of a program, several times for several', texts)
    .action(async ({ blobs: address, code = [] }: CheckpointFlags, command: Command) => {
      const context = contextOf(command)
      const { signal, timeoutMs, output } = context
      const types = await loadTypes(code)
      const written = await withBlobs(context, address, ({ checkpoints }) =>
        withObjects(context, (client) => client.checkpoint({ signal, timeoutMs }), { checkpoints, types }),
      )
      const { n, position, records, writtenBytes } = written
      output.data(
        written,
        `checkpoint ${n} at position ${position}: ${records} records, ${writtenBytes} bytes written to ${address}`,
      )
    })

const listCommand = (): Command =>
  new Command('list')
    .description('print the checkpoints, the newest first')
    .addOption(blobsFlag())
    .action(async ({ blobs: address }: CheckpointFlags, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      const all = await withBlobs(context, address, manifestsOf)
      if (output.json) {
        for (const one of all) output.data(one, '')
        return
      }
      const rows = all.map(({ n, position, records, deltas, bytes, problem }) =>
        problem === undefined
          ? [String(n), String(position), String(records), String(deltas), String(bytes), '']
          : [String(n), '', '', '', '', problem],
      )
      output.data({}, tableText([['number', 'position', 'records', 'deltas', 'bytes', 'problem'], ...rows]))
    })

const verifyCommand = (): Command =>
  new Command('verify')
    .description('read all checkpoints with all their parts, and make the hashes of their records anew')
    .addOption(blobsFlag())
    .action(async ({ blobs: address }: CheckpointFlags, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      const problems = await withBlobs(context, address, (store) => verify(context, store))
      if (problems > 0) throw new Failure(exits.corrupt, `${problems} checkpoints are damaged`)
      output.talk('every checkpoint is whole')
    })

interface ListedManifest {
  readonly n: number
  readonly position?: number
  readonly records?: number
  readonly deltas?: number
  readonly bytes?: number
  readonly problem?: string
}

async function manifestsOf({ reading }: BlobsOfCluster): Promise<ListedManifest[]> {
  const all: ListedManifest[] = []
  for (const key of await manifestKeys(reading)) {
    const n = Number(key.slice(key.indexOf('/') + 1))
    try {
      const manifest = await readManifest(reading, key)
      if (manifest === undefined) continue
      const { position, records, base, deltas, inline } = manifest
      const parts = [base, ...deltas].flatMap((layer) => layer.parts)
      const bytes = parts.reduce((sum, part) => sum + part.bytes, inline?.byteLength ?? 0)
      all.push({ n, position, records, deltas: deltas.length, bytes })
    } catch (thrown) {
      if (!isError(thrown, 'DAMAGED')) throw thrown
      all.push({ n, problem: thrown.message })
    }
  }
  return all
}

/** Prints a line for each checkpoint; gives how many are damaged. */
async function verify({ output }: Context, { reading }: BlobsOfCluster): Promise<number> {
  let problems = 0
  for (const key of await manifestKeys(reading)) {
    try {
      const manifest = await readManifest(reading, key)
      if (manifest === undefined) continue
      const snapshot = await readState(reading, manifest)
      const digest = digestOf(snapshot)
      const isSame = digest === manifest.digest
      if (!isSame) problems++
      const said = isSame ? 'whole' : `its records come to digest ${digest}, it says ${manifest.digest}`
      output.data({ n: manifest.n, position: manifest.position, whole: isSame }, `${key}: ${said}`)
    } catch (thrown) {
      if (!isError(thrown, 'DAMAGED')) throw thrown
      problems++
      output.data({ key, whole: false, problem: thrown.message }, `${key}: ${thrown.message}`)
    }
  }
  return problems
}
