/**
 * `sirtaki set`: gives a node of a tree another value.
 *
 * Read next: `../../objects/tree/writes.ts`.
 */
import { Command } from 'commander'
import { nodePath, objectPath, wholeFrom } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { valueOf, withTree, type TextFlags } from '../cluster/trees.ts'

interface SetFlags extends TextFlags {
  readonly version?: number
}

/** Reads the version of a node. */
export const nodeVersion = wholeFrom(0, 'a version', 2 ** 31 - 1)

/** Makes the command. */
export const setCommand = (): Command =>
  new Command('set')
    .description('give a node of a tree another value and print its version')
    .argument('<object>', 'the path of the tree', objectPath)
    .argument('<node>', 'the path of the node in it', nodePath)
    .argument('<value>', 'its value as JSON')
    .option('--text', 'the value is text, not JSON')
    .option('--version <n>', 'only if this is its version', nodeVersion)
    .action(async (object: string, path: string, value: string, flags: SetFlags, command: Command) => {
      const context = contextOf(command)
      const { output, signal, timeoutMs } = context
      const { text, version } = flags
      const parsed = valueOf(value, flags)
      await withTree(context, object, { text }, async (tree) => {
        const stat = await tree.set(path, parsed, { version, signal, timeoutMs })
        output.data({ object, path, stat }, String(stat.version))
      })
    })
