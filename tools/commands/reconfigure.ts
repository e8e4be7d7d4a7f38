/**
 * `sirtaki reconfigure`: opens the next epoch, as somebody wants it.
 *
 *     look who is there ─ refuse what cannot be, naming the right command ─ plan ─ drive ─ wait for the merge
 *
 * Without a subcommand: with whoever is there. Owns: the names that people give units, and the waiting.
 * Read next: `../cluster/plan.ts`, `../../log/epochs/reconfigure.ts`, `../../log/epochs/next-layout.ts`.
 */
import { Command, Option } from 'commander'
import type { LogClient } from '../../log/client/client.ts'
import type { Intent, Survey } from '../../log/epochs/intent.ts'
import { reconfigure, surveyOf } from '../../log/epochs/reconfigure.ts'
import { missingParts } from '../../log/epochs/whole.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import { openSegment, unitsOf, type Layout } from '../../log/layout.ts'
import { address, texts, wholeFrom } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { rest } from '../cli/interrupt.ts'
import { nearest } from '../cli/nearest.ts'
import { UnitStatus, type Copy } from '../cluster/members.ts'
import { withLog } from '../cluster/open-log.ts'
import { lostAgain, lowered, planOf, planText, wantedLayout, type Holding, type Plan } from '../cluster/plan.ts'
import { Wishes } from '../cluster/wishes.ts'

interface ReconfigureFlags {
  readonly dryRun?: boolean
  readonly wait: boolean
  readonly yes?: boolean
}
interface AddFlags {
  readonly chain?: number
  readonly spare?: boolean
}
interface StripeFlags {
  readonly chain: readonly (readonly string[])[]
}

/** Makes an intent of what was said, or refuses it. */
type Ask = (look: Wishes) => Promise<Intent>

/** What the write-ahead log of a store takes of its disk: grown once, whatever is in it. */
const WAL_BYTES = 32 << 20
/** Between two looks at the copies. */
const LOOK_MS = 250
/** Between two lines about them. */
const TELL_MS = 1_000

/** Makes the command. */
export function reconfigureCommand(): Command {
  const command = planned(new Command('reconfigure'))
    .description('open the next epoch: as it is, or with members added, removed, replaced, striped')
    // What is no subcommand would be an argument too many, which says less.
    .allowExcessArguments(true)
    .action(() => {
      const [odd] = command.args
      const names = command.commands.map((one) => one.name())
      if (odd !== undefined) {
        throw new Failure(
          exits.usage,
          `unknown command 'reconfigure ${odd}'${didYouMean(odd, names)}: there are ${names.join(', ')}`,
        )
      }
      return run(command, () => Promise.resolve({}))
    })
  for (const one of subcommands()) command.addCommand(one)
  return command
}

const subcommands = (): readonly Command[] => [
  planned(new Command('add'))
    .description('let units join, each the shortest chain unless one is named')
    .argument(
      '<address...>',
      'units that run: blank ones, or some of this cluster that were taken out',
      addressesOfUnits,
    )
    .option('--chain <n>', 'the chain to join', wholeFrom(0, 'a chain', 63))
    .addOption(new Option('--spare', 'wait until a unit is lost, and take its place').conflicts('chain'))
    .action((wanted: readonly string[], { chain, spare }: AddFlags, command: Command) =>
      run(command, (wishes) => wishes.joining(wanted, { chain, spare })),
    ),
  planned(new Command('grow'))
    .description('let units join the shortest chains')
    .argument('<address...>', 'units that run', addressesOfUnits)
    .action((wanted: readonly string[], _flags: object, command: Command) =>
      run(command, (wishes) => wishes.joining(wanted, {})),
    ),
  planned(new Command('remove'))
    .description('take units out for good')
    .argument('<unit...>', 'addresses or identities, the first eight letters are enough', texts)
    .action((names: readonly string[], _flags: object, command: Command) =>
      run(command, (wishes) => wishes.leaving(names)),
    ),
  planned(new Command('replace'))
    .description('put one unit in the place of another')
    .argument('<old>', 'the address or identity of the unit that leaves')
    .argument('<new>', 'the address of the unit that joins', address)
    .action((old: string, fresh: string, _flags: object, command: Command) =>
      run(command, (wishes) => wishes.replacing(old, fresh)),
    ),
  planned(new Command('move-sequencer'))
    .description('name another sequencer')
    .argument('<address>', 'a sequencer that runs with sirtaki sequencer --standby', address)
    .action((at: string, _flags: object, command: Command) => run(command, (wishes) => wishes.sequencerAt(at))),
  planned(new Command('stripe'))
    .description('cut the log into these chains from here on, or make one chain of them again')
    .requiredOption(
      '--chain <units>',
      'the units of one chain, by addresses or identities; several times for several chains',
      chainsOfUnits,
    )
    .action(({ chain }: StripeFlags, command: Command) => run(command, (wishes) => wishes.striping(chain))),
]

