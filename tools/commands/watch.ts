/**
 * `sirtaki watch`: what happens to the objects, to one of them, or to a node of a tree, as it happens.
 *
 * Read next: `../../objects/runtime/watcher.ts`, `../../objects/tree/watch.ts`.
 */
import { Command, Option } from 'commander'
import { isError, type SirtakiError } from '../../log/errors.ts'
import type { Change, ChangeItem } from '../../objects/runtime/watch-hub.ts'
import type { RowItem, WatchItem } from '../../objects/runtime/watcher.ts'
import type { TreeItem } from '../../objects/tree/watch.ts'
import { nodePath, objectPath, position } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import type { Output } from '../cli/output.ts'
import { withObjects } from '../cluster/objects.ts'
import { withTree } from '../cluster/trees.ts'

interface WatchFlags {
  readonly after?: number
  readonly snapshot?: boolean
  readonly recursive?: boolean
  readonly children?: boolean
}

/** Makes the command. */
export const watchCommand = (): Command =>
  new Command('watch')
    .description('print what changes in the objects, one position after the other, until Ctrl-C')
    .argument('[object]', 'only this one', objectPath)
    .argument('[node]', 'only this node of it, if it is a tree', nodePath)
    .option('--after <position>', 'begin with what happened above this position', position)
    .option('--snapshot', 'begin with all records as they are')
    .addOption(new Option('--recursive', 'the node and all below it').conflicts('children'))
    .option('--children', 'the children of the node, and not the node')
    .action(async (path: string | undefined, node: string | undefined, flags: WatchFlags, command: Command) => {
      const context = contextOf(command)
      if (path !== undefined && node !== undefined) await watchNode(context, path, node, flags)
      else await watchObjects(context, path, flags)
      context.signal.throwIfAborted()
    })

async function watchObjects(context: Context, path: string | undefined, flags: WatchFlags): Promise<void> {
  const { output, signal } = context
  const { after, snapshot, recursive = false, children = false } = flags
  if (recursive || children) {
    throw new Failure(exits.usage, '--recursive and --children are about a node: name one, such as /flags')
  }
  await withObjects(
    context,
    async (client) => {
      const options = { path, after, snapshot, signal, onGap: snapshot === true ? 'resync' : 'throw' } as const
      await follow(output, client.watch(options), 'with what there is with --snapshot', (item) => {
        tell(output, path === undefined ? withoutSystem(item) : item)
      })
    },
    { doing: '', watchFrom: watchFrom(flags) },
  )
}

async function watchNode(context: Context, object: string, path: string, flags: WatchFlags): Promise<void> {
  const { output, signal } = context
  const { after, snapshot = false, recursive, children } = flags
  if (snapshot) {
    throw new Failure(exits.usage, '--snapshot is about objects: sirtaki get and sirtaki export print what nodes hold')
  }
  await withTree(context, object, { doing: '', mayBeAbsent: true, watchFrom: watchFrom(flags) }, (tree) =>
    follow(output, tree.watch(path, { after, recursive, children, signal }), 'read what there is first', (item) => {
      tellNode(output, item)
    }),
  )
}

/** What happened before the command began is at hand from here on. */
const watchFrom = ({ after }: WatchFlags): number | undefined => (after === undefined ? undefined : after + 1)

async function follow<I>(
  output: Output,
  items: AsyncIterable<I>,
  instead: string,
  use: (item: I) => void,
): Promise<void> {
  try {
    for await (const item of items) {
      use(item)
      await output.flow()
    }
  } catch (thrown) {
    throw isError(thrown, 'TRIMMED') ? gone(thrown, instead) : thrown
  }
}

/** What is too old, or came faster than it was printed. `instead`: where else to begin. */
const gone = ({ facts }: SirtakiError, instead: string): Failure =>
  new Failure(
    exits.notFound,
    `changes above position ${String(facts['after'])} are not at hand any more, the oldest are those from position `
      + `${String(facts['oldest'])} on: begin there with --after, or ${instead} [TRIMMED]`,
    { code: 'TRIMMED', next: 'stop', facts },
  )

/** Without the records of the space itself, which are no object of anybody. */
function withoutSystem(item: WatchItem): WatchItem {
  const isPlain = ({ path }: { readonly path: string }): boolean => !path.startsWith('/.')
  if (item.kind === 'change') return { ...item, changes: item.changes.filter(isPlain) }
  return item.kind === 'resync' ? { ...item, rows: item.rows.filter(isPlain) } : item
}

function tell(output: Output, item: WatchItem): void {
  const isEmpty = item.kind === 'change' && item.changes.length + item.events.length === 0
  if (isEmpty) return
  if (output.json) output.data(item, '')
  else for (const line of linesOf(item)) output.data({}, cut(line))
}

function tellNode(output: Output, item: TreeItem): void {
  if (output.json) output.data(item, '')
  else if (item.kind === 'events') {
    for (const { kind, path } of item.events) output.data({}, cut(`${item.position}  ${path} ${kind}`))
  }
}

/** An item for people; nothing of marks that only programs need. */
function linesOf(item: WatchItem): string[] {
  switch (item.kind) {
    case 'change':
      return [...item.changes.map((one) => changeText(item, one)), ...item.events.map((one) => eventText(item, one))]
    case 'resync':
      return item.rows.map((row) => `${item.position}  ${nameOf(row)} = ${JSON.stringify(row.value)}`)
    case 'caughtUp':
    case 'progress':
      return []
    default:
      return item satisfies never
  }
}

function changeText({ position: at }: ChangeItem, change: Change): string {
  const { before, after } = change
  const name = `${at}  ${nameOf(change)}`
  if (after === undefined) return `${name} deleted, it was ${JSON.stringify(before)}`
  if (before === undefined) return `${name} = ${JSON.stringify(after)}`
  return `${name} = ${JSON.stringify(after)}, it was ${JSON.stringify(before)}`
}

const eventText = ({ position: at }: ChangeItem, { path, kind, facts }: ChangeItem['events'][number]): string =>
  `${at}  ${path} ${kind} ${JSON.stringify(facts)}`

const nameOf = ({ path, table, key }: Pick<RowItem, 'path' | 'table' | 'key'>): string =>
  table === '' ? path : `${path} ${table}[${key}]`

const width = (): number => (process.stdout.isTTY ? Math.max(40, process.stdout.columns) : Infinity)
const cut = (text: string): string => (text.length > width() ? `${text.slice(0, width() - 1)}…` : text)
