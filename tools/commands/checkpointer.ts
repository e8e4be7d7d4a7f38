/**
 * `sirtaki checkpointer`: writes checkpoints by the policy, until Ctrl-C.
 *
 * Any number of them may run: one holds the lock, the others wait for it. Read next:
 * `../../objects/retention/checkpointer.ts`.
 */
import { Command } from 'commander'
import { texts } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { aborts } from '../cli/interrupt.ts'
import { requireBlobs } from '../cluster/blobs.ts'
import { loadTypes } from '../cluster/code.ts'
import { withObjects } from '../cluster/objects.ts'

interface CheckpointerFlags {
  readonly code?: readonly string[]
}

/** Makes the command. */
export const checkpointerCommand = (): Command =>
  new Command('checkpointer')
    .description('write checkpoints by the policy (sirtaki checkpoint policy), until Ctrl-C')
    .option('--code <file>', 'a module that exports the types of a program, several times for several', texts)
    .action(async ({ code = [] }: CheckpointerFlags, command: Command) => {
      const context = contextOf(command)
      const { signal, output } = context
      const types = await loadTypes(code)
      const address = requireBlobs(context)
      await withObjects(
        context,
        async (client) => {
          const checkpointer = client.checkpointer({
            wrote: ({ n, position, records }) => {
              const text = `checkpoint ${n} at position ${position}: ${records} records`
              output.data({ event: 'checkpoint', n, position, records }, text)
            },
            trimmed: (before) => {
              output.data({ event: 'trim', before }, `the log begins at position ${before}`)
            },
            failed: (error) => {
              output.talk(`it goes on after a failure: ${error.message} [${error.code}]`)
            },
          })
          if (output.json) output.data({ event: 'ready', blobs: address }, '')
          else output.talk(`writes checkpoints to ${address}, whenever the policy says so and no other process does`)
          try {
            await aborts(signal)
          } finally {
            await checkpointer.close()
          }
        },
        { types, doing: '' },
      )
      signal.throwIfAborted()
    })
