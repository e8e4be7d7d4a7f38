/**
 * Temporary folders and child processes for the tests of what touches a real disk.
 *
 * Read next: `store-child.ts`.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Undoes things when a test ends: what ava gives to each. */
export interface Teardown {
  teardown(run: () => void | Promise<void>): void
}

/** Makes an empty folder that is removed when the test ends. */
export function makeFolder(t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'sirtaki-'))
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** Changes a file in place. */
export function changeFile(path: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path)
  change(bytes)
  writeFileSync(path, bytes)
}

const child = join(import.meta.dirname, 'store-child.ts')

/** Runs `store-child.ts` to its end, under another command if one is given; gives its lines. */
export function runChild(
  args: readonly (string | number)[],
  under: readonly string[] = [],
): { readonly lines: readonly string[]; readonly talk: string; readonly signal: string | null } {
  const [command = process.execPath, ...rest] = [...under, process.execPath, child, ...args.map(String)]
  const { stdout, stderr, signal } = spawnSync(command, rest, { encoding: 'utf8' })
  return { lines: stdout.trim().split('\n'), talk: stderr, signal }
}

/** A running `store-child.ts`: its lines one by one, and its end. */
export function startChild(args: readonly (string | number)[]): {
  readonly next: () => Promise<string | undefined>
  readonly kill: () => Promise<void>
} {
  const running = spawn(process.execPath, [child, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((done) => {
    running.once('exit', () => {
      done()
    })
  })
  const lines = createInterface({ input: running.stdout })[Symbol.asyncIterator]()
  return {
    next: async () => (await lines.next()).value,
    kill: async () => {
      running.kill('SIGKILL')
      await ended
    },
  }
}

/** Whether `strace` may trace a process here. */
export const canTrace = (): boolean => spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0
