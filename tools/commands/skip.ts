/**
 * `sirtaki skip`: leaves out what never ends.
 *
 * Nothing of the objects is played here, so that it cannot hang. Read next: `../../objects/runtime/skip.ts`.
 */
import { Command } from 'commander'
import { ROOT_STREAM } from '../../objects/client.ts'
import { appendSkip } from '../../objects/runtime/skip.ts'
import { spaceLogOf } from '../../objects/runtime/space-log.ts'
import { objectPath, position } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { withLog } from '../cluster/open-log.ts'

interface SkipFlags {
  readonly hook?: boolean
  readonly force?: boolean
}

/** Makes the command. */
export const skipCommand = (): Command =>
  new Command('skip')
    .description('have nothing of an object run at one position, where an op of it never ends')
    .argument('<position>', 'the position that the watchdog prints', position)
    .argument('<object>', 'the path of the object', objectPath)
    .option('--hook', 'what hangs is a deadline of the object, or what it does at the end of a session')
    .option('--force', 'do it: what is left out there is left out for ever')
    .action(async (at: number, object: string, { hook, force = false }: SkipFlags, command: Command) => {
      const context = contextOf(command)
      const { signal, timeoutMs, output } = context
      if (!force) {
        throw new Failure(
          exits.usage,
          `refused: nothing of ${object} would run at position ${at}, for ever. Stop the processes that hang, `
            + 'correct the op if you can, else repeat the command with --force',
        )
      }
      const skipped = await withLog(context, (log) =>
        appendSkip(spaceLogOf(log), ROOT_STREAM, { position: at, object, hook, signal, timeoutMs }),
      )
      const text = `${object} is skipped at position ${at}: restart the processes that hang`
      output.data({ position: at, object, skippedBy: skipped }, text)
    })
