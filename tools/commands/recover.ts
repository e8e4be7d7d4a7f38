/**
 * `sirtaki recover`: what is left of a chain without a whole unit, and, with decisions, the epoch that goes on with it.
 *
 *     recover                                     tells, and changes nothing
 *     recover --without UNIT... [--take P=UNIT] [--accept-loss]     makes one unit whole again and goes on with it
 *     recover --without-acceptors       the same where no majority of acceptors is left, with what that risks
 *     recover --salvage                 of a file: cluster, whose unit nobody starts by itself
 *
 * Read next: `../../log/epochs/recover.ts` (what is believed, and why).
 */
import { Command, InvalidArgumentError } from 'commander'
import { clusterSeed, readEntry } from '../../log/entry.ts'
import { surveyRecovery } from '../../log/epochs/chain-report.ts'
import { recover, votesOf, type Decision } from '../../log/epochs/recover.ts'
import type { ChainReport, Conflict, RecoveryReport, Value } from '../../log/epochs/remains.ts'
import { isMajority, openSegment, type Layout } from '../../log/layout.ts'
import { limits } from '../../log/limits.ts'
import type { Span } from '../../log/ranges.ts'
import { position, texts } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { sizeText, type Output } from '../cli/output.ts'
import { entryValue } from '../cluster/entry-text.ts'
import { withUnits } from '../cluster/open-log.ts'

interface RecoverFlags {
  readonly without?: readonly string[]
  readonly take?: ReadonlyMap<number, string>
  readonly acceptLoss?: boolean
  readonly apply?: boolean
  readonly withoutAcceptors?: boolean
  readonly salvage?: boolean
}

/** Between two lines about how far the survey is. */
const TELL_MS = 1_000
/** Spans and conflicts shown to people. */
const SHOWN = 20

/** Makes the command. */
export const recoverCommand = (): Command =>
  new Command('recover')
    .description('show what is left of chains without a whole unit; with decisions, go on with that')
    .option(
      '--without <unit...>',
      'addresses or identities of units that are gone for good, or whose values are not to be used',
      texts,
    )
    .option(
      '--take <position=unit>',
      'whose value of a position stays, where there are two; several times for several',
      choices,
    )
    .option('--accept-loss', 'go on though positions are lost for ever')
    .option(
      '--without-acceptors',
      'go on though a majority of acceptors is gone for good: if it lives after all, two clusters of one name go on',
    )
    .option(
      '--salvage',
      'of a file: cluster: open a damaged folder as far as it can be read; the originals stay beside',
    )
    .option('--apply', 'go on though no unit is left out and nothing has to be decided')
    .action(async (flags: RecoverFlags, command: Command) => {
      const context = contextOf(command)
      const { without, take, acceptLoss, apply, withoutAcceptors, salvage = false } = flags
      if (
        apply === true
        || without !== undefined
        || take !== undefined
        || acceptLoss === true
        || withoutAcceptors === true
      ) {
        await goOn(context, flags)
      } else await tell(context, salvage)
    })

function choices(text: string, before: ReadonlyMap<number, string> | undefined): ReadonlyMap<number, string> {
  const [at = '', unit = ''] = text.split('=')
  if (unit === '') throw new InvalidArgumentError('expected POSITION=UNIT, such as 4711=127.0.0.1:7101.')
  return new Map([...(before ?? []), [position(at), unit]])
}

