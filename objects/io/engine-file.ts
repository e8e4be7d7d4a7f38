/**
 * The file of the engine that extensions run in, from the package that brings it.
 *
 * Read next: `../extensions/engine/compile.ts` (which file it has to be).
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** Reads it. @throws Error of the file system. */
export const readEngineFile = (): Uint8Array =>
  readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm'))
