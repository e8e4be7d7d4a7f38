/**
 * `sirtaki fill`: brings a hole to decided.
 *
 * Read next: `../../log/client/read.ts`.
 */
import { Command } from 'commander'
import { position } from '../arguments.ts'
import { contextOf } from '../context.ts'
import { tellPosition } from '../entry-text.ts'
import { withLog } from '../open-log.ts'

/** Makes the command. */
export const fillCommand = (): Command => new Command('fill')
  .description('complete a position that a writer left undecided, with junk if it is a hole')
  .argument('<position>', 'a position below the tail', position)
  .action(async (wanted: number, _flags: object, command: Command) => {
    const context = contextOf(command)
    tellPosition(context.output, await withLog(context, (log) => log.fill(wanted, context)))
  })
