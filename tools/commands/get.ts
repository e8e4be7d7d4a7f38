/**
 * `sirtaki get`: what there is to say of an object.
 *
 * Read next: `../cluster/objects.ts`.
 */
import { Command } from 'commander'
import { objectPath } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { tableText } from '../cli/output.ts'
import { requireObject, withObjects } from '../cluster/objects.ts'

/** Makes the command. */
export const getCommand = (): Command =>
  new Command('get')
    .description('print what an object is and holds; exit code 4 where there is none')
    .argument('<object>', 'the path of the object', objectPath)
    .action(async (path: string, _flags: object, command: Command) => {
      const context = contextOf(command)
      await withObjects(context, (client) => {
        requireObject(client, path)
        const told = client.describe(path) ?? {}
        const rows = Object.entries(told).map(([name, value]) => [
          name,
          typeof value === 'string' ? value : JSON.stringify(value),
        ])
        context.output.data(told, tableText(rows))
        return Promise.resolve()
      })
    })
