/**
 * `sirtaki watch`: what happens to the objects, or to one of them, as it happens.
 *
 * Read next: `../../objects/runtime/watcher.ts`.
 */
import { Command } from 'commander'
import { isError, type SirtakiError } from '../../log/errors.ts'
import type { Change, ChangeItem } from '../../objects/runtime/watch-hub.ts'
import type { RowItem, WatchItem } from '../../objects/runtime/watcher.ts'
import { objectPath, position } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import type { Output } from '../cli/output.ts'
import { withObjects } from '../cluster/objects.ts'

interface WatchFlags {
  readonly after?: number
  readonly snapshot?: boolean
}

/** Makes the command. */
export const watchCommand = (): Command =>
  new Command('watch')
    .description('print what changes in the objects, one position after the other, until Ctrl-C')
    .argument('[object]', 'only this one', objectPath)
    .option('--after <position>', 'begin with what happened above this position', position)
    .option('--snapshot', 'begin with all records as they are')
    .action(async (path: string | undefined, { after, snapshot }: WatchFlags, command: Command) => {
      const context = contextOf(command)
      const { output, signal } = context
      await withObjects(
        context,
        async (client) => {
          const options = { path, after, snapshot, signal, onGap: snapshot === true ? 'resync' : 'throw' } as const
          try {
            for await (const item of client.watch(options)) {
              tell(output, path === undefined ? withoutSystem(item) : item)
              await output.flow()
            }
          } catch (thrown) {
            throw isError(thrown, 'TRIMMED') ? gone(thrown) : thrown
          }
        },
        { doing: '', watchFrom: after === undefined ? undefined : after + 1 },
      )
      signal.throwIfAborted()
    })

/** What is too old, or came faster than it was printed. */
const gone = ({ facts }: SirtakiError): Failure =>
  new Failure(
    exits.notFound,
    `changes above position ${String(facts['after'])} are not at hand any more, the oldest are those from position `
      + `${String(facts['oldest'])} on: begin there with --after, or with what there is with --snapshot [TRIMMED]`,
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
