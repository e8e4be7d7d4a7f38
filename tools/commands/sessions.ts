/**
 * `sirtaki sessions`: who uses the objects.
 *
 * Read next: `../../objects/runtime/session-marks.ts`.
 */
import { Command } from 'commander'
import { contextOf } from '../cli/context.ts'
import { tableText } from '../cli/output.ts'
import { withObjects } from '../cluster/objects.ts'

/** Makes the command. */
export const sessionsCommand = (): Command =>
  new Command('sessions')
    .description('print the live sessions: position, name, timeout, process, identities')
    .action(async (_flags: object, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      const all = await withObjects(context, (client) => Promise.resolve(client.sessions()))
      if (output.json) {
        for (const { session, incarnation, name, timeoutMs, process: view, ids, types, next } of all) {
          output.data({ session, incarnation, name, timeoutMs, process: view, ids, types, next }, '')
        }
        return
      }
      const rows = all.map(({ session, name, timeoutMs, process: view, ids, next }) => [
        String(session),
        name,
        String(timeoutMs),
        view,
        String(next),
        ids.map(([scheme, id]) => `${scheme}:${id}`).join(' '),
      ])
      output.data({}, tableText([['session', 'name', 'timeout ms', 'process', 'ops', 'identities'], ...rows]))
    })
