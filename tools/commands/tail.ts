/**
 * `sirtaki tail`: the entries of the log, or of one stream, the newest ones or all from a position on.
 *
 * Read next: `../cluster/scan.ts`, `../../log/playback/stream-player.ts`.
 */
import { Command } from 'commander'
import type { LogClient } from '../../log/client/client.ts'
import type { Entry } from '../../log/entry.ts'
import { isError } from '../../log/errors.ts'
import type { ReadResult } from '../../log/playback/read.ts'
import { position, wholeFrom } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { rest } from '../cli/interrupt.ts'
import { tellEntry } from '../cluster/entry-text.ts'
import { withLog } from '../cluster/open-log.ts'
import { SCAN_STEP, scan } from '../cluster/scan.ts'

interface TailFlags {
  readonly stream?: number
  readonly follow?: boolean
  readonly from?: number
  readonly lines: number
}

const POLL_MS = 100

/** Makes the command. */
export const tailCommand = (): Command =>
  new Command('tail')
    .description('print the newest entries of the log or of a stream')
    .option('--stream <n>', 'only this stream', wholeFrom(0, 'a stream', 0xffff_ffff))
    .option('--follow', 'go on with what is appended until Ctrl-C')
    .option('--from <position>', 'everything from this position on', position)
    .option('--lines <n>', 'without --from, how many of the newest entries', wholeFrom(0, 'a number of entries'), 10)
    .action(async (flags: TailFlags, command: Command) => {
      const context = contextOf(command)
      const { stream, follow = false } = flags
      await withLog(
        context,
        (log) => (stream === undefined ? tailLog(context, log, flags) : tailStream(context, log, flags, stream)),
        follow ? { doing: '' } : {},
      )
    })

const width = (): number => (process.stdout.isTTY ? Math.max(40, process.stdout.columns - 14) : 400)

async function tailLog(
  { output, signal, timeoutMs }: Context,
  log: LogClient,
  { from, follow = false, lines }: TailFlags,
): Promise<void> {
  const { tail } = await log.tail({ signal, timeoutMs })
  let next = from ?? (await newestFrom(log, tail, lines))
  for (let end = tail; ; end = (await log.tail({ signal, timeoutMs })).tail) {
    while (next < end && !signal.aborted) {
      const found = await scan(log, next, Math.min(end, next + SCAN_STEP))
      const known = decidedOf(found)
      for (const one of known) if (one.kind === 'data') tellEntry(output, one.entry, width())
      await output.flow()
      next += known.length
      // A hole: its writer is still at it, or somebody will fill it.
      if (known.length < found.length) break
    }
    if (!follow) return
    await rest(POLL_MS, signal)
    signal.throwIfAborted()
  }
}

function decidedOf(found: readonly ReadResult[]): readonly ReadResult[] {
  const hole = found.findIndex((one) => one.kind === 'unwritten')
  return hole < 0 ? found : found.slice(0, hole)
}

/** The position of the `lines`th entry from the end. */
async function newestFrom(log: LogClient, tail: number, lines: number): Promise<number> {
  let left = lines
  for (let to = tail; to > 0 && left > 0; to -= SCAN_STEP) {
    const found = await scan(log, Math.max(0, to - SCAN_STEP), to)
    for (const one of found.toReversed()) {
      if (one.kind === 'trimmed') return one.position + 1
      if (one.kind === 'data' && --left === 0) return one.position
    }
  }
  return lines === 0 ? tail : 0
}

async function tailStream(
  { output, signal, timeoutMs }: Context,
  log: LogClient,
  { from, follow = false, lines }: TailFlags,
  stream: number,
): Promise<void> {
  const entries = await readStream(log, stream, from, { signal, timeoutMs })
  const told = from === undefined ? entries.slice(Math.max(0, entries.length - lines)) : entries
  for (const entry of told) {
    tellEntry(output, entry, width())
    await output.flow()
  }
  if (!follow) return
  const next = (entries.at(-1)?.position ?? (from ?? 0) - 1) + 1
  for await (const entry of log.subscribe({ stream, from: next, signal })) {
    tellEntry(output, entry, width())
    await output.flow()
  }
  signal.throwIfAborted()
}

async function readStream(
  log: LogClient,
  stream: number,
  from: number | undefined,
  options: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<Entry[]> {
  try {
    return await log.readStream({ stream, from, ...options })
  } catch (thrown) {
    const trim = isError(thrown, 'TRIMMED') ? thrown.facts['trim'] : undefined
    // Nobody asked for what is trimmed: the newest entries begin behind it.
    if (from !== undefined || typeof trim !== 'number') throw thrown
    return log.readStream({ stream, from: trim, ...options })
  }
}
