/**
 * One instance of the engine: its memory, and the calls of its C interface that are used.
 *
 * Pointers are addresses in its memory; what the engine calls a value is a pointer to a slot of 8 bytes. Nothing is
 * freed: the memory is put back after each call as it was (`machine.ts`). The only way out is `onCall`. All that the
 * engine asks its host for is answered alike everywhere: the time is 0, chance is zeros, there are no files. Keeps: E1,
 * E4. Read next: `meter.ts`, `values.ts`, `machine.ts`.
 * @source quickjs-ng 0.18.0 (quickjs.h), quickjs-wasi 3.7.0 (the names of its exports).
 */
import { SirtakiError } from '../../../log/errors.ts'
import { IMAGE_AT, PAGE_BYTES, meterNames } from './meter.ts'
import { wasm, type WasmGlobal, type WasmInstance, type WasmMemory, type WasmModule } from './wasm.ts'

/** An address in the engine's memory. */
export type Pointer = number

/** What the engine exports and we call. */
export interface Calls {
  _initialize(): void
  wasm_malloc(bytes: number): Pointer
  qjs_init2(intrinsics: number): number
  qjs_set_memory_limit(bytes: number): void
  qjs_set_max_stack_size(bytes: number): void
  qjs_run_gc(): void
  qjs_eval(code: Pointer, bytes: number, name: Pointer, flags: number): Pointer
  qjs_new_host_function(name: Pointer, bytes: number, flags: number): Pointer
  qjs_call(callee: Pointer, self: Pointer, argc: number, argv: Pointer): Pointer
  qjs_get_exception(): Pointer
  qjs_get_undefined(): Pointer
  qjs_get_null(): Pointer
  qjs_get_true(): Pointer
  qjs_get_false(): Pointer
  qjs_new_number(value: number): Pointer
  qjs_new_string(text: Pointer, bytes: number): Pointer
  qjs_new_object(): Pointer
  qjs_new_array(): Pointer
  qjs_get_float64(value: Pointer): number
  qjs_get_string_len(value: Pointer, length: Pointer): Pointer
  qjs_get_class_id(value: Pointer): number
  qjs_get_prop_string(object: Pointer, name: Pointer): Pointer
  qjs_get_prop_value(object: Pointer, key: Pointer): Pointer
  qjs_get_prop_uint32(object: Pointer, index: number): Pointer
  qjs_define_prop_value(object: Pointer, key: Pointer, value: Pointer, flags: number): number
  qjs_set_prop_uint32(object: Pointer, index: number, value: Pointer): number
  qjs_get_own_property_names(object: Pointer): Pointer
  qjs_is_number(value: Pointer): number
  qjs_is_string(value: Pointer): number
  [meterNames.restore](): number
}
interface Exports extends Calls {
  readonly memory: WasmMemory
  readonly __stack_pointer: WasmGlobal
  readonly [meterNames.memory]: WasmMemory
  readonly [meterNames.fuel]: WasmGlobal
  readonly [meterNames.depth]: WasmGlobal
  readonly [meterNames.pages]: WasmGlobal
}

const functions = [
  ...['_initialize', 'wasm_malloc', 'qjs_init2', 'qjs_set_memory_limit', 'qjs_set_max_stack_size', 'qjs_run_gc'],
  ...['qjs_eval', 'qjs_new_host_function', 'qjs_call', 'qjs_get_exception', 'qjs_get_undefined', 'qjs_get_null'],
  ...['qjs_get_true', 'qjs_get_false', 'qjs_new_number', 'qjs_new_string', 'qjs_new_object', 'qjs_new_array'],
  ...['qjs_get_float64', 'qjs_get_string_len', 'qjs_get_class_id', 'qjs_get_prop_string'],
  ...['qjs_get_prop_value', 'qjs_get_prop_uint32', 'qjs_define_prop_value', 'qjs_set_prop_uint32'],
  ...['qjs_get_own_property_names'],
  ...['qjs_is_number', 'qjs_is_string', meterNames.restore],
]
const globals = ['__stack_pointer', meterNames.fuel, meterNames.depth, meterNames.pages]
const memories = ['memory', meterNames.memory]

function isExports(exports: Readonly<Record<string, unknown>>): exports is Readonly<Record<string, unknown>> & Exports {
  return (
    functions.every((name) => typeof exports[name] === 'function')
    && globals.every((name) => exports[name] instanceof wasm.Global)
    && memories.every((name) => exports[name] instanceof wasm.Memory)
  )
}

/** `ENOSYS` of WASI. */
const NOT_THERE = 52
const ERROR_NONE = 0
const PAGE_SHIFT = Math.log2(PAGE_BYTES)

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** A text of so many letters is written and read letter by letter: that is quicker then. */
const SHORT = 48

/** The engine has no memory for what the host wants to put into it. */
export class NoMemory {
  readonly bytes: number

  constructor(bytes: number) {
    this.bytes = bytes
  }
}

/** Bytes of a memory that is 0 before and behind them: of 4 MiB these are a tenth. */
export interface Extent {
  readonly from: Pointer
  readonly bytes: Uint8Array
}

