/**
 * The engine that extensions run in: one exact binary, metered and compiled once for a process.
 *
 * Its bytes come from outside (`../../io/engine-file.ts`; a browser brings them): a program that meets no extension
 * loads nothing. What an engine is called is part of what an extension is: another binary, another pass, another
 * prelude have another name, since fuel and images differ then. Keeps: E3. Read next: `meter.ts`, `machine.ts`.
 * @source quickjs-wasi 3.7.0 (npm), file quickjs.wasm: quickjs-ng 0.18.0, MIT.
 */
import { sha256 } from '../../../log/bytes/hash.ts'
import { SirtakiError } from '../../../log/errors.ts'
import { meter } from './meter.ts'
import { ABI } from './prelude.ts'
import { wasm, type WasmModule } from './wasm.ts'

/** Of the one binary that is taken. */
export const ENGINE_SHA256 = 'c0bd8f296e18cf074969f6401b9ecb72609a1323818ec2b9bf7a8f8d740d1363'

/** An engine, ready to make instances. */
export interface Engine {
  readonly module: WasmModule
  /** SHA-256 of the metered binary, and the number of the ABI. */
  readonly name: string
}

/**
 * Meters and compiles the engine. Takes a tenth of a second.
 *
 * @throws SirtakiError `UNSUPPORTED` for another binary, and where this host has no WebAssembly with two memories.
 */
export function compileEngine(bytes: Uint8Array): Engine {
  const found = sha256(bytes)
  if (found !== ENGINE_SHA256) {
    throw new SirtakiError('UNSUPPORTED', `the engine of extensions is another file than expected: SHA-256 ${found}`, {
      facts: { found, wanted: ENGINE_SHA256 },
    })
  }
  const metered = meter(bytes)
  if (!wasm.validate(metered)) {
    throw new SirtakiError(
      'UNSUPPORTED',
      'extensions need WebAssembly with several memories: Node 22, or a browser of 2024',
    )
  }
  return { module: new wasm.Module(metered), name: `${sha256(metered)}-${ABI}` }
}
