/**
 * `sirtaki append`: one entry.
 *
 * Read next: `../../log/client/append.ts`.
 */
import { Command } from 'commander'
import { OBJECT_STREAMS } from '../../log/entry.ts'
import { streams } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { stdin } from '../cli/stdin.ts'
import { withLog } from '../cluster/open-log.ts'

interface AppendFlags {
  readonly stream?: readonly number[]
  readonly force?: boolean
}

/** Makes the command. */
export const appendCommand = (): Command =>
  new Command('append')
    .description('append one entry and print its position')
    .argument('<text>', 'what to append; - reads all of stdin')
    .option('--stream <n>', 'a stream that the entry belongs to; several times for several', streams)
    .option('--force', `also into the streams of the objects, 0 to ${OBJECT_STREAMS - 1}`)
    .action(async (text: string, flags: AppendFlags, command: Command) => {
      const context = contextOf(command)
      const own = flags.stream?.find((stream) => stream < OBJECT_STREAMS)
      if (own !== undefined && flags.force !== true) throw objectStream(own)
      const payload = text === '-' ? await stdin() : Buffer.from(text)
      const { signal, timeoutMs } = context
      const options = { streams: flags.stream, signal, timeoutMs }
      const { position, epoch } = await withLog(context, (log) => log.appendAnywhere(payload, options), {
        mayCreate: true,
      })
      context.output.data({ position, epoch, streams: flags.stream ?? [], bytes: payload.byteLength }, String(position))
    })

const objectStream = (stream: number): Failure =>
  new Failure(
    exits.usage,
    `stream ${stream} is one of the objects (0 to ${OBJECT_STREAMS - 1}), where only their own entries belong: `
      + `name a stream from ${OBJECT_STREAMS} on, or say --force`,
  )
