/**
 * How a peer starts, is asked and stops: the same for all, but for its servers.
 *
 * Read next: `client.ts`, the process that this one talks to, and `processes.ts`.
 */
import { extname, join } from 'node:path'
import type { Answer, ClientSetup, Question } from './loads.ts'
import type { PeerName, RunningPeer } from './peer.ts'
import { Processes } from './processes.ts'

const CLIENT_READY_MS = 60_000
/**
 * What an answer may take beyond the time of its load: callers wait for their last call, and sessions are opened first.
 */
const ANSWER_MS = 60_000
/** And for each session that ends: some end at a time. */
const END_MS = 1_000

/** What starts: `servers` starts them and waits until they answer. */
export interface Starting {
  readonly name: PeerName
  readonly version: string
  readonly folder: string
  readonly progress: (text: string) => void
  servers(processes: Processes): Promise<ClientSetup & { readonly pids: readonly number[] }>
}

/** Starts the servers, then the client process; when something fails everything is stopped again. */
export async function startPeer(starting: Starting): Promise<RunningPeer> {
  const processes = new Processes(join(starting.folder, starting.name))
  try {
    return await start(starting, processes)
  } catch (thrown) {
    await processes.stop()
    throw new Error(`${starting.name} did not start: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
      cause: thrown,
    })
  }
}

async function start({ name, version, progress, servers }: Starting, processes: Processes): Promise<RunningPeer> {
  progress(`starting three servers of ${name} ${version}`)
  const { pids, ...setup } = await servers(processes)
  const child = processes.fork('client', join(import.meta.dirname, `client${extname(import.meta.filename)}`), [
    name,
    JSON.stringify(setup),
  ])
  const ask = (ms: number, question?: Question): Promise<Answer> =>
    processes.within(
      ms,
      'the client',
      () =>
        new Promise((resolve) => {
          child.once('message', (answer: Answer) => {
            resolve(answer)
          })
          if (question !== undefined) child.send(question)
        }),
    )
  progress(`warming up ${name}`)
  const ready = await ask(CLIENT_READY_MS)
  if (ready.kind === 'error') {
    throw new Error(`the client cannot open its sessions: ${ready.error} (log: ${processes.log('client')})`)
  }
  const note = ready.kind === 'ready' ? ready.note : undefined
  if (note !== undefined) progress(`${name}: ${note}`)
  return {
    name,
    version: note === undefined ? version : `${version} (${note})`,
    pids,
    clientPid: child.pid ?? 0,
    run: async (load, outstanding, ms) => {
      const endsMs = load === 'sessionEnd' ? outstanding * END_MS : 0
      const answer = await ask(ms + ANSWER_MS + endsMs, { load, outstanding, ms })
      if (answer.kind === 'error') {
        throw new Error(`${name}, ${load} at ${outstanding}: ${answer.error} (log: ${processes.log('client')})`)
      }
      if (answer.kind === 'ready') throw new Error(`${name} answered nothing to ${load}`)
      return answer.kind === 'measured' ? answer.measured : answer
    },
    stop: () => processes.stop(),
  }
}
