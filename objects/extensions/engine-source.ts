/**
 * Where a process has the engine of extensions from: once, when the first entry needs it.
 *
 * A program that meets no extension reads and compiles nothing. Read next: `engine/compile.ts`, `registry.ts`.
 */
import { compileEngine } from './engine/compile.ts'
import { Machines } from './engine/machines.ts'

/** Brings the engine. */
export interface EngineSource {
  /** The engine, where it was brought already. */
  readonly now: Machines | undefined
  /** @throws SirtakiError `UNSUPPORTED`, or what reading it throws. */
  load(): Promise<Machines>
}

/** Makes a source of what gives the bytes of `quickjs.wasm`: a page in a browser fetches them. */
export function engineFrom(bytes: () => Promise<Uint8Array>): EngineSource {
  let machines: Machines | undefined
  let loading: Promise<Machines> | undefined
  const load = async (): Promise<Machines> => (machines = new Machines(compileEngine(await bytes())))
  return {
    get now() {
      return machines
    },
    load: () => {
      loading ??= load().catch((thrown: unknown) => {
        loading = undefined
        throw thrown
      })
      return loading
    },
  }
}

/** The engine of the package that brings it. Spaces of one process share it. */
export const packagedEngine: EngineSource = engineFrom(async () => {
  const { readEngineFile } = await import('../io/engine-file.ts')
  return readEngineFile()
})
