/**
 * `sirtaki reconfigure`: opens the next epoch, as somebody wants it.
 *
 * Read next: `../../log/layout/reconfigure.ts`, `../../log/layout/next-layout.ts`.
 */
import { Command } from 'commander'
import type { LogClient } from '../../log/client/client.ts'
import { SirtakiError } from '../../log/errors.ts'
import { addressesOf, openSegment, type Layout, type SequencerMember } from '../../log/layout/layout.ts'
import { namesAll, nextLayout, type Intent } from '../../log/layout/next-layout.ts'
import { reconfigure } from '../../log/layout/reconfigure.ts'
import { Identity } from '../../log/wire/control.ts'
import { address, texts } from '../arguments.ts'
import { contextOf } from '../context.ts'
import { withLog } from '../open-log.ts'

interface ReconfigureFlags { readonly sequencer?: string; readonly drop?: readonly string[]; readonly dryRun?: boolean }

/** Makes the command. */
export const reconfigureCommand = (): Command => new Command('reconfigure')
  .description('open the next epoch: with another sequencer, without some units, or just anew')
  .option('--sequencer <address>', 'the sequencer process to name, started with sirtaki sequencer --wait', address)
  .option('--drop <unit>', 'the address or identity of a unit to leave out; several times for several', texts)
  .option('--dry-run', 'only tell what the next epoch would be')
  .action(async (flags: ReconfigureFlags, command: Command) => {
    const context = contextOf(command)
    const { output, timeoutMs, signal } = context
    await withLog(context, async (log) => {
      const intent: Intent = { drop: await unitsToDrop(log, flags.drop), sequencer: flags.sequencer === undefined ? undefined : await sequencerAt(log, flags.sequencer) }
      await log.cluster.refresh()
      const before = await log.layout()
      const layout = flags.dryRun === true ? await nextOf(log, before, intent) : await reconfigure(log.cluster, intent, { timeoutMs: timeoutMs * 2, signal, step: output.talk })
      const changed = layout.epoch !== before.epoch
      const units = openSegment(layout).chains.map((chain) => chain.map((unit) => unit.address))
      const verb = changed ? flags.dryRun === true ? 'would be' : 'is open' : 'stays, nothing is to change'
      output.data({ epoch: layout.epoch, changed, dryRun: flags.dryRun === true, sequencer: layout.sequencer, chains: units }, `epoch ${layout.epoch} ${verb}: sequencer ${layout.sequencer?.address ?? 'none'}, units ${units.map((chain) => chain.join(',')).join(' | ')}`)
      if (layout.sequencer === null) output.talk('no sequencer is named: start one with sirtaki sequencer')
    })
  })

async function sequencerAt(log: LogClient, at: string): Promise<SequencerMember> {
  const { kind, boot } = await log.cluster.peer(at).control('identify', {}, Identity)
  if (kind !== 'sequencer') throw new SirtakiError('BAD_ARGUMENT', `${at} is a ${kind}, not a sequencer: start one there with sirtaki sequencer --wait`, { facts: { address: at } })
  return { boot, address: at }
}

/** Identities may be given by their first eight letters, as `status` shows them. */
async function unitsToDrop(log: LogClient, names: readonly string[] | undefined): Promise<readonly string[] | undefined> {
  const members = openSegment(await log.layout()).chains.flat()
  return names?.map((name) => members.find((unit) => unit.identity.startsWith(name) && name.length >= 8)?.identity ?? name)
}

async function nextOf(log: LogClient, base: Layout, intent: Intent): Promise<Layout> {
  const survey = new Map<string, Identity>()
  await Promise.all([...addressesOf(base), ...intent.sequencer === undefined ? [] : [intent.sequencer.address]].map(async (at) => {
    const answer = await log.cluster.peer(at).control('identify', {}, Identity).catch(() => undefined)
    if (answer !== undefined) survey.set(at, answer)
  }))
  return namesAll(base, survey, intent) ? base : nextLayout(base, survey, intent)
}
