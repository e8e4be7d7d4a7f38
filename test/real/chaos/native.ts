/**
 * The two pieces of C, built at the start of a run: `shim.c` is loaded into servers, `cut.c` cuts the power of a disk.
 *
 * Read next: `faults.ts`, `disk.ts`.
 */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { has, run } from './ground.ts'

/** Whether C can be built here. */
export const hasCompiler = (): boolean => has('gcc')

/** Builds what is loaded into servers; gives its path. */
export function buildShim(folder: string): string {
  const path = join(folder, 'shim.so')
  run('gcc', '-O2', '-Wall', '-shared', '-fPIC', '-o', path, join(import.meta.dirname, 'shim.c'), '-ldl')
  return path
}

/** Builds what cuts the power; gives its path. */
export function buildCut(folder: string): string {
  const path = join(folder, 'cut')
  run('gcc', '-O2', '-Wall', '-o', path, join(import.meta.dirname, 'cut.c'))
  return path
}

/** The two numbers that a server with the shim obeys. */
export class ShimControl {
  readonly environment: Readonly<Record<string, string>>
  readonly #path: string

  constructor(shim: string, folder: string, name: string) {
    this.#path = join(folder, `${name}.shim`)
    this.environment = { LD_PRELOAD: shim, CHAOS_SHIM: this.#path }
    writeFileSync(this.#path, Buffer.alloc(16))
  }

  /** Each flush to the disk takes so much longer. */
  delayDisk(ms: number): void {
    this.#write(0, ms * 1_000)
  }

  /** The wall clock is so far off. */
  moveClock(seconds: number): void {
    this.#write(8, seconds)
  }

  #write(at: number, value: number): void {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(Math.round(value)))
    const file = openSync(this.#path, 'r+')
    writeSync(file, bytes, 0, 8, at)
    closeSync(file)
  }
}
