/**
 * `sirtaki sequencer`: names itself in the next epoch, unless another sequencer lives.
 *
 *     start ─ living one? ─ no ─ next epoch ─ serves until it is deposed or told to end
 *                └ yes ─ exit 5, or with --wait: stays up, takes over when that one dies or reconfigure names this one
 *
 * Read next: `../../sequencer/server.ts`.
 */
import { Command } from 'commander'
import { asError, isError } from '../../log/errors.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { SequencerServer } from '../../sequencer/server.ts'
import { address, addresses } from '../arguments.ts'
import { contextOf, type Context } from '../context.ts'
import { Failure, exits } from '../failure.ts'
import { rest } from '../interrupt.ts'
import { limitsOf } from '../open-log.ts'

interface SequencerFlags { readonly listen: string; readonly advertise?: string; readonly units: readonly string[]; readonly wait?: boolean }

/** Between two looks at its place. */
const LOOK_MS = 250

/** Makes the command. */
export const sequencerCommand = (): Command => new Command('sequencer')
  .description('run the sequencer')
  .requiredOption('--listen <address>', 'where it listens: host:port or unix:PATH', address)
  .option('--advertise <address>', 'where others reach it, where that is another address', address)
  .requiredOption('--units <addresses>', 'units of the cluster', addresses)
  .option('--wait', 'when another sequencer lives, stay up until it is gone or until sirtaki reconfigure names this one')
  .action(async (flags: SequencerFlags, command: Command) => { await runSequencer(contextOf(command), flags) })

async function runSequencer(context: Context, flags: SequencerFlags): Promise<void> {
  const { output, signal } = context
  const server = new SequencerServer({ ports: systemPorts(), limits: limitsOf(context), address: flags.listen, advertise: flags.advertise, name: `sequencer at ${flags.listen}`, units: flags.units, log: output.talk })
  try {
    await server.listen()
    const { boot } = server.member
    if (output.json) output.data({ event: 'listening', kind: 'sequencer', address: server.address, boot }, '')
    output.talk(`sequencer ${boot.slice(0, 8)} listens at ${server.address}`)
    const epoch = await takePlace(server, context, flags)
    if (epoch === undefined) return
    if (output.json) output.data({ event: 'ready', kind: 'sequencer', address: server.address, boot, epoch }, '')
    output.talk(`sequencer of epoch ${epoch}, ready`)
    while (!signal.aborted && !server.deposed) await rest(LOOK_MS, signal)
    if (server.deposed) throw new Failure(exits.conflict, `the sequencer at ${server.address} was replaced by another one: nothing is left to do here`)
    output.talk(`the sequencer at ${server.address} has ended`)
  } finally {
    await server.close()
  }
}

/** Tries until it has its place; tells each new reason why not yet. */
async function takePlace(server: SequencerServer, { output, signal, timeoutMs }: Context, { wait = false }: SequencerFlags): Promise<number | undefined> {
  let told = ''
  while (!signal.aborted) {
    try {
      return (await server.start({ timeoutMs, signal })).epoch
    } catch (thrown) {
      if (signal.aborted) return undefined
      const error = asError(thrown)
      const waits = error.code === 'IN_USE' ? wait : error.next !== 'stop'
      if (!waits && !isError(thrown, 'NOT_WHOLE')) throw error
      if (error.message !== told) output.talk(`not the sequencer yet: ${error.message}`)
      told = error.message
      await rest(LOOK_MS, signal)
    }
  }
  return undefined
}
