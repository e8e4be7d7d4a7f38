/**
 * `sirtaki diff | blame | history | replay`: the past of the objects, read from the log and its checkpoints.
 *
 * Read next: `../../objects/past/history.ts`, `../../objects/past/until.ts`, `../cluster/past.ts`.
 */
import { Command } from 'commander'
import type { ObjectClient } from '../../objects/client.ts'
import { Blames } from '../../objects/past/blame.ts'
import { claimOf, firstDifference } from '../../objects/past/compare.ts'
import { Differences, type Difference } from '../../objects/past/difference.ts'
import type { Step } from '../../objects/past/history.ts'
import type { AnyObjectType } from '../../objects/runtime/object-type.ts'
import { outcomeOf, predicateOf } from '../../objects/past/until.ts'
import { objectPath, position, texts } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { tableText } from '../cli/output.ts'
import { loadTypes } from '../cluster/code.ts'
import { noObject, withObjects } from '../cluster/objects.ts'
import { withExport } from '../cluster/offline.ts'
import { oldestOf, pastFlags, when, withPast, type PastFlags } from '../cluster/past.ts'
import { timeText } from '../cluster/trees.ts'

interface RangeFlags extends PastFlags {
  readonly from?: number
  readonly to?: number
}
interface ReplayFlags extends RangeFlags {
  readonly base?: readonly string[]
  readonly claims?: boolean
  readonly until?: string
  readonly object?: string
  readonly step?: boolean
}

/** Prints what differs between two positions. */
export const diffCommand = (): Command =>
  pastFlags(new Command('diff'))
    .description('print which records differ between two positions or moments')
    .argument('<from>', 'a position, or a date such as 2026-11-29T14:03:00Z', when)
    .argument('<to>', 'a later one', when)
    .argument('[object]', 'only this object', objectPath)
    .action(async (from: number | Date, to: number | Date, path: string | undefined, flags: PastFlags, command) => {
      const context = contextOf(command)
      await withPast(context, flags, async (client) => {
        const { signal } = context
        const [first, last] = [await client.positionOf(from, { signal }), await client.positionOf(to, { signal })]
        if (first > last) throw new Failure(exits.usage, `${first} is behind ${last}: name the earlier one first`)
        const differences = new Differences()
        for await (const { entry, played } of client.history({ from: first + 1, to: last, signal })) {
          differences.add(entry.position, played.patches)
        }
        const shown = differences.all().filter((one) => (path === undefined ? isPlain(one) : one.path === path))
        for (const one of shown) context.output.data(one, differenceText(one))
        if (shown.length === 0) context.output.talk(`nothing differs between positions ${first} and ${last}`)
      })
    })

/** Prints who set each part of an object. */
export const blameCommand = (): Command =>
  pastFlags(new Command('blame'))
    .description('print which entry, session and op set each field of an object last, and when')
    .argument('<object>', 'the path of the object', objectPath)
    .action(async (path: string, flags: PastFlags, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      await withPast(context, flags, async (client) => {
        const blames = new Blames(path)
        const from = await oldestOf(client)
        for await (const step of client.history({ from, signal: context.signal })) blames.add(step)
        const all = blames.all()
        if (all.length === 0) throw noObject(path)
        if (output.json) {
          for (const one of all) output.data(one, '')
          return
        }
        const rows = all.map(({ table, key, field, value, position: at, wall, name = '', op = '' }) => {
          const what = [table, key, field].filter((part) => part !== '').join(' ')
          return [what, cut(JSON.stringify(value)), String(at), timeText(wall), name, op]
        })
        output.data({}, tableText([['what', 'value', 'position', 'time', 'session', 'op'], ...rows]))
      })
    })

/** Prints what happened to one object. */
export const historyCommand = (): Command =>
  ranged(new Command('history'))
    .description('print what happened to an object: each entry that changed it or asked for something of it')
    .argument('<object>', 'the path of the object', objectPath)
    .action(async (path: string, flags: RangeFlags, command: Command) => {
      const context = contextOf(command)
      await withPast(context, flags, async (client) => {
        for await (const step of client.history(await rangeOf(client, flags, context))) {
          const isAbout =
            step.ops.some((op) => op.path === path) || step.played.patches.some(({ store }) => store.object === path)
          if (isAbout) tell(context, step, path)
          await context.output.flow()
        }
      })
    })

/** Plays the log again, entry by entry. */
export const replayCommand = (): Command =>
  ranged(new Command('replay'))
    .description('play the log again, or an export of it: print each op, what came of it and what it changed')
    .argument('[file]', 'an export (sirtaki log export), played without a cluster')
    .option('--until <expression>', 'stop at the first entry for which this CEL expression holds; exit code 4 at none')
    .option('--object <path>', 'the object whose small value the expression sees as state', objectPath)
    .option('--step', 'with --until: print all entries on the way too')
    .option('--base <file>', 'play this code beside that of --code; exit code 5 at the first entry that differs', texts)
    .option('--claims', 'compare with the digests that processes have claimed; exit code 5 where one differs')
    .action(async (file: string | undefined, flags: ReplayFlags, command: Command) => {
      const context = contextOf(command)
      if (flags.base !== undefined) return compareCodes(context, flags, flags.base)
      if (flags.claims === true) return compareClaims(context, flags)
      return replay(context, file, flags)
    })

