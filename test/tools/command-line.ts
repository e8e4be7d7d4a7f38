/** The command line as tests use it: real processes, free ports, folders of their own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../free-ports.ts'

/** The sources of the command line. */
export const MAIN = fileURLToPath(new URL('../../tools/main.ts', import.meta.url))

/** What a finished command said. */
export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}
/** Where and how a command runs. `stdin` is all that it can read. */
export interface RunOptions {
  readonly env?: Record<string, string>
  readonly cwd?: string
  readonly stdin?: string
  readonly timeoutMs?: number
}

/** Starts a command. */
export function start(args: readonly string[], { env = {}, cwd }: RunOptions = {}): ChildProcess {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('SIRTAKI_')))
  return spawn(process.execPath, [MAIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...clean, ...env }, cwd })
}

/** Waits for the end of a command. */
export function ended(child: ChildProcess, { stdin = '', timeoutMs = 60_000 }: RunOptions = {}): Promise<Ran> {
  let out = ''
  let err = ''
  child.stdout?.on('data', (piece) => {
    out += String(piece)
  })
  child.stderr?.on('data', (piece) => {
    err += String(piece)
  })
  child.stdin?.end(stdin)
  const timer = setTimeout(() => {
    child.kill('SIGKILL')
  }, timeoutMs)
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code, out, err })
    })
  })
}

/** Runs a command to its end. */
export const run = (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  ended(start(args, options), options)

/** What a command said with --json, line by line. */
export const json = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((one): Record<string, unknown> => ({ ...JSON.parse(one) }))

/** Settles with the first line on stdout that contains `word`; fails when the process ends before. */
export function line(child: ChildProcess, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) {
      reject(new Error('no stdout'))
      return
    }
    let err = ''
    child.stderr?.on('data', (piece) => {
      err += String(piece)
    })
    createInterface({ input: child.stdout }).on('line', (text) => {
      if (text.includes(word)) resolve(text)
    })
    child.on('close', (code) => {
      reject(new Error(`ended with ${code} before ${word}: ${err}`))
    })
  })
}

/** A folder of this test, and the way to remove it. */
export function folder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'sirtaki-tools-'))
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** A cluster of unit processes and a sequencer process. `blank` units run and belong to nothing yet. */
export interface TestCluster {
  readonly address: string
  readonly units: readonly string[]
  readonly blank: readonly string[]
  readonly sequencer: string
  readonly spare: number
  readonly data: string
  readonly processes: readonly ChildProcess[]
  close(): void
}

/**
 * Starts a cluster by the commands themselves: one chain of three units unless told otherwise. Folders are `u0`, `u1`,
 * ...
 */
export async function startCluster({
  units: count = 3,
  blank: more = 0,
  window,
}: { readonly units?: number; readonly blank?: number; readonly window?: number } = {}): Promise<TestCluster> {
  const { path, remove } = folder()
  const [port = 0] = await freePorts(count + more + 3)
  const all = Array.from({ length: count + more }, (_, i) => `127.0.0.1:${port + i}`)
  const units = all.slice(0, count)
  const sequencer = `127.0.0.1:${port + count + more}`
  const processes = all.map((address, i) =>
    start(['unit', '--json', '--data', join(path, `u${i}`), '--listen', address]),
  )
  await Promise.all(processes.map((child) => line(child, 'listening')))
  const made = await run([
    'init',
    '--units',
    units.join(','),
    ...(window === undefined ? [] : ['--window', String(window)]),
  ])
  if (made.code !== 0) throw new Error(made.err)
  const last = start(['sequencer', '--json', '--listen', sequencer, '--units', units.join(',')])
  processes.push(last)
  await line(last, 'ready')
  const close = (): void => {
    for (const child of processes) child.kill('SIGKILL')
    remove()
  }
  return {
    address: `tcp://${units.join(',')}`,
    units,
    blank: all.slice(count),
    sequencer,
    spare: port + count + more + 1,
    data: path,
    processes,
    close,
  }
}
