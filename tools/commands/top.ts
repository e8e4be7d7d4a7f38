/**
 * `sirtaki top`: what the cluster does, live: rates and latencies, per unit and per stream.
 *
 * On a terminal the picture is drawn over until q or Ctrl-C; elsewhere, and with --json, one block an interval.
 * Read next: `../cluster/rates.ts`, `../cli/screen.ts`.
 */
import { Command } from 'commander'
import type { LogClient } from '../../log/client/client.ts'
import { wholeFrom } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { aborts, rest } from '../cli/interrupt.ts'
import { sizeText, tableText, type Output } from '../cli/output.ts'
import { openScreen } from '../cli/screen.ts'
import { askMembers, type Latency } from '../cluster/members.ts'
import { withLog } from '../cluster/open-log.ts'
import { ratesOf, type Look, type Rates, type SequencerRates, type UnitRates } from '../cluster/rates.ts'

interface TopFlags {
  readonly interval: number
  readonly count?: number
}

/** Streams that people are shown; JSON has all that the sequencer tells. */
const STREAMS_SHOWN = 10
/** A member that has not answered for as long is shown as unreachable, also at short intervals. */
const PATIENCE_MIN_MS = 250

/** Makes the command. */
export const topCommand = (): Command =>
  new Command('top')
    .description('watch rates and latencies, per unit and per stream; q ends it')
    .option('--interval <ms>', 'time between two looks', wholeFrom(100, 'a time in milliseconds', 3_600_000), 1_000)
    .option('--count <n>', 'end after so many blocks', wholeFrom(1, 'a number of blocks'))
    .action(async (flags: TopFlags, command: Command) => {
      const context = contextOf(command)
      const live = process.stdin.isTTY && process.stdout.isTTY && !context.output.json
      const show = live ? watchLive : watchLines
      await withLog(context, (log) => show(context, log, flags), { doing: '' })
      context.signal.throwIfAborted()
    })

async function watchLines(context: Context, log: LogClient, flags: TopFlags): Promise<void> {
  const { output } = context
  let blocks = 0
  await watch(context, log, flags, (rates) => {
    if (rates.seconds > 0) output.data(jsonOf(rates), `${blocks++ === 0 ? '' : '\n'}${textOf(rates, output)}`)
  })
}

async function watchLive(context: Context, log: LogClient, flags: TopFlags): Promise<void> {
  const { output } = context
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
    await watch({ ...context, signal: AbortSignal.any([context.signal, quit.signal]) }, log, flags, (rates) => {
      last = textOf(rates, output)
      screen.draw(`${last}\n\n${output.dim('q ends')}`)
    })
  } finally {
    screen.close()
  }
  output.data({}, last)
}

/**
 * Shows what happened since the look before, every interval, until the signal aborts. The first look has no rates yet.
 */
async function watch(context: Context, log: LogClient, flags: TopFlags, show: (rates: Rates) => void): Promise<void> {
  const { signal } = context
  const look = async (): Promise<void> => {
    let before: Look | undefined
    for (let left = flags.count ?? Infinity; left >= 0 && !signal.aborted; left--) {
      const now = await lookAt(context, log, flags)
      // A look that ends after the end has nobody left to see it.
      if (isAborted(signal)) return
      show(ratesOf(before, now))
      before = now
      if (left > 0) await rest(Math.max(0, now.atMs + flags.interval - performance.now()), signal)
    }
  }
  await Promise.race([look(), aborts(signal)])
}

const isAborted = (signal: AbortSignal): boolean => signal.aborted

async function lookAt({ timeoutMs }: Context, log: LogClient, { interval }: TopFlags): Promise<Look> {
  // A newer layout serves the next look: waiting for it here would let a dead member delay the answers of the living.
  void log.cluster.refresh().catch(() => undefined)
  const atMs = performance.now()
  const patienceMs = Math.min(timeoutMs, Math.max(interval, PATIENCE_MIN_MS))
  return { atMs, members: await askMembers(log.cluster, { timeoutMs: patienceMs, chainsOnly: true }) }
}

function jsonOf(rates: Rates): object {
  return { time: new Date().toISOString(), ...rates }
}

function textOf({ cluster, epoch, tail, sequencer, units, streams }: Rates, output: Output): string {
  const blocks = [
    output.bold(`cluster ${cluster}, epoch ${epoch}, tail ${tail ?? DASH}  ${new Date().toLocaleTimeString('en-GB')}`),
    tableText([
      ['sequencer', 'appends/s', 'grants/s', 'holes', 'window', 'p50 ms', 'p99 ms', 'waiting', 'connections'],
      sequencerRow(sequencer),
    ]),
    tableText([
      [
        'chain',
        'unit',
        'entries/s',
        'bytes/s',
        'commits/s',
        'entries/commit',
        'p50 ms',
        'p99 ms',
        'lag',
        'waiting',
        'subscriptions',
        'connections',
      ],
      ...units.map(unitRow),
    ]),
    tableText([
      ['stream', 'entries/s'],
      ...streams.slice(0, STREAMS_SHOWN).map((one) => [String(one.stream), whole(one.entriesPerSecond)]),
    ]),
  ]
  return (streams.length === 0 ? blocks.slice(0, -1) : blocks).join('\n\n')
}

const DASH = '-'
const whole = (value: number | undefined): string =>
  value === undefined ? DASH : Math.round(value).toLocaleString('en')
const tenths = (value: number | undefined): string => (value === undefined ? DASH : value.toFixed(1))
const bytes = (value: number | undefined): string => (value === undefined ? DASH : sizeText(value))
const latency = (value: Latency | undefined): [string, string] => [tenths(value?.p50), tenths(value?.p99)]

function sequencerRow(sequencer: SequencerRates | null): string[] {
  if (sequencer === null) return ['none']
  if (sequencer.problem !== undefined) return [sequencer.address, 'unreachable']
  const { address, appendsPerSecond, grantsPerSecond, holes, windowUse, appendMs, waiting, connections } = sequencer
  return [
    address,
    whole(appendsPerSecond),
    whole(grantsPerSecond),
    whole(holes),
    windowUse === undefined ? DASH : `${(windowUse * 100).toFixed(1)} %`,
    ...latency(appendMs),
    whole(waiting),
    whole(connections),
  ]
}

function unitRow({
  chain,
  address,
  problem,
  entriesPerSecond,
  bytesPerSecond,
  commitsPerSecond,
  entriesPerCommit,
  commitMs,
  lag,
  waitingBytes,
  subscriptions,
  connections,
}: UnitRates): string[] {
  if (problem !== undefined) return [String(chain), address, 'unreachable']
  return [
    String(chain),
    address,
    whole(entriesPerSecond),
    bytes(bytesPerSecond),
    whole(commitsPerSecond),
    tenths(entriesPerCommit),
    ...latency(commitMs),
    whole(lag),
    bytes(waitingBytes),
    whole(subscriptions),
    whole(connections),
  ]
}
