/**
 * `sirtaki completion SHELL`: a script that completes the commands and their flags.
 *
 * Read next: `../cli/completion.ts`.
 */
import { Argument, Command } from 'commander'
import { completionOf, shells, type Shell } from '../cli/completion.ts'

/** Makes the command. */
export const completionCommand = (): Command =>
  new Command('completion')
    .description('print a completion script: source <(sirtaki completion bash)')
    .addArgument(new Argument('<shell>', 'whose script').choices(shells))
    .action((shell: Shell, _flags: object, command: Command) => {
      process.stdout.write(`${completionOf(shell, command.parent ?? command)}\n`)
    })
