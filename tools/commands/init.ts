/**
 * `sirtaki init`: makes a cluster of blank units; finishes one that was begun.
 *
 * Read next: `../../log/epochs/genesis.ts`.
 */
import { Command } from 'commander'
import { init } from '../../log/epochs/genesis.ts'
import { openSegment, type Layout } from '../../log/layout.ts'
import { addresses, chains, wholeFrom } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { peersAt } from '../cluster/open-log.ts'

/** Of what a new cluster is made. */
export interface ShapeFlags {
  readonly units?: readonly string[]
  readonly chain?: readonly (readonly string[])[]
  readonly chains: number
  readonly window?: number
}

/** Makes the command. */
export const initCommand = (): Command =>
  shapeOptions(new Command('init').description('make a cluster of blank units')).action(
    async (flags: ShapeFlags, command: Command) => {
      const context = contextOf(command)
      const shape = shapeOf(flags)
      const cluster = peersAt(context, shape.flat())
      try {
        const waiting = `waiting for the units at ${shape.flat().join(', ')}`
        const make = (): Promise<Layout> => init(cluster, { chains: shape, window: flags.window })
        const layout = await context.output.during(() => Promise.resolve(waiting), make)
        context.output.data(
          {
            cluster: layout.cluster,
            epoch: layout.epoch,
            chains: openSegment(layout).chains.map((chain) => chain.map(({ address }) => address)),
            window: layout.window,
          },
          `cluster ${layout.cluster} with ${shape.flat().length} units`,
        )
        context.output.talk(`next: sirtaki sequencer --listen HOST:PORT --units ${shape.flat().join(',')}`)
      } finally {
        cluster.close()
      }
    },
  )

/** The flags that say of what a new cluster is made. */
export const shapeOptions = (command: Command): Command =>
  command
    .option('--units <addresses>', 'units, cut into chains of equal length in this order', addresses)
    .option('--chains <n>', 'how many chains', wholeFrom(1, 'a number of chains', 64), 1)
    .option('--chain <addresses>', 'the units of one chain; several times for several chains', chains)
    .option('--window <positions>', 'how far grants may run ahead of what is decided', wholeFrom(4, 'a window'))

/** The units of a new cluster, by chain. @throws Failure where the flags make no sense. */
export function shapeOf({ units, chain, chains: count }: ShapeFlags): readonly (readonly string[])[] {
  if ((units === undefined) === (chain === undefined)) {
    throw new Failure(
      exits.usage,
      'name the units, either with --units a,b,c or with --chain a,b,c for every chain: see --help',
    )
  }
  if (chain !== undefined) return chain
  const all = units ?? []
  if (all.length % count !== 0) {
    throw new Failure(
      exits.usage,
      `${all.length} units do not make ${count} chains of equal length: name the chains with --chain`,
    )
  }
  const length = all.length / count
  return Array.from({ length: count }, (_, i) => all.slice(i * length, (i + 1) * length))
}
