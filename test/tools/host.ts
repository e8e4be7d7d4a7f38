/** A folder that this process hosts, for commands that join it. */
import type { ExecutionContext } from 'ava'
import { connect, type Client } from '../../objects/connect.ts'
import { folder, run, start, type Ran, type RunOptions } from './command-line.ts'

/** A hosted cluster. */
export interface Host {
  readonly client: Client
  /** Runs a command on it to its end. */
  on(...args: string[]): Promise<Ran>
  /** As `on`, with more to say. */
  with(options: RunOptions, ...args: string[]): Promise<Ran>
  /** Starts a command on it. */
  start(...args: string[]): ReturnType<typeof start>
}

/** Hosts a folder until the end of the test. */
export async function host(t: ExecutionContext): Promise<Host> {
  const { path, remove } = folder()
  t.teardown(remove)
  const client = await connect(`file:${path}`, { name: 'host', timeoutMs: 30_000 })
  t.teardown(() => client.close())
  const named = (args: readonly string[]): string[] => ['--cluster', `file:${path}`, ...args]
  return {
    client,
    on: (...args) => run(named(args)),
    with: (options, ...args) => run(named(args), options),
    start: (...args) => {
      const child = start(named(args))
      t.teardown(() => {
        child.kill('SIGKILL')
      })
      return child
    },
  }
}

/** Settles when somebody waits in an object: `as` names the count of those in what describes it. */
export async function somebodyWaits(client: Client, path: string, as: 'waiters' | 'takers'): Promise<void> {
  const watch = client.watch({ path })
  while (Number(client.describe(path)?.[as] ?? 0) === 0) await watch.next()
  await watch.return?.()
}
