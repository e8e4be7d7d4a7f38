/**
 * What of WebAssembly the engine of extensions uses: the library of TypeScript has it among the things of browsers.
 *
 * Absent on a host without it, which is found out when an engine is compiled. Read next: `compile.ts`.
 * @source WebAssembly JavaScript Interface.
 */
export interface WasmModule {
  readonly [Symbol.toStringTag]: string
}
export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>
}
export interface WasmMemory {
  readonly buffer: ArrayBuffer
}
export interface WasmGlobal {
  value: number
}

/** The functions of the host. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule
  readonly Instance: new (
    module: WasmModule,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => WasmInstance
  readonly Memory: new (size: { readonly initial: number }) => WasmMemory
  readonly Global: new (type: { readonly value: 'i32'; readonly mutable: true }, value: number) => WasmGlobal
  readonly RuntimeError: new (message?: string) => Error
  validate(bytes: Uint8Array<ArrayBuffer>): boolean
}

function hosts(): Wasm
function hosts(): unknown {
  return Reflect.get(globalThis, 'WebAssembly')
}

export const wasm = hosts()