async function tell(context: Context, salvage: boolean): Promise<void> {
  const { output, signal } = context
  const { report, silent } = await withUnits(context, salvage, async (cluster) => {
    const found = await surveyRecovery(cluster, { signal, progress: progressOf(output) })
    const votes = await votesOf(cluster, found.layout)
    const gone = found.layout.acceptors.filter((_, i) => votes[i] !== true)
    return { report: found, silent: isMajority(votes.length - gone.length, found.layout) ? [] : gone }
  })
  output.data({ ...valueOf(report), lostAcceptors: silent }, textOf(report))
  if (silent.length > 0) {
    throw new Failure(
      exits.corrupt,
      `no majority of acceptors is left: ${silent.map(({ address }) => address).join(', ')} `
        + `${silent.length === 1 ? 'is' : 'are'} gone, or lost the register. Bring back the folder, or a copy `
        + 'of acceptor.register; when you know that none of them will ever run again: sirtaki recover '
        + '--without-acceptors',
    )
  }
  const needed = report.chains.filter((chain) => chain.needed)
  if (needed.length > 0) {
    throw new Failure(
      exits.corrupt,
      `${needed.length} of ${report.chains.length} chains have no whole unit: start units that are gone, or `
        + `go on with what is left: ${commandFor(needed)}`,
    )
  }
}

async function goOn(
  context: Context,
  { without, take, acceptLoss, withoutAcceptors, salvage = false }: RecoverFlags,
): Promise<void> {
  const { output, signal, timeoutMs } = context
  if (withoutAcceptors === true) {
    output.talk(
      'going on without a majority of acceptors: if one that is taken for gone still runs anywhere, with '
        + 'units beside it, two clusters of one name and different entries come of it',
    )
  }
  await withUnits(context, salvage, async (cluster) => {
    const decided = (decision: Decision): void => {
      output.data({ event: 'decided', ...decision }, decisionText(decision))
    }
    const layout = await recover(cluster, {
      without,
      take,
      acceptLoss,
      withoutAcceptors,
      signal,
      timeoutMs: timeoutMs * 2,
      step: output.talk,
      progress: progressOf(output),
      decided,
    })
    const chains = openSegment(layout).chains.map((chain) => chain.map((unit) => unit.address))
    output.data(
      { event: 'open', epoch: layout.epoch, chains, sequencer: layout.sequencer },
      `epoch ${layout.epoch} is open: sequencer ${layout.sequencer?.address ?? 'none'}, units `
        + chains.map((chain) => chain.join(',')).join(' | '),
    )
    if (layout.sequencer === null && !context.cluster.startsWith('file:')) {
      output.talk('no sequencer is named: start one with sirtaki sequencer')
    }
  })
}

function progressOf(output: Output): (text: string) => void {
  let toldAt = performance.now()
  return (text) => {
    if (performance.now() - toldAt < TELL_MS) return
    toldAt = performance.now()
    output.talk(text)
  }
}

/** The command that would go on, as far as it can be known: choices are for people. */
function commandFor(needed: readonly ChainReport[]): string {
  const gone = [...new Set(needed.flatMap((chain) => chain.gone.map(({ address }) => address)))]
  const conflicts = needed.flatMap((chain) => chain.conflicts)
  return [
    'sirtaki recover',
    ...(gone.length > 0 ? ['--without', ...gone] : conflicts.length === 0 ? ['--apply'] : []),
    ...conflicts.slice(0, 3).map(({ position: at, values: [first] }) => `--take ${at}=${first?.address}`),
    ...(needed.some(({ lostCount }) => lostCount > 0) ? ['--accept-loss'] : []),
  ].join(' ')
}

// ---- what it says

function valueOf({ layout, chains }: RecoveryReport): object {
  return {
    cluster: layout.cluster,
    epoch: layout.epoch,
    chains: chains.map((chain) => ({
      ...chain,
      conflicts: chain.conflicts.map(({ position: at, decided, values }) => ({
        position: at,
        decided,
        values: values.map((value) => told(layout, value)),
      })),
    })),
  }
}

/** A value as `sirtaki read` tells it, with its owner, size and hash. */
function told(layout: Layout, { address, identity, kind, hash, decided, bytes }: Value): Record<string, unknown> {
  const owner = { unit: address, identity, kind, decided }
  if (bytes === undefined) return owner
  return {
    ...owner,
    ...entryValue(
      readEntry(bytes, {
        seed: clusterSeed(layout.cluster),
        entryBytesMax: bytes.byteLength,
        streamsMax: limits.streamsMax,
      }),
    ),
    hash,
    bytes: bytes.byteLength,
  }
}

