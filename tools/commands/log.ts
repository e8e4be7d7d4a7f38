/**
 * `sirtaki log export FILE`: a part of the log with the checkpoint before it in one file, which `sirtaki replay FILE`
 * plays anywhere.
 *
 * Read next: `../../objects/past/export.ts`, `../cluster/offline.ts`.
 */
import { Command } from 'commander'
import { writePack } from '../../log/io/pack-blobs.ts'
import type { ObjectClient } from '../../objects/client.ts'
import { exportBlobs, type ExportSource } from '../../objects/past/export.ts'
import { spaceLogOf } from '../../objects/runtime/space-log.ts'
import { position } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { sizeText } from '../cli/output.ts'
import { withBlobs } from '../cluster/blobs.ts'
import { withObjects } from '../cluster/objects.ts'
import { withLog } from '../cluster/open-log.ts'

interface ExportFlags {
  readonly from: number
  readonly to?: number
}

/** Makes the command. */
export const logCommand = (): Command =>
  new Command('log').description('take a part of the log away in a file').addCommand(exportCommand())

const exportCommand = (): Command =>
  new Command('export')
    .description('write a part of the log, and the checkpoint before it, into one file for sirtaki replay FILE')
    .argument('<file>', 'where to')
    .option('--from <position>', 'the first position; the file begins at the checkpoint before it', position, 0)
    .option('--to <position>', 'the first position that is left out (default: the tail)', position)
    .action(async (file: string, flags: ExportFlags, command: Command) => {
      const context = contextOf(command)
      const done = await withObjects(context, (client) => exportHeld(context, client, file, flags), { doing: '' })
      const { from, to, bytes } = done
      context.output.data(done, `positions ${from} to ${to} (exclusive) are in ${file}, ${sizeText(bytes)}`)
    })

/** Exports while the log is held. */
async function exportHeld(context: Context, client: ObjectClient, file: string, { from, to }: ExportFlags) {
  const { signal, blobs } = context
  const held = await client.hold({ position: client.retention().mark, name: 'log export', signal })
  try {
    return await withLog(context, async (log) => {
      const { tail } = await log.tail({ signal })
      const { cluster } = await log.layout({ signal })
      const end = Math.min(to ?? tail, tail)
      const write = async (source: ExportSource) => {
        const bytes = await writePack(file, exportBlobs(source, { from, to: end, signal }))
        return { from, to: end, bytes }
      }
      const plain = { log: spaceLogOf(log), cluster }
      if (blobs === undefined) return await write(plain)
      return await withBlobs(context, async ({ reading, checkpoints }) =>
        write({ ...plain, reading, archive: await checkpoints.archive({ signal }) }),
      )
    })
  } finally {
    await held.release()
  }
}
