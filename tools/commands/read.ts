/**
 * `sirtaki read`: what positions hold.
 *
 * Read next: `../../log/playback/read.ts`.
 */
import { Command } from 'commander'
import { positions } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { tellPosition } from '../cluster/entry-text.ts'
import { withLog } from '../cluster/open-log.ts'

/** Makes the command. */
export const readCommand = (): Command =>
  new Command('read')
    .description('print what positions hold; exit code 4 when one is trimmed or not written')
    .argument('<position...>', 'positions of the log', positions)
    .action(async (wanted: readonly number[], _flags: object, command: Command) => {
      const context = contextOf(command)
      const missing: string[] = []
      await withLog(context, async (log) => {
        for (const position of wanted) {
          const found = await log.read(position, context)
          tellPosition(context.output, found)
          await context.output.flow()
          if (found.kind === 'trimmed' || found.kind === 'unwritten') {
            missing.push(`position ${position} is ${found.kind === 'trimmed' ? 'trimmed' : 'not written'}`)
          }
        }
      })
      if (missing.length > 0) {
        throw new Failure(exits.notFound, `${missing.join(', ')}: sirtaki status shows what the log holds`)
      }
    })
