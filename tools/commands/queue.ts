/**
 * `sirtaki queue`: puts items into a work queue and takes them out, and looks after the dead ones.
 *
 * Read next: `../../objects/queue/queue.ts`.
 */
import { Command, InvalidArgumentError } from 'commander'
import { isError } from '../../log/errors.ts'
import type { ObjectClient } from '../../objects/client.ts'
import type { Job } from '../../objects/queue/job.ts'
import type { WorkQueue } from '../../objects/queue/queue.ts'
import { ITEMS_MAX, TIME_MS_MAX } from '../../objects/queue/shapes.ts'
import { Queue } from '../../objects/queue/type.ts'
import type { Value } from '../../objects/runtime/values.ts'
import { jsonValue, objectPath, wholeFrom } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { drained, tableText } from '../cli/output.ts'
import { stdin } from '../cli/stdin.ts'
import { withObjects, wrongType } from '../cluster/objects.ts'

const PATH = ['<path>', 'the path of the queue', objectPath] as const

/** Makes the command. */
export const queueCommand = (): Command =>
  new Command('queue')
    .description('put items into a work queue, take them, look after the dead ones')
    .addCommand(putCommand())
    .addCommand(takeCommand())
    .addCommand(deadCommand())
    .addCommand(requeueCommand())

interface PutFlags {
  readonly id?: string
  readonly priority?: number
  readonly delay?: number
  readonly maxAttempts?: number
}

const putCommand = (): Command =>
  new Command('put')
    .description('put items and print their ids')
    .argument(...PATH)
    .argument('<value...>', 'each item as JSON; - reads one from each line of stdin')
    .option('--id <id>', 'the id of the only item: putting it again does nothing')
    .option('--priority <n>', 'lower ones go first (default: 0)', wholeFrom(0, 'a priority', 65_535))
    .option('--delay <ms>', 'until they can be taken', wholeFrom(0, 'a time in milliseconds', TIME_MS_MAX))
    .option('--max-attempts <n>', 'tries before an item is dead', wholeFrom(1, 'a number of tries', 2 ** 30))
    .action(async (path: string, words: readonly string[], flags: PutFlags, command: Command) => {
      const context = contextOf(command)
      const { id, priority, delay: delayMs, maxAttempts } = flags
      const values = words.length === 1 && words[0] === '-' ? await linesOfStdin() : words.map(valueOf)
      if (id !== undefined && values.length !== 1) {
        throw new Failure(exits.usage, `--id names one item, not ${values.length}: put them one by one`)
      }
      await withQueue(context, path, { mayCreate: true }, async (queue) => {
        for (let i = 0; i < values.length; i += ITEMS_MAX) {
          const lot = values.slice(i, i + ITEMS_MAX)
          const ids = await queue.putAll(
            lot.map((value) => ({ value, id, priority, delayMs, maxAttempts })),
            context,
          )
          for (const one of ids) context.output.data({ id: one }, one)
          await context.output.flow()
        }
      })
    })

interface TakeFlags {
  readonly n: number
  readonly wait: number
}

const takeCommand = (): Command =>
  new Command('take')
    .description('take items, print them, and acknowledge them once they are printed; exit code 4 where there is none')
    .argument(...PATH)
    .option('--n <n>', 'how many at most', wholeFrom(1, 'a number of items', ITEMS_MAX), 1)
    .option('--wait <ms>', 'how long to wait for the first one', wholeFrom(0, 'a time in milliseconds', 2 ** 31 - 1), 0)
    .action(async (path: string, flags: TakeFlags, command: Command) => {
      const context = contextOf(command)
      await withQueue(context, path, { mayCreate: flags.wait > 0 }, async (queue) => {
        const jobs = await taken(context, queue, flags)
        if (jobs.length === 0) throw new Failure(exits.notFound, `no item of ${path} is ready: see sirtaki get ${path}`)
        for (const { id, value, attempt, token } of jobs) {
          context.output.data({ id, value, attempt, token }, JSON.stringify(value))
        }
        // Who hangs up has not got them: then the process ends here, and others get the items.
        await drained(process.stdout)
        await Promise.all(jobs.map((job) => job.ack()))
      })
    })

async function taken(context: Context, queue: WorkQueue<Value>, { n, wait }: TakeFlags): Promise<Job<Value>[]> {
  const { signal, timeoutMs } = context
  const jobs = await queue.tryTake({ n, signal, timeoutMs })
  if (jobs.length > 0 || wait === 0) return jobs
  try {
    return await queue.take({ n, signal, timeoutMs: wait })
  } catch (thrown) {
    if (isError(thrown, 'TIMEOUT') && thrown.next === 'again') return []
    throw thrown
  }
}

const deadCommand = (): Command =>
  new Command('dead')
    .description('print the items that were tried too often or do not fit, with the reason')
    .argument(...PATH)
    .action(async (path: string, _flags: object, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      const dead = await withQueue(context, path, {}, (queue, client) => {
        requireQueue(client, path)
        return Promise.resolve(queue.dead())
      })
      if (output.json) {
        for (const one of dead) output.data(one, '')
        return
      }
      const rows = dead.map(({ id, attempts, reason, value }) => {
        return [id, String(attempts), reason ?? '', JSON.stringify(value)]
      })
      output.data({}, tableText([['id', 'attempts', 'reason', 'value'], ...rows]))
    })

interface RequeueFlags {
  readonly all?: boolean
}

const requeueCommand = (): Command =>
  new Command('requeue')
    .description('make dead items ready again, each at its old place')
    .argument(...PATH)
    .argument('[id...]', 'the ids of the items, as sirtaki queue dead prints them')
    .option('--all', 'all that are dead')
    .action(async (path: string, ids: readonly string[], { all = false }: RequeueFlags, command: Command) => {
      const context = contextOf(command)
      if (all === ids.length > 0) {
        throw new Failure(exits.usage, 'name the ids of dead items, or say --all: sirtaki queue dead prints them')
      }
      await withQueue(context, path, {}, async (queue, client) => {
        requireQueue(client, path)
        for (const id of all ? queue.dead().map((one) => one.id) : ids) {
          await queue.requeue(id, context)
          context.output.data({ id }, id)
        }
      })
    })

const withQueue = <T>(
  context: Context,
  path: string,
  options: { readonly mayCreate?: boolean },
  use: (queue: WorkQueue<Value>, client: ObjectClient) => Promise<T>,
): Promise<T> => withObjects(context, async (client) => use(await client.queue(path), client), options)

/** A queue of which nothing is left is none, so a path without an object will do. @throws Failure for another type. */
function requireQueue(client: ObjectClient, path: string): void {
  const type = client.describe(path)?.['type'] ?? Queue.name
  if (type !== Queue.name) throw wrongType(path, type, Queue.name, 'queue')
}

function valueOf(text: string): Value {
  try {
    return jsonValue(text)
  } catch (thrown) {
    if (!(thrown instanceof InvalidArgumentError)) throw thrown
    throw new Failure(exits.usage, `${JSON.stringify(text)} cannot be put: ${thrown.message.replace(/\.$/, '')}`)
  }
}

const linesOfStdin = async (): Promise<Value[]> =>
  (await stdin())
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(valueOf)