function didYouMean(odd: string, names: readonly string[]): string {
  const [close] = nearest(odd, names)
  return close === undefined ? '' : ` (did you mean ${close}?)`
}

/** The flags that all of them take. */
const planned = (command: Command): Command =>
  command
    .option('--dry-run', 'only print the plan and what may be lost')
    .option('--yes', 'go on though the cluster survives less afterwards')
    .option('--no-wait', 'do not wait until closed positions are copied and merged')

function addressesOfUnits(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), ...text.split(',').map((one) => address(one.trim()))]
}
function chainsOfUnits(text: string, before: readonly (readonly string[])[] | undefined): (readonly string[])[] {
  return [...(before ?? []), texts(text, undefined)]
}

async function run(command: Command, ask: Ask): Promise<void> {
  const context = contextOf(command)
  // The flags that a subcommand shares with its parent are read by the parent.
  const flags = command.optsWithGlobals<ReconfigureFlags>()
  const { output, timeoutMs, signal } = context
  await withLog(context, async (log) => {
    await log.cluster.refresh()
    const base = await log.layout()
    const intent = await ask(new Wishes(log, base))
    const survey = await surveyOf(log.cluster, base, intent)
    requireMajority(base, survey)
    const next = wantedLayout(base, survey, intent)
    const changes = next !== base
    const plan = planOf({ base, next, survey, holdings: await holdingsOf(log, next) })
    if (flags.dryRun === true) {
      tell(context, { layout: next, plan, changed: changes, dryRun: true, merged: undefined })
      return
    }
    const worse = changes ? lowered(plan) : []
    if (worse.length > 0 && flags.yes !== true) {
      tell(context, { layout: next, plan, changed: changes, dryRun: true, merged: undefined })
      throw new Failure(
        exits.usage,
        `the cluster would survive less: ${worse.join('; ')}. `
          + 'Nothing was changed: repeat the command with --yes if that is meant',
      )
    }
    if (changes && !output.json) output.talk(planText(plan))
    const layout = await reconfigure(log.cluster, intent, { timeoutMs: timeoutMs * 2, signal, step: output.talk })
    const merged = flags.wait && changes && layout.segments.length > 1 ? await waitUntilMerged(context, log) : layout
    tell(context, {
      layout: merged,
      plan,
      changed: layout.epoch !== base.epoch,
      dryRun: false,
      merged: merged.segments.length === 1,
    })
    await log.cluster.refresh().catch(() => undefined)
    requireJoined(intent, await log.layout())
    if (merged.segments.length > 1) output.talk('closed positions are still being copied: sirtaki status shows how far')
    if (merged.sequencer === null) output.talk('no sequencer is named: start one with sirtaki sequencer')
  })
}

/** @throws Failure when a unit that was to join is not there any more: an epoch since then went on without it. */
function requireJoined(intent: Intent, layout: Layout): void {
  const lost = lostAgain(intent, layout)
  const [first] = lost
  if (first === undefined) return
  const returns = layout.absent.some((unit) => unit.address === first)
  const what = `${lost.join(' and ')} joined and ${lost.length === 1 ? 'was' : 'were'} left out again`
  const way = returns ? '; once it answers, it comes back by itself' : ', and give the command again'
  throw new Failure(
    exits.conflict,
    `${what}, epoch ${layout.epoch} goes on without: look there why${way} (sirtaki status)`,
  )
}

interface Outcome {
  readonly layout: Layout
  readonly plan: Plan
  readonly changed: boolean
  readonly dryRun: boolean
  readonly merged: boolean | undefined
}

