/**
 * The processes of the bench: started, measured, ended. Only what was started here is ever signalled.
 *
 * Read next: `cluster.ts`, `main.ts`.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { extname, join } from 'node:path'

/**
 * What a process has used: seconds of CPU since its start, megabytes resident now. `undefined` where /proc is missing.
 */
export interface Usage {
  readonly cpuSeconds: number
  readonly residentMb: number
}

/** Clock ticks a second in /proc: the same on every Linux that Node runs on. */
const TICKS = 100
const START_MS = 30_000

/** Reads what a process has used from /proc. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
      residentMb: Number(resident?.[1] ?? 0) / 1024,
    }
  } catch {
    return undefined
  }
}

/** A started process: `told` is what it said when it was ready. */
export interface Started {
  readonly child: ChildProcess
  readonly told: string
}

/** All processes of one run. */
export class Processes {
  readonly #children = new Set<ChildProcess>()
  readonly #execArgv: readonly string[]

  /** `profiles`: a folder for CPU profiles, written when the processes end. */
  constructor(profiles?: string) {
    this.#execArgv = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
  }

  /**
   * Starts a file of this folder (named without its extension) and waits for its first message.
   *
   * @throws Error when it ends or stays silent.
   */
  start(file: string, args: readonly string[]): Promise<Started> {
    const child = fork(join(import.meta.dirname, `${file}${extname(import.meta.filename)}`), args, {
      execArgv: [...this.#execArgv],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    this.#children.add(child)
    const name = [file, ...args].join(' ')
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error(`${name} was not ready within ${START_MS / 1000} s`))
      }, START_MS)
      child.once('message', (told) => {
        clearTimeout(late)
        resolve({ child, told: typeof told === 'string' ? told : JSON.stringify(told) })
      })
      child.once('exit', (code, signal) => {
        clearTimeout(late)
        this.#children.delete(child)
        reject(new Error(`${name} ended with ${code ?? signal}`))
      })
    })
  }

  /** Ends one process at once. */
  async kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => {
      child.once('exit', resolve)
    })
    child.kill('SIGKILL')
    await gone
  }

  /** Ends all of them; where profiles are written they end by themselves. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#children].map(async (child) => {
        if (this.#execArgv.length === 0 || !child.connected) return this.kill(child)
        const gone = new Promise((resolve) => {
          child.once('exit', resolve)
        })
        child.disconnect()
        await gone
      }),
    )
  }
}
