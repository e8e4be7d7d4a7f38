/**
 * `sirtaki status`: layout, sequencer and every unit, chain by chain; with --watch over and over.
 *
 *     instance   identity/boot, the first letters      prefix   lowest position the unit does not know decided
 *     lag        how far its prefix is behind the best of its chain
 *
 * On a terminal the picture is drawn over until q or Ctrl-C; elsewhere, and with --json, one block each time.
 * Read next: `../cluster/members.ts`, `../cli/screen.ts`.
 */
import { Command } from 'commander'
import type { LogClient } from '../../log/client/client.ts'
import { wholeFrom } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { aborts, rest } from '../cli/interrupt.ts'
import { sizeText, tableText, type Output } from '../cli/output.ts'
import { openScreen } from '../cli/screen.ts'
import { askMembers, lagOf, membersOf, type Members, type OtherUnit, type UnitStatus } from '../cluster/members.ts'
import { withLog } from '../cluster/open-log.ts'
import { standingOf, whyAbsent } from '../cluster/standing.ts'

interface StatusFlags {
  readonly watch?: boolean
  readonly every: number
}

/** A member that has not answered for as long is shown as unreachable, also when looks come faster. */
const PATIENCE_MIN_MS = 250

/** Makes the command. */
export const statusCommand = (): Command =>
  new Command('status')
    .description(
      'show the layout, the sequencer and every unit; exit code 3: one does not answer, 1: the cluster is degraded',
    )
    .option('--watch', 'show it again and again; q or Ctrl-C ends it')
    .option(
      '--every <ms>',
      'time between two looks of --watch',
      wholeFrom(100, 'a time in milliseconds', 3_600_000),
      1_000,
    )
    .action(async (flags: StatusFlags, command: Command) => {
      const context = contextOf(command)
      if (flags.watch !== true) {
        await tellOnce(context)
        return
      }
      const live = process.stdin.isTTY && process.stdout.isTTY && !context.output.json
      const show = live ? watchLive : watchBlocks
      await withLog(context, (log) => show(context, log, flags), { doing: '' })
      context.signal.throwIfAborted()
    })

async function tellOnce(context: Context): Promise<void> {
  const members = await withLog(context, membersOf)
  if (context.output.json) context.output.data(jsonOf(members), '')
  else context.output.data({}, textOf(members, context.output))
  const absent = [...members.units, ...(members.sequencer === null ? [] : [members.sequencer])].filter(
    (one) => one.status === undefined,
  )
  if (absent.length > 0) {
    throw new Failure(
      exits.unreachable,
      `${absent.map(({ address, problem }) => `${address}: ${problem}`).join('; ')}: start it again, or `
        + 'take it out with sirtaki reconfigure',
    )
  }
  if (members.sequencer === null) {
    throw new Failure(
      exits.unreachable,
      `epoch ${members.layout.epoch} has no sequencer: start one with sirtaki sequencer`,
    )
  }
  const { degraded } = standingOf(members)
  if (degraded.length > 0) throw new Failure(exits.failed, `the cluster is degraded: ${degraded.join('; ')}`)
}

async function watchBlocks(context: Context, log: LogClient, { every }: StatusFlags): Promise<void> {
  const { output } = context
  let blocks = 0
  await watch(context, log, every, (members) => {
    output.data(
      { time: new Date().toISOString(), ...jsonOf(members) },
      `${blocks++ === 0 ? '' : '\n'}${textOf(members, output)}`,
    )
  })
}

async function watchLive(context: Context, log: LogClient, { every }: StatusFlags): Promise<void> {
  const { output, signal } = context
  const quit = new AbortController()
  const screen = openScreen(process.stdin, process.stdout, {
    quit: () => {
      quit.abort()
    },
    interrupt: () => {
      process.kill(process.pid, 'SIGINT')
    },
  })
  let last = ''
  try {
    await watch({ ...context, signal: AbortSignal.any([signal, quit.signal]) }, log, every, (members) => {
      last = textOf(members, output)
      screen.draw(`${last}\n\n${output.dim(`${new Date().toLocaleTimeString('en-GB')}  q ends`)}`)
    })
  } finally {
    screen.close()
  }
  output.data({}, last)
}

/** Looks and shows until the signal aborts; a member that does not answer holds up no look. */
async function watch(
  { signal, timeoutMs }: Context,
  log: LogClient,
  everyMs: number,
  show: (members: Members) => void,
): Promise<void> {
  const look = async (): Promise<void> => {
    while (!signal.aborted) {
      // A newer layout serves the next look: waiting for it here would let a dead member delay the answers of the
      // living.
      void log.cluster.refresh().catch(() => undefined)
      const startedAt = performance.now()
      const patienceMs = Math.min(timeoutMs, Math.max(everyMs, PATIENCE_MIN_MS))
      const members = await askMembers(log.cluster, { timeoutMs: patienceMs })
      if (isAborted(signal)) return
      show(members)
      await rest(Math.max(0, startedAt + everyMs - performance.now()), signal)
    }
  }
  await Promise.race([look(), aborts(signal)])
}

