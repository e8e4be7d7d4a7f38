/**
 * `sirtaki create`: makes a node of a tree.
 *
 * No ephemerals: they would go with the session of the command. Read next: `../../objects/tree/writes.ts`.
 */
import { Command, Option } from 'commander'
import { TTL_MS_MAX } from '../../objects/tree/shapes.ts'
import { newNodePath, objectPath, wholeFrom } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { valueOf, withTree, type TextFlags } from '../cluster/trees.ts'

interface CreateFlags extends TextFlags {
  readonly sequential?: boolean
  readonly container?: boolean
  readonly ttl?: number
}

/** Makes the command. */
export const createCommand = (): Command =>
  new Command('create')
    .description('create a node of a tree and print its path; its first node makes a tree')
    .argument('<object>', 'the path of the tree', objectPath)
    .argument('<node>', 'the path of the node in it; its parent must be there', newNodePath)
    .argument('[value]', 'its value as JSON (default: none)')
    .option('--text', 'the value is text, not JSON')
    .option('--sequential', 'append a number to its name that grows with every child of its parent')
    .addOption(new Option('--container', 'it goes a minute after its last child').conflicts('ttl'))
    .option(
      '--ttl <ms>',
      'it goes when it has no children and was not changed for so long',
      wholeFrom(1, 'a time in milliseconds', TTL_MS_MAX - 1),
    )
    .action(async (object: string, node: string, value: string | undefined, flags: CreateFlags, command: Command) => {
      const context = contextOf(command)
      const { output, signal, timeoutMs } = context
      const { text, sequential, container, ttl: ttlMs } = flags
      const parsed = value === undefined ? undefined : valueOf(value, flags)
      await withTree(context, object, { text, mayBeAbsent: true, mayCreate: true }, async (tree) => {
        const path = await tree.create(node, parsed, { sequential, container, ttlMs, signal, timeoutMs })
        output.data({ object, path }, path)
      })
    })
