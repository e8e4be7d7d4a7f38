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
import type { Intent, Survey } from '../../log/epochs/next-layout.ts'
import { reconfigure, surveyOf } from '../../log/epochs/reconfigure.ts'
import { missingParts } from '../../log/epochs/whole.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import { openSegment, unitsOf, type Layout, type UnitMember } from '../../log/layout.ts'
import { Identity } from '../../log/wire/control.ts'
import { address, texts, wholeFrom } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { rest } from '../cli/interrupt.ts'
import { nearest } from '../cli/nearest.ts'
import { UnitStatus, type Copy } from '../cluster/members.ts'
import { withLog } from '../cluster/open-log.ts'
import { lostAgain, lowered, planOf, planText, wantedLayout, type Holding, type Plan } from '../cluster/plan.ts'

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
type Ask = (look: Look) => Promise<Intent>

/** What the write-ahead log of a store takes of its disk: grown once, whatever is in it. */
const WAL_BYTES = 32 << 20
/** Between two looks at the copies. */
const LOOK_MS = 250
/** Between two lines about them. */
const TELL_MS = 1_000

/** Makes the command. */
export const reconfigureCommand = (): Command =>
  planned(new Command('reconfigure'))
    .description('open the next epoch: as it is, or with members added, removed, replaced, striped')
    // What is no subcommand would be an argument too many, which says less.
    .allowExcessArguments(true)
    .action((_flags: object, command: Command) => {
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
    .addCommand(
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
          run(command, (look) => look.joining(wanted, { chain, spare })),
        ),
    )
    .addCommand(
      planned(new Command('grow'))
        .description('let units join the shortest chains')
        .argument('<address...>', 'units that run', addressesOfUnits)
        .action((wanted: readonly string[], _flags: object, command: Command) =>
          run(command, (look) => look.joining(wanted, {})),
        ),
    )
    .addCommand(
      planned(new Command('remove'))
        .description('take units out for good')
        .argument('<unit...>', 'addresses or identities, the first eight letters are enough', texts)
        .action((names: readonly string[], _flags: object, command: Command) =>
          run(command, (look) => look.leaving(names)),
        ),
    )
    .addCommand(
      planned(new Command('replace'))
        .description('put one unit in the place of another')
        .argument('<old>', 'the address or identity of the unit that leaves')
        .argument('<new>', 'the address of the unit that joins', address)
        .action((old: string, fresh: string, _flags: object, command: Command) =>
          run(command, (look) => look.replacing(old, fresh)),
        ),
    )
    .addCommand(
      planned(new Command('move-sequencer'))
        .description('name another sequencer')
        .argument('<address>', 'a sequencer that runs with sirtaki sequencer --standby', address)
        .action((at: string, _flags: object, command: Command) => run(command, (look) => look.sequencerAt(at))),
    )
    .addCommand(
      planned(new Command('stripe'))
        .description('cut the log into these chains from here on, or make one chain of them again')
        .requiredOption(
          '--chain <units>',
          'the units of one chain, by addresses or identities; several times for several chains',
          chainsOfUnits,
        )
        .action(({ chain }: StripeFlags, command: Command) => run(command, (look) => look.striping(chain))),
    )

function didYouMean(odd: string, names: readonly string[]): string {
  const [close] = nearest(odd, names)
  return close === undefined ? '' : ` (did you mean ${close}?)`
}

/** The flags that all of them take. */
const planned = (command: Command): Command =>
  command
    .option('--dry-run', 'only tell the plan and what may be lost')
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
    const intent = await ask(new Look(log, base))
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

/** The cluster as it is, and what may be asked of it. */
class Look {
  readonly #log: LogClient
  readonly #base: Layout

  constructor(log: LogClient, base: Layout) {
    this.#log = log
    this.#base = base
  }

  async joining(
    wanted: readonly string[],
    { chain, spare }: { readonly chain?: number | undefined; readonly spare?: boolean | undefined },
  ): Promise<Intent> {
    requireOnce(wanted)
    const {
      chains: { length },
    } = openSegment(this.#base)
    if (chain !== undefined && chain >= length) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `there is no chain ${chain}: epoch ${this.#base.epoch} has ${length}, from 0 on. New chains are `
          + 'made with sirtaki reconfigure stripe',
        { facts: { chain } },
      )
    }
    const found = await Promise.all(wanted.map((at) => this.#joiner(at)))
    this.#requireDistinct(found)
    for (const { at, answer } of found) {
      if (this.#open.some((unit) => unit.identity === answer.identity)) {
        throw new SirtakiError(
          'BAD_ARGUMENT',
          `the unit at ${at} is in a chain already: move it with sirtaki reconfigure stripe`,
          { facts: { address: at } },
        )
      }
      if (spare === true && this.#base.spares.some((unit) => unit.identity === answer.identity)) {
        throw new SirtakiError(
          'BAD_ARGUMENT',
          `the unit at ${at} is a spare already: put it into a chain with sirtaki reconfigure add ${at}`,
          { facts: { address: at } },
        )
      }
    }
    return spare === true ? { spares: wanted } : { join: wanted.map((at) => ({ address: at, chain })) }
  }

  async leaving(names: readonly string[]): Promise<Intent> {
    const units = await Promise.all(names.map((name) => this.#member(name)))
    requireOnce(units.map((unit) => unit.address))
    const drop = units.map((unit) => unit.identity)
    openSegment(this.#base).chains.forEach((chain, i) => {
      const left = chain.filter(({ identity }) => !drop.includes(identity))
      if (left.length === 0) {
        throw new SirtakiError(
          'NOT_WHOLE',
          `chain ${i} would have no unit left: put another one in the place of ${chain[0]?.address} with `
            + `sirtaki reconfigure replace ${chain[0]?.address} ADDRESS, or make fewer chains with sirtaki `
            + 'reconfigure stripe',
          { facts: { chain: i }, next: 'stop' },
        )
      }
    })
    return { drop }
  }

  async replacing(name: string, fresh: string): Promise<Intent> {
    const old = await this.#member(name)
    const { answer } = await this.#joiner(fresh)
    if (answer.identity === old.identity) {
      throw new SirtakiError('BAD_ARGUMENT', `${fresh} is the unit that is to be replaced: name another one`, {
        facts: { address: fresh },
      })
    }
    this.#requireDistinct([{ at: fresh, answer }])
    if (this.#open.some((unit) => unit.identity === answer.identity)) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `the unit at ${fresh} is in a chain already: take the other one out with sirtaki reconfigure remove ${name}`,
        { facts: { address: fresh } },
      )
    }
    const { chains: now } = openSegment(this.#base)
    const chain = now.findIndex((units) => units.some((unit) => unit.identity === old.identity))
    if (chain < 0) {
      const absent = this.#base.absent.find((one) => one.identity === old.identity)
      return absent === undefined
        ? { drop: [old.identity], spares: [fresh] }
        : { drop: [old.identity], join: [{ address: fresh, chain: Math.min(absent.chain, now.length - 1) }] }
    }
    // With nobody else in the chain the old one is read until the new one has its positions, and may not be dropped
    // before.
    if (now[chain]?.length === 1) {
      return { chains: now.map((units, i) => (i === chain ? [fresh] : units.map((unit) => unit.address))) }
    }
    return { drop: [old.identity], join: [{ address: fresh, chain }] }
  }

  async sequencerAt(at: string): Promise<Intent> {
    const { kind, boot, cluster, role } = await this.#ask(
      at,
      `start one there with sirtaki sequencer --standby --listen ${at} --units ${unitsOf(this.#base)
        .map((unit) => unit.address)
        .join(',')}`,
    )
    if (kind !== 'sequencer') {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `${at} is a ${kind}, not a sequencer: start one elsewhere with sirtaki sequencer --standby`,
        { facts: { address: at } },
      )
    }
    if (cluster !== null && cluster !== this.#base.cluster) throw strange(at, cluster, this.#base)
    if (role === 'leaving' || role === 'stopped') {
      throw new SirtakiError('STOPPED', `the sequencer at ${at} is about to end: name another one`, {
        facts: { address: at },
      })
    }
    return { sequencer: { boot, address: at } }
  }

  async striping(wanted: readonly (readonly string[])[]): Promise<Intent> {
    const shape = await Promise.all(
      wanted.map((chain) =>
        Promise.all(chain.map(async (name) => this.#known(name)?.address ?? (await this.#joiner(name)).at)),
      ),
    )
    const all = shape.flat()
    const twice = all.find((at, i) => all.indexOf(at) !== i)
    if (twice !== undefined) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `the unit at ${twice} is named twice: one unit stands in one chain, once`,
        { facts: { address: twice } },
      )
    }
    this.#requireDistinct(await Promise.all(all.map((at) => this.#joiner(at))))
    return { chains: shape }
  }

  get #open(): readonly UnitMember[] {
    return openSegment(this.#base).chains.flat()
  }
  get #all(): readonly { readonly identity: string; readonly address: string }[] {
    return [...unitsOf(this.#base), ...this.#base.spares, ...this.#base.absent]
  }

  #known(name: string): { readonly identity: string; readonly address: string } | undefined {
    const found = this.#all.filter(
      (unit) => unit.address === name || unit.identity === name || (name.length >= 8 && unit.identity.startsWith(name)),
    )
    if (new Set(found.map((unit) => unit.identity)).size > 1) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `${name} may be ${found.map((unit) => `${unit.identity} at ${unit.address}`).join(' or ')}: name `
          + 'the whole identity',
        { facts: { name } },
      )
    }
    return found[0]
  }

  /** The member that somebody means. @throws SirtakiError `BAD_ARGUMENT` that says who is there. */
  async #member(name: string): Promise<{ readonly identity: string; readonly address: string }> {
    const found = this.#known(name)
    if (found !== undefined) return found
    // It may be somebody who was taken out before, and still runs.
    const answer = name.includes(':')
      ? await this.#log.cluster
          .peer(name)
          .control('identify', {}, Identity)
          .catch(() => undefined)
      : undefined
    if (answer?.kind === 'unit' && answer.cluster === this.#base.cluster) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `the unit at ${name} was taken out already, and still runs: stop it, or let it join anew with `
          + `sirtaki reconfigure add ${name}`,
        { facts: { unknown: name } },
      )
    }
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `no unit of epoch ${this.#base.epoch} is called ${name}: name an address or identity, such as `
        + this.#all.map((unit) => `${unit.address} (${unit.identity.slice(0, 8)})`).join(', '),
      { facts: { unknown: name } },
    )
  }

  /** Who answers at an address and may stand in a chain. @throws SirtakiError that says what is there instead. */
  async #joiner(at: string): Promise<Joiner> {
    const answer = await this.#ask(
      at,
      `start a unit there with sirtaki unit --listen ${at} --data DIR, on an empty folder`,
    )
    if (answer.kind !== 'unit') {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `${at} is a ${answer.kind}, no `
          + `unit${answer.kind === 'sequencer' ? `: name it with sirtaki reconfigure move-sequencer ${at}` : ''}`,
        { facts: { address: at } },
      )
    }
    if (answer.cluster !== null && answer.cluster !== this.#base.cluster) throw strange(at, answer.cluster, this.#base)
    return { at, answer }
  }

  async #ask(at: string, otherwise: string): Promise<Identity> {
    try {
      return await this.#log.cluster.peer(at).control('identify', {}, Identity)
    } catch (thrown) {
      const error = asError(thrown)
      if (error.code === 'WRONG_CLUSTER') {
        throw new SirtakiError(
          'WRONG_CLUSTER',
          `${at} belongs to another cluster, not to ${this.#base.cluster}: name another one, or start it on `
            + 'an empty folder',
          { cause: error, facts: { address: at } },
        )
      }
      throw new SirtakiError(error.code, `nobody answers at ${at} (${error.message}): ${otherwise}`, {
        cause: error,
        facts: { address: at },
      })
    }
  }

  /** One disk at two addresses: one folder is a copy of the other. */
  #requireDistinct(found: readonly Joiner[]): void {
    for (const {
      at,
      answer: { identity },
    } of found) {
      const elsewhere = [
        ...this.#all.map((unit) => ({ at: unit.address, identity: unit.identity, member: true })),
        ...found.map((one) => ({ at: one.at, identity: one.answer.identity, member: false })),
      ].find((one) => one.identity === identity && one.at !== at)
      if (elsewhere === undefined) continue
      const what = `the units at ${at} and ${elsewhere.at} have one identity, ${identity}`
      const way = `one of their folders is a copy of the other's. Start the one at ${at} on an empty folder`
      const moved = `; if the unit of ${elsewhere.at} has moved there, start it there alone and run sirtaki reconfigure`
      throw new SirtakiError('BAD_ARGUMENT', `${what}: ${way}${elsewhere.member ? moved : ''}`, { facts: { identity } })
    }
  }
}

interface Joiner {
  readonly at: string
  readonly answer: Identity
}

const strange = (at: string, cluster: string, base: Layout): SirtakiError =>
  new SirtakiError(
    'WRONG_CLUSTER',
    `${at} belongs to cluster ${cluster}, not to ${base.cluster}: name another one, or start it on an empty folder`,
    { facts: { address: at, cluster } },
  )

function requireOnce(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) {
    throw new SirtakiError('BAD_ARGUMENT', `${twice} is named twice: name each unit once`, { facts: { name: twice } })
  }
}

// ---- waiting

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
