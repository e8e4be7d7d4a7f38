#!/usr/bin/env node
/**
 * `sirtaki`, the command line.
 *
 * The last resort of every command: whatever is thrown becomes one line on stderr and an exit code. Read next: `program.ts`.
 */
import { CommanderError } from 'commander'
import { Failure, exits, failureOf } from './failure.ts'
import { endWithReader } from './output.ts'
import { makeProgram } from './program.ts'

/** Runs the command line; gives the exit code. */
async function run(argv: readonly string[]): Promise<number> {
  try {
    await makeProgram().parseAsync([...argv])
    return exits.ok
  } catch (thrown) {
    const { exit, message } = thrown instanceof CommanderError ? usageOf(thrown) : failureOf(thrown)
    if (message !== '') process.stderr.write(`sirtaki: ${message}\n`)
    return exit
  }
}

function usageOf({ code, message, exitCode }: CommanderError): Failure {
  if (exitCode === 0) return new Failure(exits.ok, '')
  // Without a command the parser has shown the help already.
  if (code === 'commander.help') return new Failure(exits.usage, '')
  const oneLine = message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ').replace('(Did you mean', '(did you mean').replace(/\.$/, '')
  return new Failure(exits.usage, `${oneLine}: see sirtaki --help`)
}

process.on('uncaughtException', (thrown) => {
  process.stderr.write(`sirtaki: ${failureOf(thrown).message}\n`)
  process.exit(exits.failed)
})
endWithReader()
process.exit(await run(process.argv))