function textOf({ layout, chains }: RecoveryReport): string {
  return [
    `cluster ${layout.cluster}, epoch ${layout.epoch}`,
    ...chains.flatMap((chain) => chainText(layout, chain)),
  ].join('\n')
}

function chainText(layout: Layout, chain: ChainReport): string[] {
  const { from, to, there, gone, needed, decidedBelow, target } = chain
  return [
    `chain ${chain.chain} of positions ${from} to ${to ?? 'the end'}: `
      + `${needed ? 'no unit is whole' : 'has a whole unit'}, everything below ${decidedBelow} was decided`,
    ...there
      .filter(({ isMember, holds }) => isMember || holds > 0)
      .map((one) => `  ${one.address} (${one.identity.slice(0, 8)}) ${one.isWhole ? 'is whole' : standingText(one)}`),
    ...gone.map(({ address, identity }) => `  ${address} (${identity.slice(0, 8)}) does not answer`),
    ...(needed ? detailText(layout, chain) : []),
    ...(needed && target !== undefined ? [`  would be made whole: ${target}`] : []),
  ]
}

function standingText({
  isMember,
  isSalvaged,
  holds,
  lacks,
  firstLacking,
  damaged,
}: ChainReport['there'][number]): string {
  const wrong = [
    ...(isSalvaged ? ['was salvaged, so that it may lack what nobody knows of'] : []),
    ...(lacks > 0 ? [`lacks ${lacks}, the first at ${firstLacking}`] : []),
    ...(damaged > 0 ? [`cannot read ${damaged}`] : []),
  ]
  return (
    `${isMember ? '' : 'is no member, and '}holds ${holds} `
    + `positions${wrong.length > 0 ? `, ${wrong.join(', ')}` : ''}`
  )
}

function detailText(
  layout: Layout,
  { lost, lostCount, single, singleCount, conflicts, conflictCount }: ChainReport,
): string[] {
  return [
    ...(lostCount > 0 ? [`  nobody has ${lostCount} positions: ${spansText(lost)}`] : []),
    ...(singleCount > 0 ? [`  one unit only has ${singleCount} positions: ${spansText(single)}`] : []),
    ...conflicts.slice(0, SHOWN).flatMap((conflict) => conflictText(layout, conflict)),
    ...(conflictCount > SHOWN
      ? [`  ${conflictCount - SHOWN} more positions have two different values: see --json`]
      : []),
  ]
}

function conflictText(layout: Layout, { position: at, decided, values }: Conflict): string[] {
  return [
    `  position ${at} has different values${decided ? ', each taken for decided' : ''}`,
    ...values.map((value) => {
      const { unit, kind, hash, bytes, writer, text, base64 } = told(layout, value)
      const size = `${sizeText(Number(bytes))}  hash ${String(hash)}  writer ${String(writer)}`
      const shown = typeof text === 'string' ? text : `base64:${String(base64)}`
      return `    ${String(unit)}  ${String(kind)}${value.bytes === undefined ? '' : `  ${size}  ${shown}`}`
    }),
  ]
}

function spansText(spans: readonly Span[]): string {
  const shown = spans
    .slice(0, SHOWN)
    .map(({ from, to, step }) => (to - from <= step ? String(from) : `${from} to ${to - step}`))
  return `${shown.join(', ')}${spans.length > SHOWN ? ', ...' : ''}`
}

const reasons: Record<Decision['why'], string> = {
  decided: 'was decided',
  only: 'is the only value',
  taken: 'was chosen',
  lost: 'is lost for ever, junk in its place',
  hole: 'was never decided, junk',
}

function decisionText({ from, to, step, unit, source, why }: Decision): string {
  return (
    `${spansText([{ from, to, step }])}  `
    + `${reasons[why]}${source === undefined || source === unit ? '' : `, from ${source}`}`
  )
}
