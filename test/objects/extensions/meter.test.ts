/**
 * The metering pass on small modules made by hand: what it counts, what it puts back, what it refuses.
 *
 * Read next: `../../../objects/extensions/engine/meter.ts`, `engine.test.ts` (the real engine).
 */
import test from 'ava'
import { isError } from '../../../log/errors.ts'
import { IMAGE_AT, PAGES_MAX, PAGE_BYTES, meter, meterNames } from '../../../objects/extensions/engine/meter.ts'
import { WasmWriter } from '../../../objects/extensions/engine/wasm-bytes.ts'
import { wasm, type WasmGlobal } from '../../../objects/extensions/engine/wasm.ts'

const I32 = 0x7f
const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

interface Parts {
  /** Instructions of `run(a, b) -> i32`, without the last `end`. */
  readonly code: readonly number[]
  readonly memories?: number
  readonly imports?: readonly number[]
  readonly results?: readonly number[]
  readonly more?: readonly number[]
}

/** A module with one function `run` and a memory. */
function moduleOf({ code, memories = 1, imports = [0], results = [I32], more = [] }: Parts): Uint8Array {
  const module = new WasmWriter().raw(HEADER)
  const section = (id: number, content: WasmWriter): void => {
    module.op(id).sized(content.bytes)
  }
  section(1, new WasmWriter().op(1, 0x60, 2, I32, I32, results.length, ...results))
  section(2, new WasmWriter().raw(imports))
  section(3, new WasmWriter().op(1, 0))
  section(5, new WasmWriter().op(memories, ...Array.from({ length: memories }, () => [0, 1]).flat()))
  section(6, new WasmWriter().op(0))
  section(7, new WasmWriter().op(2).name('run').op(0, 0).name('memory').op(2, 0))
  module.raw(more)
  section(10, new WasmWriter().op(1).sized(new WasmWriter().op(0, ...code, 0x0b).bytes))
  return module.bytes
}

interface Run {
  readonly run: (a: number, b: number) => number
  readonly restore: () => number
  readonly fuel: WasmGlobal
  readonly depth: WasmGlobal
  readonly memory: Uint8Array
  readonly second: Uint8Array
}

/** A metered module, ready, with fuel. */
function metered(code: readonly number[]): Run {
  const exports: Record<string, unknown> = {
    ...new wasm.Instance(new wasm.Module(meter(moduleOf({ code }))), {}).exports,
  }
  const { run, memory, [meterNames.restore]: restore, [meterNames.memory]: second } = exports
  const { [meterNames.fuel]: fuel, [meterNames.depth]: depth } = exports
  if (!(memory instanceof wasm.Memory && second instanceof wasm.Memory)) throw new Error('no memory')
  if (!(fuel instanceof wasm.Global && depth instanceof wasm.Global)) throw new Error('no globals')
  if (typeof run !== 'function' || typeof restore !== 'function') throw new Error('no functions')
  fuel.value = 1_000_000
  return {
    run: (a, b) => Number(Reflect.apply(run, undefined, [a, b])),
    restore: () => Number(Reflect.apply(restore, undefined, [])),
    fuel,
    depth,
    memory: new Uint8Array(memory.buffer),
    second: new Uint8Array(second.buffer),
  }
}
/** What a run costs. */
function costOf(one: Run, a: number, b: number): number {
  one.fuel.value = 1_000_000
  one.run(a, b)
  return 1_000_000 - one.fuel.value
}

const get = (local: number): number[] => [0x20, local]
const constant = (value: number): number[] => [...new WasmWriter().op(0x41).i32(value).bytes]
/** while (a != 0) a = a - 1 */
const countDown = [0x03, 0x40, ...get(0), 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b]

test('E2: a loop costs its rounds, and one that never ends is stopped', (t) => {
  const one = metered([...countDown, ...get(1)])
  const [ten, twenty, forty] = [10, 20, 40].map((rounds) => costOf(one, rounds, 0))
  t.is((forty ?? 0) - (twenty ?? 0), 2 * ((twenty ?? 0) - (ten ?? 0)))
  // Six instructions a round.
  t.is((twenty ?? 0) - (ten ?? 0), 10 * 6)
  const endless = metered([0x03, 0x40, 0x0c, 0, 0x0b, ...get(1)])
  t.throws(() => endless.run(0, 0), { instanceOf: wasm.RuntimeError, message: /unreachable/ })
  t.true(endless.fuel.value < 0)
})

test('E2: memory.copy and memory.fill cost their bytes, memory its pages', (t) => {
  const fill = metered([...constant(0), ...constant(7), ...get(0), 0xfc, 11, 0, ...get(1)])
  t.is(costOf(fill, 5_000, 0) - costOf(fill, 1_000, 0), 4_000)
  const copy = metered([...constant(0), ...constant(64), ...get(0), 0xfc, 10, 0, 0, ...get(1)])
  t.is(costOf(copy, 5_000, 0) - costOf(copy, 1_000, 0), 4_000)
  t.throws(() => fill.run(-1, 0), { instanceOf: wasm.RuntimeError })
  const grow = metered([...get(0), 0x40, 0])
  t.is(costOf(grow, 3, 0) - costOf(grow, 2, 0), 65_536)
})

