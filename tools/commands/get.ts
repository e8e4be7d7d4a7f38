/**
 * `sirtaki get`: what there is to say of an object, or of a node of a tree.
 *
 * Read next: `../cluster/objects.ts`, `../cluster/trees.ts`.
 */
import { Command } from 'commander'
import { nodePath, objectPath } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { tableText } from '../cli/output.ts'
import { requireObject } from '../cluster/objects.ts'
import { atFlag, withObjectsAt, type AtFlags } from '../cluster/past.ts'
import { requireNode, statRows, useTree, type TextFlags } from '../cluster/trees.ts'

interface GetFlags extends TextFlags, AtFlags {}

/** Makes the command. */
export const getCommand = (): Command =>
  new Command('get')
    .description('print what an object is and holds, or a node of a tree; exit code 4 where there is none')
    .argument('<object>', 'the path of the object', objectPath)
    .argument('[node]', 'the path of a node in it, if it is a tree', nodePath)
    .option('--text', 'the value of the node is text, not JSON')
    .addOption(atFlag())
    .action(async (path: string, node: string | undefined, flags: GetFlags, command: Command) => {
      const context = contextOf(command)
      if (node !== undefined) return getNode(context, path, node, flags)
      if (flags.text === true) throw new Failure(exits.usage, '--text is about a node: name one, such as /flags')
      return getObject(context, path, flags)
    })

const getObject = (context: Context, path: string, flags: GetFlags): Promise<void> =>
  withObjectsAt(context, flags, (client) => {
    requireObject(client, path)
    const told = client.describe(path) ?? {}
    const rows = Object.entries(told).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ])
    context.output.data(told, tableText(rows))
    return Promise.resolve()
  })

const getNode = (context: Context, object: string, path: string, { text, ...flags }: GetFlags): Promise<void> =>
  withObjectsAt(context, flags, (client) =>
    useTree(client, object, { text }, (tree) => {
      const { value, stat } = requireNode(tree, path, tree.get(path))
      const shown = typeof value === 'string' && text === true ? value : JSON.stringify(value)
      // Last, since a text may have many lines. A node without data has no value.
      const rows = [['path', path], ...statRows(stat), ...(value === undefined ? [] : [['value', shown]])]
      context.output.data({ object, path, value, stat }, tableText(rows))
      return Promise.resolve()
    }),
  )