const isAborted = (signal: AbortSignal): boolean => signal.aborted

const spareText = ({ address, status }: OtherUnit): string =>
  status === undefined ? `${address} (unreachable)` : address

/** Where a sequencer is, of the name that it has. */
const placeOf = (name: string): string => name.replace(/^sequencer at (\S+).*$/, '$1')

const short = (id: string): string => id.slice(0, 8)

function jsonOf(members: Members): object {
  const { layout, units, spares, absent, sequencer } = members
  const other = ({ address, identity, status, problem }: OtherUnit): object => ({
    address,
    identity,
    role: status?.role ?? null,
    problem,
  })
  const left = absent.map((one, i) => ({ ...layout.absent[i], ...other(one), why: whyAbsent(members, one) }))
  return {
    ...standingOf(members),
    standbys: sequencer?.status?.standbys?.map(placeOf) ?? [],
    cluster: layout.cluster,
    epoch: layout.epoch,
    tail: sequencer?.status?.tail ?? layout.tail,
    window: layout.window,
    acceptors: layout.acceptors,
    spares: spares.map(other),
    absent: left,
    segments: layout.segments.map(({ from, to, chains }) => ({
      from,
      to,
      chains: chains.map((chain) => chain.map(({ address }) => address)),
    })),
    sequencer:
      sequencer === null
        ? null
        : { address: sequencer.address, boot: sequencer.boot, ...sequencer.status, problem: sequencer.problem },
    units: units.map((unit) => ({
      chain: unit.chain,
      address: unit.address,
      identity: unit.identity,
      boot: unit.boot,
      ...unit.status,
      lag: lagOf(members, unit),
      problem: unit.problem,
    })),
  }
}

function textOf(members: Members, output: Output): string {
  const { layout, units, spares, absent, sequencer } = members
  const { degraded, notes } = standingOf(members)
  const standbys = sequencer?.status?.standbys?.map(placeOf) ?? []
  const decided =
    sequencer?.status === undefined
      ? ''
      : `, tail ${sequencer.status.tail}, decided below ${sequencer.status.prefix}, ${sequencer.status.holes} holes`
  const rows = units.map((unit) => {
    const { status } = unit
    const start = [String(unit.chain), unit.address, `${short(unit.identity)}/${short(unit.boot)}`]
    if (status === undefined) return [...start, 'unreachable']
    return [
      ...start,
      roleText(status),
      String(status.epoch),
      String(status.prefix),
      String(status.highest + 1),
      String(lagOf(members, unit)),
      String(status.trim),
      sizeText(status.store.diskBytes),
    ]
  })
  return [
    output.bold(`cluster ${layout.cluster}, epoch ${layout.epoch}${decided}`),
    'sequencer  '
      + (sequencer === null
        ? 'none'
        : `${sequencer.address}  ${short(sequencer.boot)}  ${sequencer.status?.role ?? 'unreachable'}`),
    `acceptors  ${layout.acceptors.map(({ address }) => address).join('  ')}`,
    ...(standbys.length > 0 ? [`standbys   ${standbys.join('  ')}`] : []),
    ...(spares.length > 0 ? [`spares     ${spares.map(spareText).join('  ')}`] : []),
    ...absent.map((one) => `absent     ${one.address} (${short(one.identity)}): ${whyAbsent(members, one)}`),
    ...(layout.segments.length > 1
      ? layout.segments.map(
          ({ from, to, chains }) =>
            `positions  ${from} to ${to ?? 'the tail'}: `
            + chains.map((chain) => chain.map(({ address }) => address).join(',')).join(' | '),
        )
      : []),
    ...units.flatMap(({ status }) => status?.acceptor?.lost ?? []),
    tableText([['chain', 'unit', 'instance', 'role', 'epoch', 'prefix', 'tail', 'lag', 'trim', 'disk'], ...rows]),
    ...degraded.map((one) => `degraded   ${one}`),
    ...notes.map((one) => `note       ${one}`),
  ].join('\n')
}

/** The role, and of a unit that copies how far it is: `copying 42 % 12.3 MB/s`. */
export function roleText({ role, copy, full }: Pick<UnitStatus, 'role' | 'copy' | 'full'>): string {
  if (full === true) return `${role}, disk full`
  if (copy === undefined || copy === null) return role
  const { from, to, at, bytesPerSecond } = copy
  const percent = to <= from ? 100 : Math.floor(100 * Math.min(1, Math.max(0, (at - from) / (to - from))))
  return `${role} ${percent} % ${(bytesPerSecond / 1e6).toFixed(1)} MB/s`
}