async function replay(context: Context, file: string | undefined, flags: ReplayFlags): Promise<void> {
  const { until, object, step: isTold = false } = flags
  const holds = until === undefined ? undefined : predicateOf(until, object)
  const counted = { entries: 0, found: false }
  const play = async (client: ObjectClient, first: number): Promise<void> => {
    const { from = first, to } = flags
    for await (const step of client.history({ from, to, signal: context.signal })) {
      counted.entries++
      counted.found = holds?.(step) === true
      if (holds === undefined || isTold || counted.found) tell(context, step)
      if (counted.found) break
      if (counted.entries % 256 === 0) await context.output.flow()
    }
  }
  if (file === undefined) await withPast(context, flags, async (client) => play(client, await oldestOf(client)))
  else await withExport(context, file, flags, (client, { from }) => play(client, from))
  if (holds === undefined) context.output.talk(`${counted.entries} entries were played`)
  else if (!counted.found) {
    throw new Failure(exits.notFound, `the expression held for none of ${counted.entries} entries`)
  }
}

/** Plays the log on two codes; names the first entry at which they differ. */
async function compareCodes(context: Context, flags: ReplayFlags, base: readonly string[]): Promise<void> {
  const [before, after] = [await loadTypes(base), await loadTypes(flags.code ?? [])]
  let entries = 0
  const difference = await withObjects(
    context,
    async (client) => {
      const range = await rangeOf(client, flags, context)
      const all = (types: readonly AnyObjectType[]) => client.history({ ...range, types: [...client.types, ...types] })
      return firstDifference(all(before), all(after), () => {
        entries++
      })
    },
    { doing: '' },
  )
  if (difference === undefined) {
    context.output.data({ entries, same: true }, `both codes come to the same at each of ${entries} entries`)
    return
  }
  const { position: at, ops, base: one, code: other } = difference
  const asked = ops.map(({ path, op, input }) => `${op} of ${path} ${JSON.stringify(input)}`).join(', ')
  context.output.data(
    difference,
    cut(
      `${at}  ${asked}\n  base: ${one.outcome}, digest ${one.digest}\n  code: ${other.outcome}, digest ${other.digest}`,
    ),
  )
  throw new Failure(exits.conflict, `the codes differ at position ${at}, behind ${entries} entries at which they agree`)
}

/** Plays the log beside the digests that processes have claimed. */
async function compareClaims(context: Context, flags: ReplayFlags): Promise<void> {
  const counted = { same: 0, other: 0, none: 0 }
  await withPast(context, flags, async (client) => {
    for await (const step of client.history(await rangeOf(client, flags, context))) {
      const found = claimOf(step)
      counted[found]++
      const { position: at } = step.entry
      if (found === 'other') context.output.data({ position: at }, `${at}  a process claims another state`)
    }
  })
  context.output.talk(`${counted.same + counted.other} digests that were claimed are compared, no outcomes: see --base`)
  if (counted.other > 0) throw new Failure(exits.conflict, `${counted.other} of the claimed digests differ`)
}

const ranged = (command: Command): Command =>
  pastFlags(command)
    .option('--from <position>', 'the first position (default: the oldest that can be had)', position)
    .option('--to <position>', 'the last position (default: the newest)', position)

/** What is asked for. */
async function rangeOf(client: ObjectClient, { from, to }: RangeFlags, { signal }: Context) {
  return { from: from ?? (await oldestOf(client)), to, signal }
}

const isPlain = ({ path }: { readonly path: string }): boolean => !path.startsWith('/.')

function tell({ output }: Context, step: Step, path?: string): void {
  const { entry, wall, session, ops, played } = step
  const differences = new Differences()
  differences.add(entry.position, played.patches)
  const changes = differences.all().filter((one) => (path === undefined ? isPlain(one) : one.path === path))
  const outcome = outcomeOf(step)
  const { position: at } = entry
  if (output.json) {
    const facts = { position: at, time: entry.logTime, wall, session: session ?? null, ops, outcome, changes }
    output.data(played.calls === undefined ? facts : { ...facts, calls: played.calls }, '')
    return
  }
  const asked = ops.map(({ path: object, op, input }) => `${op} of ${object} ${JSON.stringify(input)}`).join(', ')
  const by = session === undefined ? '' : ` by ${session.name}`
  output.data({}, cut(`${at}  ${timeText(wall)}${by}  ${asked === '' ? '' : `${asked}: `}${outcomeText(outcome)}`))
  for (const { extension, run, fuel, code } of played.calls ?? []) {
    output.data({}, `    extension ${extension}: ${run}, ${fuel} fuel${code === undefined ? '' : `, ${code}`}`)
  }
  for (const one of changes) output.data({}, cut(`    ${differenceText(one)}`))
}

function outcomeText(outcome: ReturnType<typeof outcomeOf>): string {
  const { kind, value, code, message } = outcome
  if (kind === 'result') return value === undefined ? 'done' : JSON.stringify(value)
  return [kind, code, message].filter((one) => typeof one === 'string').join(' ')
}

function differenceText({ path, table, key, before, after }: Difference): string {
  const name = [path, table, key].filter((part) => part !== '').join(' ')
  if (before === undefined) return `${name} = ${JSON.stringify(after)}`
  if (after === undefined) return `${name} deleted, it was ${JSON.stringify(before)}`
  return `${name} = ${JSON.stringify(after)}, it was ${JSON.stringify(before)}`
}

const TEXT_MAX = 400
const cut = (text: string): string => (text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}...`)
