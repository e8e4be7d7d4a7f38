/**
 * `sirtaki ls`: the objects that there are.
 *
 * Read next: `../cluster/objects.ts`.
 */
import { Command, InvalidArgumentError } from 'commander'
import { contextOf } from '../cli/context.ts'
import { tableText } from '../cli/output.ts'
import { withObjects } from '../cluster/objects.ts'

/** Makes the command. */
export const lsCommand = (): Command =>
  new Command('ls')
    .description('print the objects with their types; a type of a program is printed as ?')
    .argument('[prefix]', 'only paths that begin with it', prefix)
    .action(async (begin: string | undefined, _flags: object, command: Command) => {
      const context = contextOf(command)
      const all = await withObjects(context, (client) => Promise.resolve(client.objects()))
      const found = all.filter(({ path }) => path.startsWith(begin ?? '/'))
      const { output } = context
      if (output.json) {
        for (const { path, type = null, version = null, modified = null } of found) {
          output.data({ path, type, version, modified }, '')
        }
        return
      }
      const rows = found.map(({ path, type = '?', version = '?', modified = '?' }) => [
        path,
        type,
        String(version),
        String(modified),
      ])
      output.data({}, tableText([['path', 'type', 'version', 'modified'], ...rows]))
    })

function prefix(text: string): string {
  if (text.startsWith('/')) return text
  throw new InvalidArgumentError('paths begin with /, such as /hits.')
}
