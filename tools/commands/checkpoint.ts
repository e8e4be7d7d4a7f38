/**
 * `sirtaki checkpoint create | list | verify | gc | policy`: checkpoints of the objects in a blob store.
 *
 * Read next: `../../objects/checkpoints/checkpoints.ts`, `../cluster/blobs.ts`.
 */
import { Command } from 'commander'
import { DEFAULT_POLICY, neededKeys } from '../../objects/retention/checkpointer.ts'
import { collect } from '../../objects/checkpoints/collect.ts'
import { readManifest, manifestKeys } from '../../objects/checkpoints/reader.ts'
import { isError } from '../../log/errors.ts'
import type { ObjectClient } from '../../objects/client.ts'
import type { Policy } from '../../objects/retention/shapes.ts'
import { texts, wholeFrom } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { tableText } from '../cli/output.ts'
import { requireBlobs, withBlobs, type BlobsOfCluster } from '../cluster/blobs.ts'
import { loadTypes } from '../cluster/code.ts'
import { withObjects } from '../cluster/objects.ts'
import { checkedManifests } from '../verify/blobs.ts'

interface CheckpointFlags {
  readonly code?: readonly string[]
  readonly moves?: boolean
}
interface GcFlags {
  readonly dryRun?: boolean
  readonly grace: number
}
type PolicyFlags = Partial<Policy>

/** Makes the command with its verbs. */
export const checkpointCommand = (): Command =>
  new Command('checkpoint')
    .description('write, list, verify and collect checkpoints of the objects in a blob store')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(verifyCommand())
    .addCommand(gcCommand())
    .addCommand(policyCommand())

const createCommand = (): Command =>
  new Command('create')
    .description('write a checkpoint of the objects as they are now')
    .option('--code <file>', 'a module that exports the types of a program, several times for several', texts)
    .option('--moves', 'this store takes the place of the one that the log notes')
    .action(async ({ code = [], moves }: CheckpointFlags, command: Command) => {
      const context = contextOf(command)
      const { signal, timeoutMs, output } = context
      const types = await loadTypes(code)
      const address = requireBlobs(context)
      const written = await withObjects(context, (client) => client.checkpoint({ signal, timeoutMs, moves }), { types })
      const { n, position, records, writtenBytes } = written
      output.data(
        written,
        `checkpoint ${n} at position ${position}: ${records} records, ${writtenBytes} bytes written to ${address}`,
      )
    })

const listCommand = (): Command =>
  new Command('list')
    .description('print the checkpoints, the newest first')
    .action(async (_flags: object, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      const all = await withBlobs(context, manifestsOf)
      if (output.json) {
        for (const one of all) output.data(one, '')
        return
      }
      const rows = all.map(({ n, position, records, deltas, bytes, problem }) =>
        problem === undefined
          ? [String(n), String(position), String(records), String(deltas), String(bytes), '']
          : [String(n), '', '', '', '', problem],
      )
      output.data({}, tableText([['number', 'position', 'records', 'deltas', 'bytes', 'problem'], ...rows]))
    })

const verifyCommand = (): Command =>
  new Command('verify')
    .description('read all checkpoints with all their parts, and make the hashes of their records anew')
    .action(async (_flags: object, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      const problems = await withBlobs(context, (store) => verify(context, store))
      if (problems > 0) throw new Failure(exits.corrupt, `${problems} checkpoints are damaged`)
      output.talk('every checkpoint is whole')
    })

