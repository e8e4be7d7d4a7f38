/**
 * `sirtaki rm`: drops objects.
 *
 * Read next: `../../objects/runtime/runtime-ops.ts`.
 */
import { Command } from 'commander'
import { objectPath } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { requireObject, withObjects } from '../cluster/objects.ts'

interface RmFlags {
  readonly dryRun?: boolean
}

/** Makes the command. */
export const rmCommand = (): Command =>
  new Command('rm')
    .description('drop an object with all that it holds; refused while somebody holds or waits for something in it')
    .argument('<object>', 'the path of the object', objectPath)
    .option('--dry-run', 'only print what would be dropped')
    .action(async (path: string, { dryRun = false }: RmFlags, command: Command) => {
      const context = contextOf(command)
      const { signal, timeoutMs, output } = context
      const { type, version } = await withObjects(context, async (client) => {
        const found = requireObject(client, path)
        if (!dryRun) await client.drop(path, { signal, timeoutMs })
        return found
      })
      output.data({ path, type, version, dryRun }, `${dryRun ? 'would drop' : 'dropped'} ${path} (${type})`)
    })
