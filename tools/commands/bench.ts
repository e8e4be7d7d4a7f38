/**
 * `sirtaki bench`: what the cluster of --cluster gives one client: appends and linearizable tail reads in closed loops.
 *
 * Rows appear as they are measured, so a cluster that stops answering leaves those before it.
 * Read next: `../bench/measure.ts`, `../bench/main.ts` (the bench of the project, on a cluster of its own).
 */
import { Command, Option } from 'commander'
import type { LogClient } from '../../log/client/client.ts'
import { OBJECT_STREAMS } from '../../log/entry.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import { limits } from '../../log/limits.ts'
import { measure, type Measured } from '../bench/measure.ts'
import { wholeFrom } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import type { Output } from '../cli/output.ts'
import { withLog } from '../cluster/open-log.ts'

interface BenchFlags {
  readonly ms: number
  readonly bytes: number
  readonly stream: number
  readonly only?: string
}
interface Row {
  readonly name: string
  readonly kind: 'append' | 'read'
  readonly outstanding: number
}

const ROWS: readonly Row[] = [
  { name: 'append.sequential', kind: 'append', outstanding: 1 },
  { name: 'append.64', kind: 'append', outstanding: 64 },
  { name: 'append.256', kind: 'append', outstanding: 256 },
  { name: 'append.1024', kind: 'append', outstanding: 1_024 },
  { name: 'read.linearizable.1', kind: 'read', outstanding: 1 },
  { name: 'read.linearizable.256', kind: 'read', outstanding: 256 },
]
/** Before the first row, so that it does not pay for connections and cold code. */
const WARM_UP_MS = 300

const benchStream = wholeFrom(OBJECT_STREAMS, 'a stream of no objects', 0xffff_ffff)

/** Makes the command. */
export const benchCommand = (): Command =>
  new Command('bench')
    .description('measure appends and tail reads; the entries it writes stay in the log')
    .option('--ms <ms>', 'how long each row is measured', wholeFrom(1, 'a time in milliseconds', 600_000), 1_000)
    .option('--bytes <n>', 'the size of an entry', wholeFrom(0, 'a size in bytes', limits.entryBytesMax), 128)
    .option('--stream <n>', 'the stream of the entries', benchStream, 0xffff_fffe)
    .addOption(new Option('--only <name>', 'only this row').choices(ROWS.map(({ name }) => name)))
    .action(async (flags: BenchFlags, command: Command) => {
      const context = contextOf(command)
      const rows = ROWS.filter(({ name }) => flags.only === undefined || name === flags.only)
      await withLog(context, (log) => measureRows(context, log, flags, rows), { mayCreate: true, doing: 'measuring' })
    })

async function measureRows(context: Context, log: LogClient, flags: BenchFlags, rows: readonly Row[]): Promise<void> {
  const { output, cluster, signal } = context
  if (rows.some(({ kind }) => kind === 'append')) {
    output.talk(
      `writing entries of ${flags.bytes} bytes to stream ${flags.stream} of ${cluster}: they stay until the `
        + 'log is trimmed (sirtaki trim)',
    )
  }
  if (!output.json) output.data({}, output.bold(lineOf(['row', 'p50 ms', 'p99 ms', 'p99.9 ms', 'calls/s'])))
  // Ctrl-C ends the calls that wait, too.
  signal.addEventListener(
    'abort',
    () => {
      void log.close()
    },
    { once: true },
  )
  for (const [i, row] of rows.entries()) {
    const measured = await measureRow(signal, callOf(log, flags, row), row, {
      ms: flags.ms,
      warmUpMs: i === 0 ? Math.min(WARM_UP_MS, flags.ms) : 0,
    })
    tellRow(output, row, measured)
  }
}

/** @throws SirtakiError as the call that failed, with the name of the row. */
async function measureRow(
  signal: AbortSignal,
  call: () => Promise<unknown>,
  { name, outstanding }: Row,
  { ms, warmUpMs }: { readonly ms: number; readonly warmUpMs: number },
): Promise<Measured> {
  const progress = process.stderr.isTTY ? process.stderr : undefined
  progress?.write(`${name} ...`)
  try {
    if (warmUpMs > 0) await measure(1, warmUpMs, call)
    return await measure(outstanding, ms, call)
  } catch (thrown) {
    signal.throwIfAborted()
    const { code, message, next, facts } = asError(thrown)
    throw new SirtakiError(code, `${name} could not be measured: ${message}: see sirtaki status`, {
      cause: thrown,
      next,
      facts,
    })
  } finally {
    progress?.write('\r\u001b[K')
  }
}

function callOf(log: LogClient, { bytes, stream }: BenchFlags, { kind }: Row): () => Promise<unknown> {
  if (kind === 'read') return () => log.tail()
  const payload = new Uint8Array(bytes).fill(7)
  const options = { streams: [stream] }
  return () => log.append(payload, options)
}

function tellRow(output: Output, { name, outstanding }: Row, measured: Measured): void {
  const { p50Ms, p99Ms, p999Ms, perSecond } = measured
  output.data(
    { name, outstanding, p50Ms, p99Ms, p999Ms, perSecond },
    lineOf([name, ...[p50Ms, p99Ms, p999Ms].map((ms) => ms.toFixed(3)), perSecond.toLocaleString('en')]),
  )
}

/** Rows come one at a time, so the columns have a width of their own. */
const lineOf = ([name = '', ...cells]: readonly string[]): string =>
  `${name.padEnd(22)}${cells.map((cell) => cell.padStart(11)).join('')}`
