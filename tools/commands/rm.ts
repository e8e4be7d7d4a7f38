/**
 * `sirtaki rm`: drops objects, deletes nodes of trees.
 *
 * Read next: `../../objects/runtime/runtime-ops.ts`, `../../objects/tree/writes.ts`.
 */
import { Command, Option } from 'commander'
import { childOf } from '../../objects/tree/paths.ts'
import { nodePath, objectPath } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { requireObject, withObjects } from '../cluster/objects.ts'
import { requireNode, withTree, type CommandTree } from '../cluster/trees.ts'
import { nodeVersion } from './set.ts'

interface RmFlags {
  readonly dryRun?: boolean
  readonly version?: number
  readonly recursive?: boolean
}

/** Makes the command. */
export const rmCommand = (): Command =>
  new Command('rm')
    .description(
      'drop an object with all that it holds, or delete a node of a tree; refused while somebody holds or waits for '
        + 'something in the object, or the node has children',
    )
    .argument('<object>', 'the path of the object', objectPath)
    .argument('[node]', 'the path of a node in it, if it is a tree', nodePath)
    .option('--dry-run', 'only print what would be dropped or deleted')
    .option('--version <n>', 'delete the node only if this is its version', nodeVersion)
    .addOption(new Option('--recursive', 'delete the node with all below it, piece by piece').conflicts('version'))
    .action(async (path: string, node: string | undefined, flags: RmFlags, command: Command) => {
      const context = contextOf(command)
      if (node !== undefined) return deleteNode(context, path, node, flags)
      if (flags.version !== undefined || flags.recursive === true) {
        throw new Failure(exits.usage, '--version and --recursive are about a node: name one, such as /flags')
      }
      return dropObject(context, path, flags)
    })

async function dropObject(context: Context, path: string, { dryRun = false }: RmFlags): Promise<void> {
  const { signal, timeoutMs, output } = context
  const { type, version } = await withObjects(context, async (client) => {
    const found = requireObject(client, path)
    if (!dryRun) await client.drop(path, { signal, timeoutMs })
    return found
  })
  output.data({ path, type, version, dryRun }, `${dryRun ? 'would drop' : 'dropped'} ${path} (${type})`)
}

async function deleteNode(
  context: Context,
  object: string,
  path: string,
  { dryRun = false, version, recursive = false }: RmFlags,
): Promise<void> {
  const { signal, timeoutMs, output } = context
  const nodes = await withTree(context, object, {}, async (tree) => {
    if (dryRun) return recursive ? countBelow(tree, path) : requireNode(tree, path, tree.exists(path)) && 1
    if (recursive) return tree.deleteRecursive(path, { signal, timeoutMs })
    await tree.delete(path, { version, signal, timeoutMs })
    return 1
  })
  const many = nodes === 1 ? '' : ` (${nodes} nodes)`
  output.data({ object, path, nodes, dryRun }, `${dryRun ? 'would delete' : 'deleted'} ${path}${many}`)
}

/** A node and all below it. @throws SirtakiError `NO_NODE`. */
function countBelow(tree: CommandTree, path: string): number {
  let nodes = 0
  const open = [path]
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const parent = one
    const names = requireNode(tree, parent, tree.children(parent))
    for (const name of names) open.push(childOf(parent, name))
    nodes++
  }
  return nodes
}