const gcCommand = (): Command =>
  new Command('gc')
    .description('remove checkpoints and ranges that the policy does not keep, and parts that no checkpoint names')
    .option('--dry-run', 'only print what would be removed')
    .option('--grace <s>', 'seconds that a part stays after nobody names it', wholeFrom(0, 'a time in seconds'), 600)
    .action(async ({ dryRun, grace }: GcFlags, command: Command) => {
      const context = contextOf(command)
      const { signal, output } = context
      const done = await withBlobs(context, async ({ reading }) => {
        const use = (client: ObjectClient) => Promise.resolve(client.retention())
        const { policy, checkpoints } = await withObjects(context, use)
        const { keep, keepEvery, archiveKeepMs } = policy ?? DEFAULT_POLICY
        const needed = neededKeys(checkpoints)
        const kept = { keep, keepEvery, archiveKeepMs, needed }
        return collect(reading, { ...kept, graceMs: grace * 1_000, dryRun, signal })
      })
      const { manifests, ranges, parts, waiting } = done
      output.data(
        { ...done, dryRun: dryRun === true },
        `${dryRun === true ? 'would remove' : 'removed'} ${manifests.length} checkpoints, ${ranges.length} ranges `
          + `of the archive and ${parts.length} parts; `
          + `${waiting.length} parts wait for the end of their grace`,
      )
    })

const policyCommand = (): Command =>
  new Command('policy')
    .description('print or set when checkpoints are written, how many are kept, and whether the log is trimmed')
    .option('--every-entries <n>', 'a checkpoint is due after so many entries', wholeFrom(1, 'a number of entries'))
    .option('--every-bytes <n>', 'or so many bytes of entries', wholeFrom(1, 'a number of bytes'))
    .option('--every-ms <ms>', 'or so long after the last one, if anything happened', wholeFrom(100, 'a time in ms'))
    .option('--keep <n>', 'so many of the newest are kept', wholeFrom(2, 'a number of checkpoints', 10_000))
    .option('--keep-every <n>', 'and one for each so many positions before them; 0: none', wholeFrom(0, 'a number'))
    .option('--archive-keep-ms <ms>', 'how far the past can be looked at; 0: for ever', wholeFrom(0, 'a time in ms'))
    .option('--trim', 'drop the log as far as nobody needs it, behind each checkpoint')
    .option('--no-trim', 'leave the log as it is')
    .action(async (flags: PolicyFlags, command: Command) => {
      const context = contextOf(command)
      const { signal, timeoutMs, output } = context
      const policy = await withObjects(context, async (client) => {
        const before = client.retention().policy ?? DEFAULT_POLICY
        if (Object.keys(flags).length === 0) return before
        const after = { ...before, ...flags }
        await client.setPolicy(after, { signal, timeoutMs })
        return after
      })
      const rows = Object.entries(policy).map(([name, value]) => [name, String(value)])
      output.data(policy, tableText([['policy', ''], ...rows]))
    })

interface ListedManifest {
  readonly n: number
  readonly position?: number
  readonly records?: number
  readonly deltas?: number
  readonly bytes?: number
  readonly problem?: string
}

async function manifestsOf({ reading }: BlobsOfCluster): Promise<ListedManifest[]> {
  const all: ListedManifest[] = []
  for (const key of await manifestKeys(reading)) {
    const n = Number(key.slice(key.indexOf('/') + 1))
    try {
      const manifest = await readManifest(reading, key)
      if (manifest === undefined) continue
      const { position, records, base, deltas, inline } = manifest
      const parts = [base, ...deltas].flatMap((layer) => layer.parts)
      const bytes = parts.reduce((sum, part) => sum + part.bytes, inline?.byteLength ?? 0)
      all.push({ n, position, records, deltas: deltas.length, bytes })
    } catch (thrown) {
      if (!isError(thrown, 'DAMAGED')) throw thrown
      all.push({ n, problem: thrown.message })
    }
  }
  return all
}

/** Prints a line for each checkpoint; gives how many are damaged. */
async function verify({ output }: Context, { reading }: BlobsOfCluster): Promise<number> {
  let problems = 0
  for await (const { key, manifest, problem, passedOver } of checkedManifests(reading)) {
    if (problem !== undefined) problems++
    const whole = problem === undefined && passedOver === undefined
    const value = { key, n: manifest?.n, position: manifest?.position, whole, problem, passedOver }
    output.data(value, `${key}: ${problem ?? passedOver ?? 'whole'}`)
  }
  return problems
}
