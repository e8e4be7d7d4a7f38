/**
 * `sirtaki verify`: is everything there, the same everywhere, and as it was stored.
 *
 *     verify [--deep]          the running cluster      0 all is well   6 damage, listed   3 a member cannot be reached
 *     verify --data DIR...     folders of stopped units
 *     with --blobs             checkpoints and archive as well
 *
 * Read next: `../verify/running.ts`, `../verify/stopped.ts`,
 * `../verify/blobs.ts`.
 */
import { Command } from 'commander'
import { SirtakiError } from '../../log/errors.ts'
import { texts } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import type { Output } from '../cli/output.ts'
import { withBlobs } from '../cluster/blobs.ts'
import { withLog } from '../cluster/open-log.ts'
import { verifyBlobs } from '../verify/blobs.ts'
import type { Finding, Progress, Verified } from '../verify/finding.ts'
import { verifyRunning } from '../verify/running.ts'
import { verifyStopped } from '../verify/stopped.ts'

interface VerifyFlags {
  readonly deep?: boolean
  readonly data?: readonly string[]
}

/** Between two lines about how far it is. */
const TELL_MS = 1_000

/** Makes the command. */
export const verifyCommand = (): Command =>
  new Command('verify')
    .description('check that units hold the same and nothing is damaged, with --blobs also checkpoints and archive')
    .option('--deep', 'read every position from every unit, and check every entry')
    .option(
      '--data <dir...>',
      'check these folders of stopped units: it locks each, and empties its write-ahead log as every start does',
      texts,
    )
    .action(async ({ deep = false, data }: VerifyFlags, command: Command) => {
      const context = contextOf(command)
      const { output, signal } = context
      if (deep && data !== undefined) {
        throw new SirtakiError(
          'BAD_ARGUMENT',
          '--deep reads from units that run; folders are always read wholly: leave --deep out',
        )
      }
      const progress = progressOf(output)
      const verified =
        data === undefined
          ? await verifyCluster(context, deep, progress)
          : await verifyStopped(data, { progress, signal })
      const { findings, unreachable, checked } = verified
      output.data(
        { ok: findings.length === 0 && unreachable.length === 0, findings, unreachable, checked },
        textOf(verified),
      )
      if (findings.length > 0) {
        const what = `${findings.length} ${findings.length === 1 ? 'thing is' : 'things are'} not as they should be`
        const silent = unreachable.map(({ address }) => address).join(', ')
        throw new Failure(exits.corrupt, silent === '' ? what : `${what}, and ${silent} could not be asked`)
      }
      if (unreachable.length > 0) {
        throw new Failure(
          exits.unreachable,
          `${unreachable.map(({ address, problem }) => `${address}: ${problem}`).join('; ')}: what these `
            + 'hold was not checked',
        )
      }
    })

/** The units, and checkpoints and archive where a store is named. */
async function verifyCluster(context: Context, deep: boolean, progress: Progress): Promise<Verified> {
  const { blobs: address, signal } = context
  const units = await withLog(context, (log) => verifyRunning(log, { deep, progress, signal }))
  if (address === undefined) return units
  const blobs = await withBlobs(context, async ({ reading, checkpoints }) =>
    verifyBlobs(address, { reading, source: await checkpoints.archive({ signal }) }, progress),
  )
  const findings = [...units.findings, ...blobs.findings]
  return { ...units, findings, checked: { ...units.checked, ...blobs.checked } }
}

function progressOf({ talk }: Output): (text: string) => void {
  let toldAt = performance.now()
  return (text) => {
    if (performance.now() - toldAt < TELL_MS) return
    toldAt = performance.now()
    talk(text)
  }
}

const findingText = ({ unit, position, what }: Finding): string =>
  `${unit}  ${position === undefined ? '' : `position ${position}: `}${what}`

function textOf({ findings, unreachable, checked }: Verified): string {
  const counts = Object.entries(checked).flatMap(([name, value]) =>
    typeof value === 'number' || typeof value === 'string' ? [`${name} ${value}`] : [],
  )
  return [
    ...findings.map(findingText),
    ...unreachable.map(({ address, problem }) => `${address}  could not be asked: ${problem}`),
    `${findings.length === 0 && unreachable.length === 0 ? 'all is well' : 'not well'}: ${counts.join(', ')}`,
  ].join('\n')
}