function tell({ output }: Context, { layout, plan, changed, dryRun, merged }: Outcome): void {
  const units = openSegment(layout).chains.map((chain) => chain.map((unit) => unit.address))
  const verb = changed ? (dryRun ? 'would be' : 'is open') : 'stays, nothing is to change'
  const line =
    `epoch ${layout.epoch} ${verb}: sequencer ${layout.sequencer?.address ?? 'none'}, units `
    + units.map((chain) => chain.join(',')).join(' | ')
  const value = {
    epoch: layout.epoch,
    changed,
    dryRun,
    merged,
    sequencer: layout.sequencer,
    chains: units,
    spares: layout.spares.map((unit) => unit.address),
    acceptors: layout.acceptors.map((one) => one.address),
    plan,
  }
  output.data(value, dryRun && changed ? `${line}\n${planText(plan)}` : line)
}

/** An epoch needs the promise of a majority; to find that out only when driving would leave it begun. */
function requireMajority({ acceptors, epoch }: Layout, survey: Survey): void {
  const silent = acceptors.filter(({ address: at, identity }) => survey.get(at)?.acceptor !== identity)
  if ((acceptors.length - silent.length) * 2 > acceptors.length) return
  throw new SirtakiError(
    'UNREACHABLE',
    `${silent.length} of the ${acceptors.length} acceptors of epoch ${epoch} do not answer, or have lost `
      + 'their registers: no epoch can be agreed on without a majority. Start '
      + `${silent.map(({ address: at }) => at).join(' and ')} again on their folders`,
    { facts: { silent: silent.map(({ address: at }) => at) } },
  )
}

async function holdingsOf(log: LogClient, next: Layout): Promise<Map<string, Holding>> {
  const found = new Map<string, Holding>()
  await Promise.all(
    unitsOf(next).map(async ({ identity, address: at }) => {
      const status = await statusAt(log, at)
      if (status !== undefined) {
        found.set(identity, {
          trim: status.trim,
          highest: status.highest,
          bytes: Math.max(status.bytes ?? 0, status.store.diskBytes - (status.store.kind === 'sqlite' ? WAL_BYTES : 0)),
        })
      }
    }),
  )
  return found
}

const statusAt = (log: LogClient, at: string): Promise<UnitStatus | undefined> =>
  log.cluster
    .peer(at)
    .control('status', {}, UnitStatus)
    .catch(() => undefined)

// ---- what people say

/**
 * Waits until every closed segment is merged, and tells how far copies are. Gives the layout at its end, or when told
 * to end.
 */
async function waitUntilMerged({ output, signal }: Context, log: LogClient): Promise<Layout> {
  let told = ''
  let toldAt = -Infinity
  let triedAt = -Infinity
  for (;;) {
    await log.cluster.refresh().catch(() => undefined)
    const layout = await log.layout()
    if (layout.segments.length === 1) return layout
    signal.throwIfAborted()
    const units = openSegment(layout).chains.flat()
    const copies = await Promise.all(
      units.map(async ({ address: at }) => ({ at, copy: (await statusAt(log, at))?.copy ?? undefined })),
    )
    const text = copies.flatMap(({ at, copy }) => (copy === undefined ? [] : [`${at} ${copyText(copy)}`])).join(', ')
    const now = performance.now()
    if (text !== '' && text !== told && now - toldAt >= TELL_MS) {
      output.talk(`copying: ${text}`)
      told = text
      toldAt = now
    }
    // Units that copy nothing ask for no merge: where all is there already, nobody else does.
    if (units.every(({ identity }) => missingParts(layout, identity).length === 0) && now - triedAt >= TELL_MS) {
      triedAt = now
      await reconfigure(log.cluster, { merge: true }).catch((thrown: unknown) => {
        if (asError(thrown).next === 'stop') throw thrown
      })
      continue
    }
    await rest(LOOK_MS, signal)
  }
}

function copyText({ from, to, at, bytesPerSecond }: Copy): string {
  const percent = to <= from ? 100 : Math.floor(100 * Math.min(1, Math.max(0, (at - from) / (to - from))))
  return `${percent} % at ${(bytesPerSecond / 1e6).toFixed(1)} MB/s`
}
