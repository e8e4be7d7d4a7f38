/**
 * `sirtaki unit`: a log unit with its acceptor, on a folder.
 *
 * Read next: `../serving/serving.ts`, `../../log/unit/server.ts`, `../../log/unit/rejoin.ts`.
 */
import { basename, dirname, join, resolve } from 'node:path'
import { Command } from 'commander'
import { create } from 'superstruct'
import { SirtakiError, asError } from '../../log/errors.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { isHostFolder } from '../../log/io/host-folder.ts'
import { RegisterFile } from '../../log/io/register-file.ts'
import { salvageNotes } from '../../log/io/salvage.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { superviseUnit } from '../../log/unit/rejoin.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { address, wholeFrom } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { aborts } from '../cli/interrupt.ts'
import { ownVersion } from '../cli/version.ts'
import { UnitStatus } from '../cluster/members.ts'
import { limitsOf } from '../cluster/open-log.ts'
import { makeFolders } from '../serving/folders.ts'
import { UnitHealth } from '../serving/health.ts'
import type { HttpServer } from '../serving/http-server.ts'
import type { Log } from '../serving/log.ts'
import { live, serve, servingOptions, showPages, type ServingFlags } from '../serving/serving.ts'
import { unitMetrics } from '../serving/unit-metrics.ts'

interface UnitFlags extends ServingFlags {
  readonly data: string
  readonly advertise?: string
  readonly clusterId?: string
  readonly witness?: string
  readonly salvage?: boolean
  readonly reserveMb: number
}

/** Between two looks at the room on the disk. */
const LOOK_MS = 1_000

/** Makes the command. */
export const unitCommand = (): Command =>
  servingOptions(
    new Command('unit')
      .description('run a log unit on a folder')
      .requiredOption('--data <dir>', 'its folder, made when it does not exist')
      .requiredOption('--listen <address>', 'where it listens: host:port or unix:PATH', address)
      .option('--advertise <address>', 'where others reach it, where that is another address', address)
      .option('--cluster-id <id>', 'refuse the folder when it belongs to another cluster')
      .option(
        '--witness <file>',
        'a small file, best on another disk, that sees every commit: for a unit without peers',
      )
      .option('--salvage', 'open a damaged folder as far as it can be read; what is lost is copied from the peers')
      .option('--reserve-mb <mb>', 'megabytes kept back for a full disk', wholeFrom(1, 'a number of megabytes'), 64),
  ).action(async (flags: UnitFlags, command: Command) => {
    const context = contextOf(command)
    await serve(flags, 'unit', (log) => runUnit(context, log, flags))
  })

async function runUnit(context: Context, log: Log, flags: UnitFlags): Promise<void> {
  const { listen, advertise } = flags
  const ports = systemPorts()
  const folder = makeParent(flags.data)
  requireOwnFolder(folder)
  const store = new SqliteStore({
    folder,
    random: ports.random,
    witness: flags.witness,
    salvage: flags.salvage,
    reserveMb: flags.reserveMb,
    tell: (text) => {
      log.warn(text)
    },
  })
  let pages: HttpServer | undefined
  try {
    const server = new UnitServer({
      ports,
      limits: limitsOf(context),
      store,
      register: new RegisterFile(join(folder, 'acceptor.register'), () => store.giveBack()),
      address: listen,
      advertise,
      name: `unit at ${listen}`,
      version: ownVersion,
    })
    for (const note of salvageNotes(folder)) log.warn(`salvaged, and not whole again yet: ${note}`)
    requireCluster(server, folder, flags.clusterId)
    const stopped = new Promise<SirtakiError>((tell) => {
      server.onStopped(tell)
    })
    const health = new UnitHealth()
    pages = await showPages(flags, log, {
      look: () => create(server.status(), UnitStatus),
      judge: (status, now) => health.judge(status, now),
      metrics: unitMetrics,
      signal: context.signal,
    })
    await live(server, log, async () => {
      await server.listen()
      announce(server, context, log, pages)
      if (server.registerLost !== undefined) log.warn(server.registerLost)
      const supervision = superviseUnit(server, log.told)
      const room = setInterval(tellFull(log, store, folder), LOOK_MS)
      const failed = await Promise.race([stopped, aborts(context.signal)])
      clearInterval(room)
      supervision.close()
      if (failed instanceof SirtakiError) throw failed
    })
    log.info(`the unit at ${listen} has ended`)
  } finally {
    await pages?.close()
    store.close()
  }
}

/** The log of a `file:` cluster belongs to whoever hosts it. @throws SirtakiError `WRONG_CLUSTER`. */
function requireOwnFolder(folder: string): void {
  const host = [folder, dirname(folder)].find(isHostFolder)
  if (host === undefined || (host !== folder && basename(folder) !== 'unit')) return
  throw new SirtakiError(
    'WRONG_CLUSTER',
    `${folder} is ${host === folder ? 'the folder' : 'the log'} of a file: cluster, `
      + `which programs of this machine host by themselves: use it with --cluster file:${host}, or name `
      + 'another folder with --data',
    { facts: { path: folder } },
  )
}

/** Gives what says once that the disk has become full, and once that it has room again. */
export function tellFull(log: Log, store: Pick<SqliteStore, 'full' | 'describe'>, folder: string): () => void {
  let was = false
  return () => {
    const { full } = store
    if (full === was) return
    was = full
    const { freeBytes } = store.describe()
    const refused = 'appends are refused until there is room, trim or make some'
    if (full) log.warn(`the disk of ${folder} is full: ${refused}`, { code: 'FULL', freeBytes })
    else log.info(`the disk of ${folder} has room again: appends go on`, { freeBytes })
  }
}

/** @throws SirtakiError `WRONG_CLUSTER`. */
function requireCluster(
  {
    unit: {
      state: { layout },
    },
  }: UnitServer,
  folder: string,
  wanted: string | undefined,
): void {
  if (wanted === undefined || layout === undefined || layout.cluster === wanted) return
  throw new SirtakiError(
    'WRONG_CLUSTER',
    `the folder ${folder} belongs to cluster ${layout.cluster}, not to ${wanted}: name another folder`,
    { facts: { path: folder } },
  )
}

function announce(server: UnitServer, { output }: Context, log: Log, pages: HttpServer | undefined): void {
  const { layout, identity, boot } = server.unit.state
  if (output.json) {
    output.data(
      {
        event: 'listening',
        kind: 'unit',
        address: server.address,
        identity,
        boot,
        cluster: layout?.cluster ?? null,
        epoch: layout?.epoch ?? 0,
        http: pages?.address,
      },
      '',
    )
  }
  log.info(
    `unit ${identity.slice(0, 8)} listens at ${server.address}, `
      + (layout === undefined ? 'blank' : `of cluster ${layout.cluster}, epoch ${layout.epoch}`),
    { identity, boot, version: ownVersion },
  )
}

/** The store makes its own folder, in one that is there. @throws SirtakiError `IO`. */
function makeParent(data: string): string {
  const folder = resolve(data)
  try {
    makeFolders(dirname(folder))
    return folder
  } catch (thrown) {
    throw new SirtakiError(
      'IO',
      `the folder ${folder} cannot be made: ${asError(thrown, 'IO').message}. Name another place with --data`,
      { cause: thrown, facts: { path: folder } },
    )
  }
}
