/**
 * `sirtaki trim`: drops the beginning of the log, everywhere and for good.
 *
 * The objects play their streams from the beginning, so a trim above the first entry of one destroys them all: that
 * needs --force, which says what is lost. Read next: `../../log/playback/read.ts`.
 */
import { Command } from 'commander'
import type { LogClient } from '../../log/client/client.ts'
import { OBJECT_STREAMS, type Entry } from '../../log/entry.ts'
import { isError } from '../../log/errors.ts'
import { position } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { membersOf } from '../cluster/members.ts'
import { withLog } from '../cluster/open-log.ts'

interface TrimFlags {
  readonly before: number
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
    .requiredOption('--before <position>', 'the first position to keep', position)
    .option('--dry-run', 'only print what would be dropped')
    .option('--force', 'also what the objects need: they are lost')
    .action(async (flags: TrimFlags, command: Command) => {
      const context = contextOf(command)
      await withLog(context, (log) => trim(context, log, flags))
    })

async function trim(context: Context, log: LogClient, flags: TrimFlags): Promise<void> {
  const { before, dryRun = false, force = false } = flags
  const { output } = context
  const { units } = await membersOf(log)
  const { tail } = await log.tail(context)
  if (before > tail) throw new Failure(exits.usage, `cannot trim below ${before}: the tail is ${tail}`)
  const from = Math.max(...units.map((unit) => unit.status?.trim ?? 0))
  const positions = Math.max(0, before - from)
  const objects = before > from ? await objectsIn(context, log, from, before) : []
  if (objects.length > 0) {
    const lost = lossText(objects)
    const lowest = Math.min(...objects.map(({ first }) => first))
    if (!force && !dryRun) {
      throw new Failure(
        exits.usage,
        `refused: ${lost}. Keep what they need with --before ${lowest}, `
          + 'or repeat the command with --force and lose them',
      )
    }
    output.talk(dryRun ? `needs --force: ${lost}` : `${positions} positions are dropped: ${lost}`)
  }
  if (!dryRun) await log.trim(before, context)
  const text = `${dryRun ? 'would drop' : 'dropped'} ${positions} positions, ${from} to ${before} (exclusive)`
  output.data({ before, from, positions, objects, dryRun }, text)
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
