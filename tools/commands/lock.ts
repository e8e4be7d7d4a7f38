/**
 * `sirtaki lock` and `sirtaki elect`: run a command while a lock is held, or as long as this process leads.
 *
 *     acquire ─ run the command ─ its exit code        lost meanwhile ─ SIGTERM ─ grace ─ SIGKILL ─ exit code 5
 *
 * The command is given the token: what the lock protects must refuse lower ones. Read next: `../cli/guarded-child.ts`,
 * `../../objects/lock/lock.ts`.
 */
import { Command } from 'commander'
import { isError } from '../../log/errors.ts'
import type { ObjectClient } from '../../objects/client.ts'
import type { Held } from '../../objects/lock/lock.ts'
import { Lock } from '../../objects/lock/type.ts'
import type { Value } from '../../objects/runtime/values.ts'
import { jsonValue, objectPath, wholeFrom } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { runGuarded } from '../cli/guarded-child.ts'
import { sessionNames, withObjects } from '../cluster/objects.ts'

interface HoldFlags {
  readonly wait?: number
  readonly grace: number
  readonly shared?: boolean
  readonly data?: Value
}

const GRACE_MS = 5_000
const milliseconds = wholeFrom(0, 'a time in milliseconds', 2 ** 31 - 1)

/** Makes the command `lock`. */
export const lockCommand = (): Command =>
  holding('lock', 'run a command while a lock is held: sirtaki lock /locks/report -- make report').option(
    '--shared',
    'as one of many readers',
  )

/** Makes the command `elect`. */
export const electCommand = (): Command =>
  holding('elect', 'run a command once this process is elected leader: sirtaki elect /leader -- serve').option(
    '--data <json>',
    'what others see of the leader, as JSON',
    jsonValue,
  )

const holding = (name: string, about: string): Command =>
  new Command(name)
    .description(about)
    .argument('<id>', 'the path of the lock', objectPath)
    .argument('<command...>', 'what to run; it stands behind --')
    .option('--wait <ms>', 'give up after so long, with exit code 5 (default: wait without end)', milliseconds)
    .option('--grace <ms>', 'from SIGTERM to SIGKILL when the lock is lost', milliseconds, GRACE_MS)
    .addHelpText(
      'after',
      '\nThe command is given SIRTAKI_LOCK_PATH, SIRTAKI_LOCK_TOKEN and SIRTAKI_LOCK_HOLD. The token grows with every\n'
        + 'holder: what the lock protects should refuse lower tokens.\n'
        + 'Exit code: that of the command; 5 when the lock is lost or not free in time, 127 when the command\n'
        + 'cannot be started.',
    )
    .action(async (path: string, words: readonly string[], flags: HoldFlags, command: Command) => {
      const context = contextOf(command)
      const code = await withObjects(context, (client) => runHeld(context, client, { path, words, flags }), {
        mayCreate: true,
        doing: '',
      })
      if (code !== exits.ok) throw new Failure(code, '')
    })

interface Wanted {
  readonly path: string
  readonly words: readonly string[]
  readonly flags: HoldFlags
}

async function runHeld(context: Context, client: ObjectClient, { path, words, flags }: Wanted): Promise<number> {
  const held = await context.output.during(
    () => Promise.resolve(waitingText(client, path)),
    () => acquired(context, client, path, flags),
  )
  const { token, hold, signal: lost } = held
  const env = { SIRTAKI_LOCK_PATH: path, SIRTAKI_LOCK_TOKEN: String(token), SIRTAKI_LOCK_HOLD: String(hold) }
  const code = await runGuarded(words, { env, lost, ending: context.signal, graceMs: flags.grace })
  if (lost.aborted) {
    throw new Failure(
      exits.conflict,
      `${path} was lost while the command ran, which was ended: others may hold it by now [NOT_HELD]`,
      { code: 'NOT_HELD', next: 'stop', facts: { path, token, hold } },
    )
  }
  await held.release()
  return code
}

/** Tries at once, so that the wait is one for a holder and not for the cluster. */
async function acquired(context: Context, client: ObjectClient, path: string, flags: HoldFlags): Promise<Held> {
  const { wait, shared, data } = flags
  const { signal, timeoutMs } = context
  const held = await client.tryLock(path, { shared, data, signal, timeoutMs })
  if (held !== undefined) return held
  if (wait === 0) throw notFree(client, path, wait)
  try {
    return await client.lock(path, { shared, data, signal, timeoutMs: wait, forever: wait === undefined })
  } catch (thrown) {
    if (isError(thrown, 'TIMEOUT') && thrown.next === 'again') throw notFree(client, path, wait)
    throw thrown
  }
}

const notFree = (client: ObjectClient, path: string, wait: number | undefined): Failure =>
  new Failure(exits.conflict, `${path} was not free within ${wait} ms: ${holderText(client, path)} [HELD]`, {
    code: 'HELD',
    next: 'again',
    facts: { path },
  })

const waitingText = (client: ObjectClient, path: string): string => `waiting for ${path}: ${holderText(client, path)}`

function holderText(client: ObjectClient, path: string): string {
  const found = client.describe(path)
  const holders = found?.['type'] === Lock.name ? found['holders'] : undefined
  const [first] = Array.isArray(holders) ? holders : []
  if (typeof first !== 'object' || first === null || !('session' in first)) return 'nobody holds it'
  return `${sessionNames(client).get(first.session) ?? 'a session'} (session ${String(first.session)}) holds it`
}
