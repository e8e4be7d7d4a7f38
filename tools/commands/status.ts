/**
 * `sirtaki status`: layout, sequencer and every unit, chain by chain.
 *
 *     instance   identity/boot, the first letters      prefix   lowest position the unit does not know decided
 *     lag        how far its prefix is behind the best of its chain
 *
 * Read next: `../members.ts`.
 */
import { Command } from 'commander'
import { contextOf } from '../context.ts'
import { Failure, exits } from '../failure.ts'
import { lagOf, membersOf, type Members } from '../members.ts'
import { withLog } from '../open-log.ts'
import { sizeText, tableText, type Output } from '../output.ts'

/** Makes the command. */
export const statusCommand = (): Command => new Command('status')
  .description('tell the layout, the sequencer and every unit; exit code 3 when one does not answer')
  .action(async (_flags: object, command: Command) => {
    const context = contextOf(command)
    const members = await withLog(context, membersOf)
    if (context.output.json) context.output.data(jsonOf(members), '')
    else context.output.data({}, textOf(members, context.output))
    const absent = [...members.units, ...members.sequencer === null ? [] : [members.sequencer]].filter((one) => one.status === undefined)
    if (absent.length > 0) throw new Failure(exits.unreachable, `${absent.map(({ address, problem }) => `${address}: ${problem}`).join('; ')}: start it again, or take it out with sirtaki reconfigure`)
    if (members.sequencer === null) throw new Failure(exits.unreachable, `epoch ${members.layout.epoch} has no sequencer: start one with sirtaki sequencer`)
  })

const short = (id: string): string => id.slice(0, 8)

function jsonOf(members: Members): object {
  const { layout, units, sequencer } = members
  return {
    cluster: layout.cluster, epoch: layout.epoch, tail: sequencer?.status?.tail ?? layout.tail, window: layout.window, acceptors: layout.acceptors,
    sequencer: sequencer === null ? null : { address: sequencer.address, boot: sequencer.boot, ...sequencer.status, problem: sequencer.problem },
    units: units.map((unit) => ({ chain: unit.chain, address: unit.address, identity: unit.identity, boot: unit.boot, ...unit.status, lag: lagOf(members, unit), problem: unit.problem })),
  }
}

function textOf(members: Members, output: Output): string {
  const { layout, units, sequencer } = members
  const decided = sequencer?.status === undefined ? '' : `, tail ${sequencer.status.tail}, decided below ${sequencer.status.prefix}, ${sequencer.status.holes} holes`
  const rows = units.map((unit) => {
    const { status } = unit
    const start = [String(unit.chain), unit.address, `${short(unit.identity)}/${short(unit.boot)}`]
    if (status === undefined) return [...start, 'unreachable']
    return [...start, status.role, String(status.epoch), String(status.prefix), String(status.highest + 1), String(lagOf(members, unit)), String(status.trim), sizeText(status.store.diskBytes)]
  })
  return [
    output.bold(`cluster ${layout.cluster}, epoch ${layout.epoch}${decided}`),
    `sequencer  ${sequencer === null ? 'none' : `${sequencer.address}  ${short(sequencer.boot)}  ${sequencer.status?.role ?? 'unreachable'}`}`,
    `acceptors  ${layout.acceptors.map(({ address }) => address).join('  ')}`,
    tableText([['chain', 'unit', 'instance', 'role', 'epoch', 'prefix', 'tail', 'lag', 'trim', 'disk'], ...rows]),
  ].join('\n')
}