test('E2: memory grows up to the cap and no further, and asks no host', (t) => {
  const grow = metered([...get(0), 0x40, 0])
  const size = metered([0x3f, 0])
  t.is(size.run(0, 0), 1)
  t.deepEqual([grow.run(2, 0), grow.run(0, 0), grow.run(PAGES_MAX, 0), grow.run(-1, 0)], [1, 3, -1, -1])
  grow.fuel.value = 100_000_000
  t.deepEqual([grow.run(PAGES_MAX - 3, 0), grow.run(1, 0)], [3, -1])
  t.is(grow.memory.byteLength, PAGES_MAX * 65_536)
})

test('E3: what is stored is marked and put back, over the border of a page too', (t) => {
  const stores: readonly (readonly [name: string, code: readonly number[], bytes: number])[] = [
    ['i32.store8', [...get(0), ...get(1), 0x3a, 0, 0], 1],
    ['i32.store16', [...get(0), ...get(1), 0x3b, 0, 0], 2],
    ['i32.store', [...get(0), ...get(1), 0x36, 0, 0], 4],
    ['i64.store', [...get(0), ...get(1), 0xac, 0x37, 0, 0], 8],
    ['i64.store32', [...get(0), ...get(1), 0xac, 0x3e, 0, 0], 4],
    ['f32.store', [...get(0), ...get(1), 0xb2, 0x38, 0, 0], 4],
    ['f64.store', [...get(0), ...get(1), 0xb7, 0x39, 0, 0], 8],
    ['i32.store with an offset', [...get(0), ...get(1), 0x36, 0, 0x80, 0x40], 4],
    ['memory.fill', [...get(0), ...get(1), ...constant(9_000), 0xfc, 11, 0], 9_000],
    ['memory.copy', [...get(0), ...constant(40_000), ...constant(9_000), 0xfc, 10, 0, 0], 9_000],
  ]
  for (const [name, code] of stores) {
    for (const at of [0, 100, PAGE_BYTES - 1, PAGE_BYTES - 3, 5 * PAGE_BYTES - 7, 9 * PAGE_BYTES]) {
      const one = metered([...code, ...get(1)])
      for (let i = 0; i < one.memory.length; i++) one.memory[i] = i % 251
      one.second.set(one.memory, IMAGE_AT)
      one.run(at, 0x55aa77)
      const marked = one.restore()
      t.true(marked >= 1, `${name} at ${at} marks`)
      t.deepEqual(Buffer.compare(one.memory, one.second.subarray(IMAGE_AT)), 0, `${name} at ${at} is put back`)
      t.is(one.restore(), 0)
    }
  }
})

test('E3: a store or a fill that traps changes neither memory nor image', (t) => {
  const store = metered([...get(0), ...get(1), 0x36, 0, 0, ...get(1)])
  const fill = metered([...get(0), ...get(1), ...constant(64), 0xfc, 11, 0, ...get(1)])
  for (const one of [store, fill]) {
    for (const at of [-1, -4_096, PAGES_MAX * 65_536, 0x10000000]) {
      t.throws(() => one.run(at, 1), { instanceOf: wasm.RuntimeError })
    }
    t.true(one.second.every((byte) => byte === 0))
  }
})

test('E2: frames are counted on every way out, and so many are too many', (t) => {
  // if (a == 0) return b; if (a == 1) br out with b; return run(a - 1, b)
  const code = [
    ...[...get(0), 0x45, 0x04, 0x40, ...get(1), 0x0f, 0x0b],
    ...[...get(1), ...get(0), 0x41, 1, 0x46, 0x0d, 0, 0x1a],
    ...[...get(0), 0x41, 1, 0x6b, ...get(1), 0x10, 0],
  ]
  const one = metered(code)
  for (const levels of [0, 1, 2, 50]) {
    t.is(one.run(levels, 42), 42)
    t.is(one.depth.value, 0)
  }
  t.throws(() => one.run(100_000, 1), { instanceOf: wasm.RuntimeError, message: /unreachable/ })
  t.true(one.fuel.value > 0)
})

test('what the pass does not know is refused', (t) => {
  const run = [...get(1)]
  const odd: readonly (readonly [why: RegExp, parts: Parts])[] = [
    [/instruction 0xfd is not known/, { code: [0xfd, 12, ...Array<number>(16).fill(0), 0x1a, ...run] }],
    [/instruction 0xfe is not known/, { code: [0xfe, 0, 0x1a, ...run] }],
    [/instruction 0x12 is not known/, { code: [...get(0), ...get(1), 0x12, 0] }],
    [/instruction 0x6 is not known/, { code: [0x06, 0x40, 0x0b, ...run] }],
    [/instruction 0xfc 8 is not known/, { code: [0xfc, 8, 0, 0, ...run] }],
    [/several memories/, { code: run, memories: 2 }],
    [/imports something that is no function/, { code: run, imports: [1, 1, 97, 1, 98, 2, 0, 1] }],
    [/gives several values/, { code: [...get(0), ...get(1)], results: [I32, I32] }],
    [/a block takes or gives several values/, { code: [0x02, 0, 0x0b, ...run] }],
    [/section 13 is not known/, { code: run, more: [13, 1, 0] }],
  ]
  for (const [why, parts] of odd) {
    const error = t.throws(() => meter(moduleOf(parts)))
    t.true(isError(error, 'UNSUPPORTED'), String(error))
    t.regex(error?.message ?? '', why)
  }
  t.throws(() => meter(moduleOf({ code: run }).slice(0, -4)))
})
