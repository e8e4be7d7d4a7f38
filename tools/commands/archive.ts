/**
 * `sirtaki archiver` and `sirtaki archive status | verify`: the log's copy in a blob store, where the past is read.
 *
 * Read next: `../../objects/retention/archiver.ts`, `../../log/archive/archive-reader.ts`.
 */
import { Command } from 'commander'
import type { ArchivedRange } from '../../log/archive/range.ts'
import { wholeFrom } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { aborts } from '../cli/interrupt.ts'
import { sizeText, tableText } from '../cli/output.ts'
import { requireBlobs, withBlobs } from '../cluster/blobs.ts'
import { withObjects } from '../cluster/objects.ts'
import { checkedRanges } from '../verify/blobs.ts'

/** Archives until Ctrl-C. */
export const archiverCommand = (): Command =>
  new Command('archiver')
    .description('copy the log into the archive as it grows, until Ctrl-C; of several one does')
    .option('--range <s>', 'how old a range becomes, in seconds', wholeFrom(1, 'a time in seconds'), 60)
    .action(async ({ range }: { readonly range: number }, command: Command) => {
      const context = contextOf(command)
      const { signal, output } = context
      const address = requireBlobs(context)
      const use = async (client: Parameters<Parameters<typeof withObjects>[1]>[0]): Promise<void> => {
        const archiver = client.archiver({
          rangeMs: range * 1_000,
          archived: (from, to) => {
            output.data({ event: 'range', from, to }, `archived positions ${from} to ${to} (exclusive)`)
          },
          failed: (error) => {
            output.talk(`it goes on after a failure: ${error.message} [${error.code}]`)
          },
        })
        if (output.json) output.data({ event: 'ready', blobs: address }, '')
        else output.talk(`copies the log to ${address}, unless another process does`)
        try {
          await aborts(signal)
        } finally {
          await archiver.close()
        }
      }
      await withObjects(context, use, { doing: '' })
      signal.throwIfAborted()
    })

/** Looks at the archive. */
export const archiveCommand = (): Command =>
  new Command('archive')
    .description('print and verify the copy of the log in a blob store')
    .addCommand(statusCommand())
    .addCommand(verifyCommand())

interface RangeLine {
  readonly key: string
  readonly from?: number
  readonly to?: number
  readonly entries?: number
  readonly bytes?: number
  readonly problem?: string
  readonly passedOver?: string
}

const statusCommand = (): Command =>
  new Command('status')
    .description('print how far the archive goes, and its ranges')
    .action(async (_flags: object, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      const archived = await withObjects(context, (client) => Promise.resolve(client.retention().archived))
      const lines = await linesOf(context)
      if (output.json) {
        output.data({ archived, ranges: lines }, '')
        return
      }
      const rows = lines.map(({ key, from = '', to = '', entries = '', bytes, problem = '' }) => {
        return [key, String(from), String(to), String(entries), bytes === undefined ? '' : sizeText(bytes), problem]
      })
      output.data({}, tableText([['range', 'from', 'to', 'entries', 'content', 'problem'], ...rows]))
      output.talk(archived === null ? 'nothing is archived' : `everything below position ${archived} is archived`)
    })

const verifyCommand = (): Command =>
  new Command('verify')
    .description('read every range, and look whether they follow each other without a hole')
    .action(async (_flags: object, command: Command) => {
      const context = contextOf(command)
      const lines = await linesOf(context)
      const problems = lines.filter(({ problem }) => problem !== undefined)
      for (const one of lines) context.output.data(one, `${one.key}: ${one.problem ?? one.passedOver ?? 'whole'}`)
      if (problems.length > 0) throw new Failure(exits.corrupt, `${problems.length} ranges of the archive are damaged`)
    })

/** Every range with what is wrong with it: damage, or that something is missing in front of it. */
const linesOf = (context: Context): Promise<RangeLine[]> =>
  withBlobs(context, async ({ checkpoints }) => {
    const source = await checkpoints.archive({ signal: context.signal })
    return await Array.fromAsync(checkedRanges(source), ({ key, range, problem, passedOver }) => ({
      ...(range === undefined ? { key } : lineOf(range)),
      ...(problem === undefined ? {} : { problem }),
      ...(passedOver === undefined ? {} : { passedOver }),
    }))
  })

const lineOf = ({ key, from, to, entries }: ArchivedRange): RangeLine => ({
  key,
  from,
  to,
  entries: entries.length,
  bytes: entries.reduce((sum, { bytes }) => sum + bytes.byteLength, 0),
})
