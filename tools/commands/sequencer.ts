/**
 * `sirtaki sequencer`: names itself in the next epoch, unless another sequencer lives.
 *
 *     start ─ living one? ─ no ─ next epoch ─ serves until it is deposed or told to end
 *                └ yes ─ exit 5
 *     --standby: watches, takes over when nobody is in the place any more, and stands by again when it was deposed
 *
 * Read next: `../serving/serving.ts`, `../../sequencer/server.ts`.
 */
import { Command } from 'commander'
import { create } from 'superstruct'
import { asError, isError, type SirtakiError } from '../../log/errors.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { SequencerServer } from '../../sequencer/server.ts'
import { address, addresses } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { rest } from '../cli/interrupt.ts'
import { ownVersion } from '../cli/version.ts'
import { SequencerStatus } from '../cluster/members.ts'
import { limitsOf } from '../cluster/open-log.ts'
import { sequencerHealth } from '../serving/health.ts'
import type { HttpServer } from '../serving/http-server.ts'
import type { Log } from '../serving/log.ts'
import { sequencerMetrics } from '../serving/sequencer-metrics.ts'
import { live, serve, servingOptions, showPages, type ServingFlags } from '../serving/serving.ts'

interface SequencerFlags extends ServingFlags {
  readonly advertise?: string
  readonly units: readonly string[]
  readonly standby?: boolean
}

/** Between two looks at its place. */
const LOOK_MS = 250

/** Makes the command. */
export const sequencerCommand = (): Command =>
  servingOptions(
    new Command('sequencer')
      .description('run the sequencer')
      .requiredOption('--listen <address>', 'where it listens: host:port or unix:PATH', address)
      .option('--advertise <address>', 'where others reach it, where that is another address', address)
      .requiredOption('--units <addresses>', 'units of the cluster', addresses)
      .option(
        '--standby',
        'watch over the sequencer and take over when it is gone, or when sirtaki reconfigure names this one',
      ),
  ).action(async (flags: SequencerFlags, command: Command) => {
    const context = contextOf(command)
    await serve(flags, 'sequencer', (log) => runSequencer(context, log, flags))
  })

async function runSequencer(context: Context, log: Log, flags: SequencerFlags): Promise<void> {
  const { listen, advertise, units, standby = false } = flags
  const server = new SequencerServer({
    ports: systemPorts(),
    limits: limitsOf(context),
    address: listen,
    advertise,
    name: `sequencer at ${listen}`,
    version: ownVersion,
    units,
    log: log.told,
  })
  let pages: HttpServer | undefined
  try {
    pages = await showPages(flags, log, {
      look: () => create(server.status(), SequencerStatus),
      judge: (status) => sequencerHealth(status, standby),
      metrics: sequencerMetrics,
      signal: context.signal,
    })
    await live(server, log, () => holdPlace(server, context, log, { standby, http: pages?.address }))
    log.info(`the sequencer at ${listen} has ended`)
  } finally {
    await pages?.close()
  }
}

/**
 * Settles when it is told to end.
 *
 * @throws SirtakiError when it cannot have the place; Failure when another one has taken it.
 */
async function holdPlace(
  server: SequencerServer,
  context: Context,
  log: Log,
  { standby, http }: { readonly standby: boolean; readonly http: string | undefined },
): Promise<void> {
  const { output, signal } = context
  await server.listen()
  const { boot } = server.member
  if (output.json) output.data({ event: 'listening', kind: 'sequencer', address: server.address, boot, http }, '')
  log.info(`sequencer ${boot.slice(0, 8)} listens at ${server.address}`, { boot, version: ownVersion })
  const stopped: { error?: SirtakiError } = {}
  server.onStopped((error) => {
    stopped.error = error
  })
  const ready = (epoch: number): void => {
    if (output.json) output.data({ event: 'ready', kind: 'sequencer', address: server.address, boot, epoch }, '')
    log.info(`sequencer of epoch ${epoch}, ready`, { epoch })
  }
  const epoch = standby ? await standBy(server, context, log) : await takePlace(server, context, log)
  if (epoch !== undefined) ready(epoch)
  let { role } = server
  while (!signal.aborted && stopped.error === undefined && (standby || !server.deposed)) {
    await rest(LOOK_MS, signal)
    if (standby && server.role === 'ready' && role !== 'ready') ready(server.machine.epoch)
    ;({ role } = server)
  }
  if (stopped.error !== undefined) throw stopped.error
  if (server.deposed && !signal.aborted) {
    throw new Failure(
      exits.conflict,
      `the sequencer at ${server.address} was replaced by another one: nothing is left to do here`,
    )
  }
}

/** Stands by as soon as a cluster is found. */
async function standBy(server: SequencerServer, { output, signal, timeoutMs }: Context, log: Log): Promise<undefined> {
  for (let told = ''; !signal.aborted;) {
    try {
      const { sequencer } = await server.standBy({ timeoutMs, signal })
      if (output.json) {
        output.data(
          {
            event: 'standby',
            kind: 'sequencer',
            address: server.address,
            boot: server.member.boot,
            sequencer: sequencer?.address ?? null,
          },
          '',
        )
      }
      log.info(
        'standing by for '
          + (sequencer === null ? 'an epoch without a sequencer' : `the sequencer at ${sequencer.address}`),
      )
      return
    } catch (thrown) {
      if (signal.aborted) return
      const error = asError(thrown)
      if (error.next === 'stop') throw error
      if (error.message !== told) log.warn(`no cluster to stand by for yet: ${error.message}`, { code: error.code })
      told = error.message
      await rest(LOOK_MS, signal)
    }
  }
}

/** Tries until it has its place, and gives its epoch, or until it is told to end; tells each new reason why not yet. */
async function takePlace(
  server: SequencerServer,
  { signal, timeoutMs }: Context,
  log: Log,
): Promise<number | undefined> {
  let told = ''
  while (!signal.aborted) {
    try {
      return (await server.start({ timeoutMs, signal })).epoch
    } catch (thrown) {
      if (signal.aborted) return undefined
      const error = asError(thrown)
      if (error.next === 'stop' && !isError(thrown, 'NOT_WHOLE')) throw error
      if (error.message !== told) log.warn(`not the sequencer yet: ${error.message}`, { code: error.code })
      told = error.message
      await rest(LOOK_MS, signal)
    }
  }
  return undefined
}
