/**
 * `sirtaki unit`: a log unit with its acceptor, on a folder.
 *
 * Read next: `../../log/unit/server.ts`, `../../log/unit/rejoin.ts`.
 */
import { dirname, join, resolve } from 'node:path'
import { Command } from 'commander'
import { SirtakiError, asError } from '../../log/errors.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { RegisterFile } from '../../log/io/register-file.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { superviseUnit } from '../../log/unit/rejoin.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { address } from '../arguments.ts'
import { contextOf, type Context } from '../context.ts'
import { makeFolders } from '../folders.ts'
import { aborts } from '../interrupt.ts'
import { limitsOf } from '../open-log.ts'

interface UnitFlags { readonly data: string; readonly listen: string; readonly advertise?: string; readonly clusterId?: string }

/** Makes the command. */
export const unitCommand = (): Command => new Command('unit')
  .description('run a log unit on a folder')
  .requiredOption('--data <dir>', 'its folder, made when it does not exist')
  .requiredOption('--listen <address>', 'where it listens: host:port or unix:PATH', address)
  .option('--advertise <address>', 'where others reach it, where that is another address', address)
  .option('--cluster-id <id>', 'refuse the folder when it belongs to another cluster')
  .action(async (flags: UnitFlags, command: Command) => { await runUnit(contextOf(command), flags) })

async function runUnit(context: Context, { data, listen, advertise, clusterId }: UnitFlags): Promise<void> {
  const { output, signal } = context
  const ports = systemPorts()
  const folder = makeParent(data)
  const store = new SqliteStore({ folder, random: ports.random })
  const name = `unit at ${listen}`
  try {
    const server = new UnitServer({ ports, limits: limitsOf(context), store, register: new RegisterFile(join(folder, 'acceptor.register')), address: listen, advertise, name })
    const { layout, identity, boot } = server.unit.state
    if (clusterId !== undefined && layout !== undefined && layout.cluster !== clusterId) throw new SirtakiError('WRONG_CLUSTER', `the folder ${folder} belongs to cluster ${layout.cluster}, not to ${clusterId}: name another folder`, { facts: { path: folder } })
    const stopped = new Promise<SirtakiError>((tell) => { server.onStopped(tell) })
    await server.listen()
    if (output.json) output.data({ event: 'listening', kind: 'unit', address: server.address, identity, boot, cluster: layout?.cluster ?? null, epoch: layout?.epoch ?? 0 }, '')
    output.talk(`unit ${identity.slice(0, 8)} listens at ${server.address}, ${layout === undefined ? 'blank' : `of cluster ${layout.cluster}, epoch ${layout.epoch}`}`)
    const rejoin = superviseUnit(server, output.talk)
    const failed = await Promise.race([stopped, aborts(signal)])
    rejoin.close()
    await server.close()
    if (failed instanceof SirtakiError) throw failed
    output.talk(`the unit at ${listen} has ended`)
  } finally {
    store.close()
  }
}

/** The store makes its own folder, in one that is there. @throws SirtakiError `IO`. */
function makeParent(data: string): string {
  const folder = resolve(data)
  try {
    makeFolders(dirname(folder))
    return folder
  } catch (thrown) {
    throw new SirtakiError('IO', `the folder ${folder} cannot be made: ${asError(thrown, 'IO').message}. Name another place with --data`, { cause: thrown, facts: { path: folder } })
  }
}
