#!/usr/bin/env node
/**
 * `sirtaki`, the command line.
 *
 * The last resort of every command: whatever is thrown becomes one line on stderr and an exit code. Read next:
 * `cli/program.ts`.
 */
import type { Command } from 'commander'
import { exits, failureOf, failureText } from './cli/failure.ts'
import { wasTold } from './cli/interrupt.ts'
import { endProcess, endWithReader } from './cli/output.ts'
import { makeProgram } from './cli/program.ts'

/** How long a process that was told to end waits for the readers of what it printed. */
const LAST_WORDS_MS = 1_000

let program: Command | undefined

/** Runs the command line; gives the exit code. */
async function run(argv: readonly string[]): Promise<number> {
  try {
    program = makeProgram()
    await program.parseAsync([...argv])
    return exits.ok
  } catch (thrown) {
    return tell(thrown)
  }
}

/** Prints how the command failed; gives the exit code. */
function tell(thrown: unknown): number {
  const failure = failureOf(thrown)
  // A parser that has met a wrong flag may not have come to --json yet.
  process.stderr.write(failureText(failure, program?.opts()['json'] === true || process.argv.includes('--json')))
  return failure.exit
}

process.on('uncaughtException', (thrown) => {
  tell(thrown)
  void endProcess(exits.failed, LAST_WORDS_MS)
})
endWithReader()
const code = await run(process.argv)
await endProcess(code, wasTold() ? LAST_WORDS_MS : Infinity)