/** One instance. */
export class Guest {
  readonly calls: Calls
  readonly fuel: WasmGlobal
  readonly depth: WasmGlobal
  readonly pages: WasmGlobal
  readonly stackPointer: WasmGlobal
  readonly memory: Uint8Array
  /** The second memory from where the image begins. */
  readonly image: Uint8Array
  /** What the guest's calls of its host function come to. */
  onCall: (argc: number, argv: Pointer) => Pointer = () => 0
  readonly #words: Uint32Array
  readonly #marks: Uint8Array
  #lengthAt = 0

  constructor(module: WasmModule) {
    const exports = this.#instance(module).exports
    if (!isExports(exports)) throw new SirtakiError('UNSUPPORTED', 'the engine of extensions exports something else')
    this.calls = exports
    this.fuel = exports[meterNames.fuel]
    this.depth = exports[meterNames.depth]
    this.pages = exports[meterNames.pages]
    this.stackPointer = exports.__stack_pointer
    // Neither memory ever grows, so the views stay good.
    this.memory = new Uint8Array(exports.memory.buffer)
    this.#words = new Uint32Array(exports.memory.buffer)
    const second = exports[meterNames.memory].buffer
    this.#marks = new Uint8Array(second, 0, IMAGE_AT)
    this.image = new Uint8Array(second, IMAGE_AT)
    this.calls._initialize()
    this.#lengthAt = this.calls.wasm_malloc(4)
  }

  #instance(module: WasmModule): WasmInstance {
    const nothing = (): number => ERROR_NONE
    const notThere = (): number => NOT_THERE
    const zeros = (at: Pointer, count: number): number => {
      this.write(at, new Uint8Array(count))
      return ERROR_NONE
    }
    return new wasm.Instance(module, {
      env: {
        host_call: (_name: Pointer, _bytes: number, _self: Pointer, argc: number, argv: Pointer) =>
          this.onCall(argc, argv),
        host_get_timezone_offset: nothing,
        host_interrupt: nothing,
        host_promise_rejection: nothing,
        host_module_normalize: nothing,
        host_module_load: nothing,
      },
      wasi_snapshot_preview1: {
        clock_time_get: (_clock: number, _precision: bigint, at: Pointer) => zeros(at, 8),
        random_get: zeros,
        fd_close: notThere,
        fd_fdstat_get: notThere,
        fd_seek: notThere,
        fd_write: notThere,
      },
    })
  }

  /** Writes into its memory, and marks the pages: the engine's own stores do that by themselves. */
  write(at: Pointer, bytes: Uint8Array): void {
    this.mark(at, bytes.byteLength)
    this.memory.set(bytes, at)
  }
  writeWord(at: Pointer, value: number): void {
    this.mark(at, 4)
    this.#words[at >>> 2] = value
  }
  word(at: Pointer): number {
    return this.#words[at >>> 2] ?? 0
  }

  /** Puts bytes of a text somewhere; gives where, and how many. The byte behind them is 0. @throws NoMemory. */
  place(text: string): { readonly at: Pointer; readonly bytes: number } {
    const bytes = encoder.encode(text)
    const at = this.calls.wasm_malloc(bytes.byteLength + 1)
    if (at === 0) throw new NoMemory(bytes.byteLength)
    this.mark(at, bytes.byteLength + 1)
    this.memory.set(bytes, at)
    this.memory[at + bytes.byteLength] = 0
    return { at, bytes: bytes.byteLength }
  }

  /** A text as one of its values. */
  text(text: string): Pointer {
    const { at, bytes } = this.place(text)
    return this.calls.qjs_new_string(at, bytes)
  }

  /** The text of one of its values; `undefined`: it is no well-formed one; null: the guest threw over it. */
  textOf(value: Pointer): string | undefined | null {
    const at = this.calls.qjs_get_string_len(value, this.#lengthAt)
    if (at === 0) return null
    const bytes = this.word(this.#lengthAt)
    if (bytes <= SHORT) {
      let text = ''
      let i = at
      for (; i < at + bytes; i++) {
        const code = this.memory[i] ?? 0
        if (code > 0x7f) break
        text += String.fromCharCode(code)
      }
      if (i === at + bytes) return text
    }
    try {
      return decoder.decode(this.memory.subarray(at, at + bytes))
    } catch (thrown) {
      // Whatever else is thrown is this host's own trouble.
      if (!(thrown instanceof TypeError)) throw thrown
      return undefined
    }
  }

  /** Says that the host has written there. */
  mark(at: Pointer, bytes: number): void {
    if (bytes === 0) return
    for (let page = at >>> PAGE_SHIFT; page <= (at + bytes - 1) >>> PAGE_SHIFT; page++) this.#marks[page] = 1
  }

  /** Takes another image in, in place of `before`: nothing of that, or of calls since, is left. */
  take({ from, bytes }: Extent, before: Extent): void {
    this.calls['m:restore']()
    for (const memory of [this.memory, this.image]) {
      memory.fill(0, before.from, before.from + before.bytes.byteLength)
      memory.set(bytes, from)
    }
  }

  /** What of the memory is not 0, a copy of it: from the first such word to the last. */
  extent(): Extent {
    const words = this.#words
    let [from, to] = [0, words.length]
    while (from < to && words[from] === 0) from++
    while (to > from && words[to - 1] === 0) to--
    return { from: from * 4, bytes: this.memory.slice(from * 4, to * 4) }
  }

  /** Forgets what was marked: the image is being taken. */
  unmark(): void {
    this.#marks.fill(0)
  }
}
