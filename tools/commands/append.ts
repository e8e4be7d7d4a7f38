/**
 * `sirtaki append`: one entry.
 *
 * Read next: `../../log/client/append.ts`.
 */
import { Command } from 'commander'
import { streams } from '../arguments.ts'
import { contextOf } from '../context.ts'
import { withLog } from '../open-log.ts'

/** Makes the command. */
export const appendCommand = (): Command => new Command('append')
  .description('append one entry and tell its position')
  .argument('<text>', 'what to append; - reads all of stdin')
  .option('--stream <n>', 'a stream that the entry belongs to; several times for several', streams)
  .action(async (text: string, flags: { readonly stream?: readonly number[] }, command: Command) => {
    const context = contextOf(command)
    const payload = text === '-' ? await stdin() : Buffer.from(text)
    const { position, epoch } = await withLog(context, (log) => log.append(payload, { streams: flags.stream, signal: context.signal, timeoutMs: context.timeoutMs }))
    context.output.data({ position, epoch, streams: flags.stream ?? [], bytes: payload.byteLength }, String(position))
  })

async function stdin(): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of process.stdin) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}
