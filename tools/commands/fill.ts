/**
 * `sirtaki fill`: brings a hole to decided.
 *
 * Read next: `../../log/playback/read.ts`.
 */
import { Command } from 'commander'
import { position } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { tellPosition } from '../cluster/entry-text.ts'
import { withLog } from '../cluster/open-log.ts'

/** Makes the command. */
export const fillCommand = (): Command =>
  new Command('fill')
    .description('complete a position that a writer left undecided, with junk if it is a hole')
    .argument('<position>', 'a position below the tail', position)
    .action(async (wanted: number, _flags: object, command: Command) => {
      const context = contextOf(command)
      tellPosition(context.output, await withLog(context, (log) => log.fill(wanted, context)))
    })
