/**
 * `sirtaki locks`: who holds locks, permits and terms of office, and how many wait for them.
 *
 * Read next: `../../objects/lock/type.ts`.
 */
import { Command } from 'commander'
import type { ObjectClient } from '../../objects/client.ts'
import { SHARED_MAX } from '../../objects/lock/shapes.ts'
import { Lock } from '../../objects/lock/type.ts'
import { contextOf } from '../cli/context.ts'
import { tableText } from '../cli/output.ts'
import { sessionNames, withObjects } from '../cluster/objects.ts'

/** Makes the command. */
export const locksCommand = (): Command =>
  new Command('locks')
    .description('print who holds locks, semaphores and elections, and how many wait')
    .action(async (_flags: object, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      const all = await withObjects(context, holdersOf)
      if (output.json) {
        for (const one of all) output.data(one, '')
        return
      }
      const rows = all.flatMap(({ path, mode, waiters, holders }) =>
        (holders.length === 0 ? [undefined] : holders).map((holder) => [
          path,
          mode,
          holder === undefined ? 'nobody' : `${holder.name} (${holder.session})`,
          holder === undefined ? '' : String(holder.token),
          holder === undefined ? '' : new Date(holder.since).toISOString(),
          String(waiters),
          holder === undefined ? '' : JSON.stringify(holder.data),
        ]),
      )
      output.data({}, tableText([['path', 'mode', 'holder', 'token', 'since', 'waiting', 'data'], ...rows]))
    })

/** Every lock, in the order of their paths. */
async function holdersOf(client: ObjectClient) {
  const names = sessionNames(client)
  const paths = client.objects().flatMap(({ path, type }) => (type === Lock.name ? [path] : []))
  return Promise.all(
    paths.map(async (path) => {
      const { state, tables } = await client.open(Lock, path)
      const holders = [...tables.holders.range()].map(([hold, { session, token, weight, since, data }]) => {
        return { hold: Number(hold), session, name: names.get(session) ?? '', token, weight, since, data }
      })
      return { path, mode: state.capacity === SHARED_MAX ? 'lock' : 'semaphore', holders, waiters: tables.waiters.size }
    }),
  )
}
