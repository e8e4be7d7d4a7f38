/**
 * `sirtaki ls`: the objects that there are, or the children of a node of a tree.
 *
 * Read next: `../cluster/objects.ts`, `../cluster/trees.ts`.
 */
import { Command, InvalidArgumentError } from 'commander'
import { isError } from '../../log/errors.ts'
import { childOf } from '../../objects/tree/paths.ts'
import type { Stat } from '../../objects/tree/stat.ts'
import { TreeType } from '../../objects/tree/type.ts'
import type { ObjectMark } from '../../objects/client.ts'
import { nodePath } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { tableText, type Output } from '../cli/output.ts'
import { atFlag, withObjectsAt, type AtFlags } from '../cluster/past.ts'
import { requireNode, timeText, useTree, type CommandTree } from '../cluster/trees.ts'

/** Makes the command. */
export const lsCommand = (): Command =>
  new Command('ls')
    .description('print the objects with their types (one of a program is ?), or the children of a node of a tree')
    .argument('[prefix]', 'only paths that begin with it; that of a tree alone: the children of its root', prefix)
    .argument('[node]', 'the path of a node in the tree', nodePath)
    .addOption(atFlag())
    .action(async (begin: string | undefined, node: string | undefined, flags: AtFlags, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      await withObjectsAt(context, flags, async (client) => {
        if (begin !== undefined && node !== undefined) {
          await useTree(client, begin, {}, (tree) => Promise.resolve(tellChildren(output, tree, node)))
          return
        }
        const all = client.objects()
        const isTree = all.some(({ path, type }) => path === begin && type === TreeType.name)
        const found = all.filter(({ path }) => path.startsWith(begin ?? '/'))
        if (begin !== undefined && isTree) tellChildren(output, await client.tree(begin), '/')
        else tellObjects(output, found)
      })
    })

function prefix(text: string): string {
  if (text.startsWith('/')) return text
  throw new InvalidArgumentError('paths begin with /, such as /hits.')
}

function tellObjects(output: Output, found: readonly ObjectMark[]): void {
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
}

function tellChildren(output: Output, tree: CommandTree, parent: string): void {
  const names = requireNode(tree, parent, tree.children(parent))
  const found = names.map((name) => childOf(parent, name)).map((path) => ({ path, stat: statOf(tree, path) }))
  if (output.json) {
    for (const one of found) output.data(one, '')
    return
  }
  const rows = found.map(({ path, stat }) => [path, ...cellsOf(stat)])
  output.data({}, tableText([['path', 'version', 'children', 'bytes', 'changed', 'owner'], ...rows]))
}

/** A child may be there for its name only. */
function statOf(tree: CommandTree, path: string): Stat | null {
  try {
    return tree.exists(path) ?? null
  } catch (thrown) {
    if (isError(thrown, 'NO_AUTH')) return null
    throw thrown
  }
}

function cellsOf(stat: Stat | null): string[] {
  if (stat === null) return ['?', '?', '?', '?']
  const { version, numChildren, dataLength, mtime, ephemeralOwner } = stat
  const owner = ephemeralOwner === 0 ? '' : String(ephemeralOwner)
  return [String(version), String(numChildren), String(dataLength), timeText(mtime), owner]
}
