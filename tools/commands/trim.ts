/**
 * `sirtaki trim`: drops the beginning of the log, everywhere and for good.
 *
 * Where checkpoints are noted, the objects decide how far: what somebody needs is refused. Where none are, they play
 * their streams from the beginning, so a trim above the first entry of one destroys them all: that needs --force, which
 * says what is lost. Read next: `../../objects/retention/trim.ts`, `../../log/playback/read.ts`.
 */
import { Command } from 'commander'
import type { LogClient } from '../../log/client/client.ts'
import { OBJECT_STREAMS, type Entry } from '../../log/entry.ts'
import { isError } from '../../log/errors.ts'
import { ROOT_STREAM, type ObjectClient } from '../../objects/client.ts'
import type { RetentionNow } from '../../objects/retention/trim.ts'
import { position } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { membersOf } from '../cluster/members.ts'
import { withObjects } from '../cluster/objects.ts'
import { withLog } from '../cluster/open-log.ts'

interface TrimFlags {
  readonly before?: number
  readonly dryRun?: boolean
  readonly force?: boolean
}

/** What the objects have of a stream: its first entry. */
interface ObjectStream {
  readonly stream: number
  readonly first: number
}

/** Makes the command. */
export const trimCommand = (): Command =>
  new Command('trim')
    .description('drop everything below a position on every unit, for good')
    .option('--before <position>', 'the first position to keep (default: as far as nobody needs it)', position)
    .option('--dry-run', 'only print what would be dropped')
    .option('--force', 'also what is needed: it is lost')
    .action(async (flags: TrimFlags, command: Command) => {
      const context = contextOf(command)
      await withLog(context, (log) => trim(context, log, flags))
    })

async function trim(context: Context, log: LogClient, flags: TrimFlags): Promise<void> {
  const { output } = context
  const { units } = await membersOf(log)
  const { tail, streams } = await log.tail({ ...context, streams: [ROOT_STREAM] })
  const { before: wanted = tail } = flags
  if (wanted > tail) throw new Failure(exits.usage, `cannot trim below ${wanted}: the tail is ${tail}`)
  const from = Math.max(...units.map((unit) => unit.status?.trim ?? 0))
  const hasObjects = (streams.get(ROOT_STREAM) ?? 0) > 0
  const decided = hasObjects ? await byRetention(context, flags) : undefined
  if (decided !== undefined) {
    const positions = Math.max(0, decided - from)
    output.data({ before: decided, from, positions, dryRun: flags.dryRun === true }, doneText(flags, from, decided))
    return
  }
  if (flags.before === undefined) {
    throw new Failure(exits.usage, 'nobody has noted what is needed: name the first position to keep with --before')
  }
  await trimPlain(context, log, { ...flags, before: flags.before, from })
}

/**
 * Trims as far as the objects allow; gives the first position that is kept. `undefined`: nothing is noted of what is
 * needed, or nobody can play the objects any more.
 */
async function byRetention(context: Context, flags: TrimFlags): Promise<number | undefined> {
  const { signal, timeoutMs } = context
  const { before, force, dryRun } = flags
  const use = async (client: ObjectClient): Promise<number | undefined> => {
    const retention = client.retention()
    if (!isUsed(retention)) return undefined
    const to = before ?? Math.max(retention.mark, retention.limit.position)
    if (dryRun !== true) return (await client.trim({ before: to, force, signal, timeoutMs })).before
    const { limit } = retention
    if (to > limit.position) {
      context.output.talk(`needs --force: ${limit.name ?? limit.by} needs the log from position ${limit.position} on`)
    }
    return Math.max(to, retention.mark)
  }
  try {
    return await withObjects(context, use)
  } catch (thrown) {
    // Without their beginning there are no objects that could need anything.
    const isGone = isError(thrown, 'TRIMMED') || (force === true && isError(thrown, 'NO_BLOBS'))
    if (isGone) return undefined
    throw thrown
  }
}

const isUsed = ({ checkpoints, archived, limit }: RetentionNow): boolean =>
  checkpoints.length > 0 || archived !== null || limit.by === 'hold'

const doneText = ({ dryRun = false }: TrimFlags, from: number, before: number): string =>
  `${dryRun ? 'would drop' : 'dropped'} ${Math.max(0, before - from)} positions, ${from} to ${before} (exclusive)`

async function trimPlain(
  context: Context,
  log: LogClient,
  flags: TrimFlags & { readonly before: number; readonly from: number },
): Promise<void> {
  const { before, from, dryRun = false, force = false } = flags
  const { output } = context
  const positions = Math.max(0, before - from)
  const objects = before > from ? await objectsIn(context, log, from, before) : []
  if (objects.length > 0) {
    const lost = lossText(objects)
    const lowest = Math.min(...objects.map(({ first }) => first))
    if (!force && !dryRun) {
      throw new Failure(
        exits.usage,
        `refused: ${lost}. Keep what they need with --before ${lowest}, `
          + 'write checkpoints (sirtaki checkpoint create), or repeat the command with --force and lose them',
      )
    }
    output.talk(dryRun ? `needs --force: ${lost}` : `${positions} positions are dropped: ${lost}`)
  }
  if (!dryRun) await log.trim(before, context)
  output.data({ before, from, positions, objects, dryRun }, doneText(flags, from, before))
}

/** The streams of the objects that have an entry in [from, before). */
async function objectsIn(context: Context, log: LogClient, from: number, before: number): Promise<ObjectStream[]> {
  const ids = Array.from({ length: OBJECT_STREAMS }, (_, stream) => stream)
  const { streams } = await log.tail({ ...context, streams: ids })
  const found: ObjectStream[] = []
  for (const [stream, end] of streams) {
    // An upper bound: of a stream that nobody has written to lately it says little.
    if (end <= from) continue
    const first = await firstOf(context, log, stream, from, before)
    if (first !== undefined) found.push({ stream, first })
  }
  return found.sort((a, b) => a.stream - b.stream)
}

/** The first entry of a stream in [from, before), where there is one: of the rest nothing is read. */
async function firstOf(
  context: Context,
  log: LogClient,
  stream: number,
  from: number,
  before: number,
): Promise<number | undefined> {
  const { signal, timeoutMs } = context
  let found: number | undefined
  let seen = (): void => undefined
  const first = new Promise<void>((resolve) => {
    seen = resolve
  })
  const deliver = (due: readonly Entry[]): void => {
    found ??= due[0]?.position
    if (found !== undefined) seen()
  }
  const player = log.player(stream, from, { deliver, reached: () => undefined, failed: seen }, { live: false })
  const played = player.playTo(before, { signal, timeoutMs })
  try {
    await Promise.race([played, first])
    return found !== undefined && found < before ? found : undefined
  } catch (thrown) {
    // Somebody else has trimmed meanwhile: what is left begins there.
    const kept = isError(thrown, 'TRIMMED') ? thrown.facts['trim'] : undefined
    if (typeof kept !== 'number' || kept <= from) throw thrown
    return firstOf(context, log, stream, kept, before)
  } finally {
    played.catch(() => undefined)
    log.closePlayer(player)
  }
}

function lossText(objects: readonly ObjectStream[]): string {
  const streams = objects.map(({ stream, first }) => `${stream} (from position ${first} on)`).join(', ')
  return (
    `the objects play stream${objects.length === 1 ? '' : 's'} ${streams} from the beginning, `
    + 'and without it none of them can be opened ever again'
  )
}
