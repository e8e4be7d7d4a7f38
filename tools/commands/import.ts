/**
 * `sirtaki import`: creates the nodes of a tree that `sirtaki export` has printed.
 *
 * Read next: `../../objects/tree/import.ts`, `export.ts`.
 */
import { createInterface } from 'node:readline'
import { Command } from 'commander'
import type { TreeNodeJson } from '../../objects/tree/export.ts'
import { BASE_MAX } from '../../objects/tree/shapes.ts'
import { objectPath, wholeFrom } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { withTree } from '../cluster/trees.ts'

interface ImportFlags {
  readonly base?: number
}

/** Makes the command. */
export const importCommand = (): Command =>
  new Command('import')
    .description(
      'create nodes of a tree from stdin, as sirtaki export prints them; what was created before an error stays',
    )
    .argument('<object>', 'the path of the tree', objectPath)
    .option(
      '--base <zxid>',
      'keep the zxids, of which this is at least the highest; only into a tree in which nothing was changed',
      wholeFrom(0, 'a zxid', BASE_MAX),
    )
    .action(async (object: string, { base }: ImportFlags, command: Command) => {
      const context = contextOf(command)
      const { output, signal, timeoutMs } = context
      const use = { mayBeAbsent: true, mayCreate: true, doing: 'importing' }
      const nodes = await withTree(context, object, use, (tree) =>
        tree.importJson(nodesOfStdin(), { base, signal, timeoutMs }),
      )
      output.data({ object, nodes }, `${nodes} ${nodes === 1 ? 'node' : 'nodes'}`)
    })

/** The nodes of stdin; the tree checks what they are. @throws Failure for a line that is no JSON. */
async function* nodesOfStdin(): AsyncGenerator<TreeNodeJson, void, undefined> {
  let number = 0
  for await (const line of createInterface({ input: process.stdin })) {
    number++
    if (line.trim() !== '') yield nodeOf(line, number)
  }
}

function nodeOf(line: string, number: number): TreeNodeJson {
  try {
    const node: TreeNodeJson = JSON.parse(line)
    return node
  } catch {
    throw new Failure(exits.usage, `line ${number} is no JSON: each line is a node, as sirtaki export prints them`)
  }
}
