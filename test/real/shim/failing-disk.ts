/**
 * The shim that makes calls to the disk fail: built for a test, and the environment that arms it.
 *
 * Read next: `failing-disk.c`, `../io-errors.test.ts`.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The calls that can fail, in the order in which the shim counts them. */
export const calls = ['pread', 'pwrite', 'read', 'write', 'fsync', 'fdatasync', 'ftruncate', 'rename'] as const
export type Call = (typeof calls)[number]

/** What is to go wrong: the call `at`, from 1, once or from then on. */
export interface Fault {
  readonly call: Call
  readonly at: number
  readonly error: 'EIO' | 'ENOSPC'
  readonly stays: boolean
}

/** Whether there is a compiler and a system that the shim knows. */
export const canShim = (): boolean => process.platform === 'linux' && spawnSync('gcc', ['--version']).status === 0

/** Builds the shim into `folder`; gives what to preload. */
export function buildShim(folder: string): string {
  const library = join(folder, 'failing-disk.so')
  const { status, stderr } = spawnSync(
    'gcc',
    ['-O2', '-Wall', '-Werror', '-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'failing-disk.c'), '-ldl'],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`gcc does not build the shim: ${stderr}`)
  return library
}

/** Arms the shim in this process for the files below `folder`, counting from 0; a fault of `undefined` only counts. */
export function arm(folder: string, fault: Fault | undefined): void {
  process.env['SHIM_RUN'] = String(Number(process.env['SHIM_RUN'] ?? 0) + 1)
  process.env['SHIM_FOLDER'] = folder
  set('SHIM_CALL', fault?.call)
  set('SHIM_AT', fault?.at.toString())
  set('SHIM_ERRNO', fault?.error)
  set('SHIM_STAYS', fault?.stays === true ? '1' : undefined)
}

/** Lets every call through from here on, uncounted. */
export function disarm(): void {
  set('SHIM_FOLDER', undefined)
}

function set(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}

/** How many of each call there were, by the file that `SHIM_COUNTS` names. */
export function countsIn(path: string): Readonly<Record<Call, number>> {
  const bytes = readFileSync(path)
  const at = (call: Call): number => Number(bytes.readBigUInt64LE(8 * calls.indexOf(call)))
  return {
    pread: at('pread'),
    pwrite: at('pwrite'),
    read: at('read'),
    write: at('write'),
    fsync: at('fsync'),
    fdatasync: at('fdatasync'),
    ftruncate: at('ftruncate'),
    rename: at('rename'),
  }
}
