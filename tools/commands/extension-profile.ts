/**
 * `sirtaki extension profile`: what the ops of extensions used and how they failed, from the log.
 *
 * Read next: `../cluster/profile.ts`.
 */
import { Command } from 'commander'
import { position } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { tableText } from '../cli/output.ts'
import { oldestOf, pastFlags, withPast, type PastFlags } from '../cluster/past.ts'
import { Profile, type ProfiledRun } from '../cluster/profile.ts'

interface ProfileFlags extends PastFlags {
  readonly from?: number
}

/** Makes the command. */
export const profileCommand = (): Command =>
  pastFlags(new Command('profile'))
    .description('print calls, fuel and failures of each function of extensions, as the log has them')
    .argument('[name]', 'only this extension')
    .option('--from <position>', 'the first position (default: the oldest that can be had)', position)
    .action(async (name: string | undefined, flags: ProfileFlags, command: Command) => {
      const context = contextOf(command)
      const { output, signal } = context
      const profile = new Profile(name)
      await withPast(context, flags, async (client) => {
        const from = flags.from ?? (await oldestOf(client))
        for await (const step of client.history({ from, signal })) profile.add(step)
      })
      const all = profile.all()
      if (all.length === 0) {
        const whose = name === undefined ? 'any extension' : `extension ${name}`
        throw new Failure(exits.notFound, `the log has no call of ${whose}: see sirtaki extension list`)
      }
      if (output.json) for (const one of all) output.data(one, '')
      else output.data({}, tableText([HEAD, ...all.map(cellsOf)]))
    })

const HEAD = ['extension', 'function', 'calls', 'fuel p50', 'p99', 'max', 'failures']

const cellsOf = ({ extension, run, calls, fuelP50, fuelP99, fuelMax, failures }: ProfiledRun): string[] => [
  extension,
  run,
  String(calls),
  ...[fuelP50, fuelP99, fuelMax].map(String),
  Object.entries(failures)
    .map(([code, count]) => `${code} ${count}`)
    .join(', '),
]
