/**
 * The objects of the cluster that a command names, in a session of its own that ends with it.
 *
 * A command that only looks appends nothing: a session is opened by its first op. It knows the type of the main job,
 * since without its code all that its transactions have joined would be hidden: queue, lock, report. Read next:
 * `open-log.ts`, `../../objects/client.ts`.
 */
import { hostname } from 'node:os'
import { ObjectClient, type ObjectClientOptions, type ObjectMark } from '../../objects/client.ts'
import { startWatchdog } from '../../objects/io/watchdog.ts'
import type { Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { Results } from '../job/results.ts'
import { isError } from '../../log/errors.ts'
import { withBlobs } from './blobs.ts'
import { withLog, type UseOptions } from './open-log.ts'

type ObjectsOptions = Pick<ObjectClientOptions, 'watchFrom' | 'types'>

/**
 * Runs `use` with the objects as they are at the tail, beginning with a checkpoint where a blob store is named.
 *
 * @throws SirtakiError as `withLog`, `withBlobs`, `ObjectClient.sync`.
 */
export const withObjects = <T>(
  context: Context,
  use: (client: ObjectClient) => Promise<T>,
  options: UseOptions & ObjectsOptions = {},
): Promise<T> =>
  context.blobs === undefined
    ? runOrNoted(context, use, options)
    : withBlobs(context, ({ checkpoints }) => runWithObjects(context, use, { ...options, checkpoints }))

/** Runs without a store, or with the one that the log names, where it is missed before `use` has begun. */
async function runOrNoted<T>(
  context: Context,
  use: (client: ObjectClient) => Promise<T>,
  options: UseOptions & ObjectsOptions,
): Promise<T> {
  let hasBegun = false
  try {
    return await runWithObjects(
      context,
      (client) => {
        hasBegun = true
        return use(client)
      },
      options,
    )
  } catch (thrown) {
    if (hasBegun) throw thrown
    return await withObjects(withNotedBlobs(context, thrown), use, options)
  }
}

/**
 * The context with the blob store that the log itself names, where its beginning is gone: who was not told of one need
 * not know. @throws whatever else was thrown.
 */
function withNotedBlobs(context: Context, thrown: unknown): Context {
  const address = isError(thrown, 'NO_BLOBS') ? thrown.facts['address'] : undefined
  if (typeof address !== 'string') throw thrown
  context.output.talk(`the log begins with the checkpoints at ${address}`)
  return { ...context, blobs: address }
}

async function runWithObjects<T>(
  context: Context,
  use: (client: ObjectClient) => Promise<T>,
  {
    watchFrom,
    checkpoints,
    types = [],
    ...options
  }: UseOptions & ObjectsOptions & Pick<ObjectClientOptions, 'checkpoints'>,
): Promise<T> {
  const { signal, timeoutMs } = context
  return withLog(
    context,
    async (log) => {
      const name = `sirtaki ${process.pid} on ${hostname()}`
      await using watchdog = startWatchdog()
      await using client = new ObjectClient(log, {
        name,
        watchFrom,
        watchdog,
        checkpoints,
        types: [Results, ...types],
      })
      await client.sync({ signal, timeoutMs })
      return await use(client)
    },
    options,
  )
}

/** Finds an object. @throws Failure where there is none, or one whose type is not known here. */
export function requireObject(client: ObjectClient, path: string): Required<ObjectMark> {
  const found = client.objects().find((one) => one.path === path)
  if (found === undefined) throw noObject(path)
  const { type, version, modified } = found
  if (type !== undefined && version !== undefined && modified !== undefined) return { path, type, version, modified }
  const message =
    `${path} was made by a type of a program: sirtaki knows counters, locks, queues and trees, `
    + 'unless a transaction has joined them with a type of a program'
  throw new Failure(exits.failed, `${message} [CODE_MISSING]`, { code: 'CODE_MISSING', next: 'stop', facts: { path } })
}

/** The failure of a path whose object is of another type than a command needs. */
export function wrongType(path: string, type: unknown, wanted: string, noun: string): Failure {
  const message = `${path} is no ${noun} but of type ${JSON.stringify(type)} [WRONG_TYPE]`
  return new Failure(exits.conflict, message, { code: 'WRONG_TYPE', next: 'stop', facts: { path, type, wanted } })
}

/** The failure of a path that has no object. */
export const noObject = (path: string): Failure =>
  new Failure(exits.notFound, `there is no object at ${path}: sirtaki ls prints those that there are`, {
    code: null,
    next: null,
    facts: { path },
  })

/** The names of live sessions by their positions. */
export const sessionNames = (client: ObjectClient): ReadonlyMap<unknown, string> =>
  new Map(client.sessions().map(({ session, name }) => [session, name]))
