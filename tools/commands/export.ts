/**
 * `sirtaki export`: the nodes of a tree as JSON, one a line, for `sirtaki import`.
 *
 * Read next: `../../objects/tree/export.ts`, `import.ts`.
 */
import { Command } from 'commander'
import { nodePath, objectPath } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { requireNode, withTree } from '../cluster/trees.ts'

/** Makes the command. */
export const exportCommand = (): Command =>
  new Command('export')
    .description('print the nodes of a tree but for ephemerals, one JSON object a line, parents first')
    .argument('<object>', 'the path of the tree', objectPath)
    .argument('[node]', 'only this node and all below it', nodePath, '/')
    .action(async (object: string, path: string, _flags: object, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      await withTree(context, object, { doing: '' }, async (tree) => {
        requireNode(tree, path, tree.exists(path))
        for (const node of tree.exportJson(path)) {
          output.data(node, JSON.stringify(node))
          await output.flow()
        }
      })
    })
