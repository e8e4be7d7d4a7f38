/**
 * The ground that a run stands on: its folder, and everything of the machine that it must give back.
 *
 * What was taken (processes, mounts, namespaces) is noted in a marker file that carries the pid of the run, so that a
 * next run takes away what a crashed one left. Loop devices go with their mounts. Read next: `disk.ts`, `network.ts`.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** Every namespace of a run is called by this, its pid and a name. */
export const prefixOf = (pid: number): string => `sirtaki-chaos-${pid}-`

const markerOf = (pid: number): string => join(tmpdir(), `sirtaki-chaos-${pid}.run`)

/** Runs a program to its end; gives what it printed. @throws Error with what it said on stderr. */
export function run(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 })
  if (error !== undefined || status !== 0) {
    throw new Error(
      `${program} ${args.join(' ')} ended with ${status ?? 'no exit code'}: ${error?.message ?? stderr.trim()}`,
    )
  }
  return stdout
}

/** Whether a program is there to be run. */
export const has = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, program)))

/** Whether this run may make mounts and namespaces. */
export const isRoot = (): boolean => process.getuid?.() === 0

/** When a process began, in ticks since boot: with the pid it names a process for good. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

/** The folder of one run and what it took from the machine. */
export class Ground {
  readonly folder: string
  readonly #marker = markerOf(process.pid)
  readonly #undo: (() => void)[] = []
  #ended = false

  constructor(folder = join(tmpdir(), `sirtaki-chaos-${process.pid}`)) {
    this.folder = resolve(folder)
    if (existsSync(this.folder) && readdirSync(this.folder).length > 0) {
      throw new Error(`the folder ${this.folder} is not empty: name another one with --dir`)
    }
    mkdirSync(join(this.folder, 'logs'), { recursive: true })
    writeFileSync(this.#marker, `run ${process.pid} ${startOf(process.pid) ?? ''}\nfolder ${this.folder}\n`)
    // Every start compiles the same modules: kept here, a start takes a third of the time.
    process.env['NODE_COMPILE_CACHE'] = join(this.folder, 'compiled')
    process.on('exit', () => {
      this.end()
    })
  }

  /** Something to be undone when the run ends, the latest first. */
  undo(give: () => void): void {
    this.#undo.push(give)
  }

  /** Notes a process, so that it is ended with the run however the run ends. */
  note(pid: number): void {
    appendFileSync(this.#marker, `process ${pid} ${startOf(pid) ?? ''}\n`)
  }

  /** Gives everything back. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    endProcesses(this.#marker)
    for (const undo of this.#undo.toReversed()) {
      try {
        undo()
      } catch (thrown) {
        process.stderr.write(`chaos: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
      }
    }
    rmSync(this.#marker, { force: true })
  }
}

/** Takes away what runs that died have left; gives what that was. */
export function clearLeftovers(): string[] {
  const cleared: string[] = []
  for (const name of readdirSync(tmpdir()).filter((one) => /^sirtaki-chaos-\d+\.run$/.test(one))) {
    const marker = join(tmpdir(), name)
    const [[, pid = '', start] = [], [, folder = ''] = []] = linesOf(marker)
    if (start !== undefined && startOf(Number(pid)) === start) continue
    endProcesses(marker)
    unmountBelow(folder)
    removeNamespaces(Number(pid))
    rmSync(marker, { force: true })
    cleared.push(`what run ${pid} left in ${folder}`)
  }
  return cleared
}

const linesOf = (marker: string): string[][] =>
  readFileSync(marker, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))

/** Ends what the marker names, if it still is that process, and waits until it is gone: until then mounts are busy. */
function endProcesses(marker: string): void {
  const alive = linesOf(marker).filter(
    ([what, pid, start]) => what === 'process' && start !== '' && startOf(Number(pid)) === start,
  )
  for (const [, pid] of alive) process.kill(Number(pid), 'SIGKILL')
  const isGone = (pid: string | undefined): boolean => {
    try {
      return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    } catch {
      return true
    }
  }
  for (let tries = 0; tries < 500 && !alive.every(([, pid]) => isGone(pid)); tries++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
  }
}

/** Unmounts everything below a folder. */
function unmountBelow(folder: string): void {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point.startsWith(`${folder}/`))
  for (const point of points.toReversed()) run('umount', point)
}

/** Removes the namespaces of a run. */
export function removeNamespaces(pid: number): void {
  if (!existsSync('/run/netns')) return
  for (const name of readdirSync('/run/netns').filter((one) => one.startsWith(prefixOf(pid)))) {
    run('ip', 'netns', 'del', name)
  }
}
