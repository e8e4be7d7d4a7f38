/**
 * `sirtaki trim`: drops the beginning of the log, everywhere and for good.
 *
 * Read next: `../../log/client/read.ts`.
 */
import { Command } from 'commander'
import { position } from '../arguments.ts'
import { contextOf } from '../context.ts'
import { Failure, exits } from '../failure.ts'
import { membersOf } from '../members.ts'
import { withLog } from '../open-log.ts'

/** Makes the command. */
export const trimCommand = (): Command => new Command('trim')
  .description('drop everything below a position on every unit, for good')
  .requiredOption('--before <position>', 'the first position to keep', position)
  .option('--dry-run', 'only tell what would be dropped')
  .action(async ({ before, dryRun = false }: { readonly before: number; readonly dryRun?: boolean }, command: Command) => {
    const context = contextOf(command)
    await withLog(context, async (log) => {
      const { units } = await membersOf(log)
      const { tail } = await log.tail(context)
      if (before > tail) throw new Failure(exits.usage, `cannot trim below ${before}: the tail is ${tail}`)
      const from = Math.max(...units.map((unit) => unit.status?.trim ?? 0))
      if (!dryRun) await log.trim(before, context)
      const positions = Math.max(0, before - from)
      context.output.data({ before, from, positions, dryRun }, `${dryRun ? 'would drop' : 'dropped'} ${positions} positions, ${from} to ${before} (exclusive)`)
    })
  })
