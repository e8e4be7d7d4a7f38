/**
 * The metering pass: a WebAssembly module in, the same module out with everything it may use counted inside itself.
 *
 *     fuel     at each function entry and loop head: the longest way to the next charge, paid and checked
 *     depth    each function that calls: its frame, added on entry, taken off on every way out
 *     pages    `memory.grow` moves a number below a cap: the memory itself never grows, no host is asked
 *     marks    each store marks its page of 4 KiB in a second memory, which the module's own code cannot name
 *     restore  copies the marked pages back from the image, which is in that second memory too
 *
 * The engine's own limits are not trusted: its interrupt handler is not called in native loops. All of this is in the
 * code, so it is the same on every host, and what exceeds a bound ends with the trap `unreachable`, which no guest can
 * catch. The costs of a function are summed up from its end: a loop counts 0 from outside, since its head charges each
 * round; where a `br_table` of many targets lands (the engine's dispatch of bytecodes) a charge stands too, else one
 * bytecode would cost as much as the dearest. What is not known is refused. Keeps: E2, E3. Read next:
 * `instructions.ts`, `guest.ts`.
 * @source WebAssembly Core Specification 2.0; multi-memory proposal.
 */
import { OUTERMOST, codes, decodeInstructions, prefixed, type Instructions } from './instructions.ts'
import { WasmReader, WasmWriter, refused, sectionsOf, type Section } from './wasm-bytes.ts'

/** Pages of 64 KiB that a guest has at most, and that the memory has from the beginning. */
export const PAGES_MAX = 64
/** Bytes of a page that is marked and restored. */
export const PAGE_BYTES = 4_096
/** Pages that are marked. */
export const PAGES = (PAGES_MAX * 65_536) / PAGE_BYTES
/** Where the image begins in the second memory: behind the marks, a byte for each page. */
export const IMAGE_AT = 65_536
/** Bytes of all frames at a time. */
export const DEPTH_MAX = 262_144
const FRAME_BYTES = 96
const LOCAL_BYTES = 8
/** A `br_table` with so many targets is a dispatch. */
const TABLE_MIN = 8
/** What 64 KiB of memory cost. */
const PAGE_SHIFT = 16

/** What is exported in addition. */
export const meterNames = {
  fuel: 'm:fuel',
  depth: 'm:depth',
  pages: 'm:pages',
  memory: 'm:memory',
  restore: 'm:restore',
} as const

const sections = { custom: 0, type: 1, import: 2, function: 3, table: 4, memory: 5, global: 6, export: 7 } as const
const CODE = 10
/** Those that are taken as they are: tables, elements, data. */
const asTheyAre: readonly number[] = [sections.import, sections.table, 9, 11, 12]

const I32 = 0x7f
const I64 = 0x7e
const F32 = 0x7d
const F64 = 0x7c
const NOTHING = 0x40

interface Signature {
  readonly params: number
  readonly results: readonly number[]
}
/** What the code of a module refers to. */
interface Module {
  readonly bytes: Uint8Array
  readonly types: readonly Signature[]
  /** The type of each function that is not imported. */
  readonly functions: readonly number[]
  readonly firstPages: number
  /** Indices of what is added. */
  readonly fuel: number
  readonly depth: number
  readonly pages: number
  readonly copy: number
  readonly fill: number
  readonly grow: number
  readonly restore: number
}

/** Meters a module. @throws SirtakiError `UNSUPPORTED` for one that has something which this pass does not know. */
export function meter(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = sectionsOf(bytes)
  const of = (id: number): Section => {
    const found = all.find((one) => one.id === id)
    if (found === undefined) throw refused(`it has no section ${id}`)
    return found
  }
  const module = readModule(bytes, of)
  const writer = new WasmWriter(bytes.byteLength * 2).raw(bytes.subarray(0, 8))
  for (const section of all) {
    const content = bytes.subarray(section.from, section.to)
    if (section.id === sections.custom) continue
    writer.op(section.id).sized(asTheyAre.includes(section.id) ? content : changed(module, section))
  }
  return writer.bytes.slice()
}

function readModule(bytes: Uint8Array, of: (id: number) => Section): Module {
  const reader = (id: number): WasmReader => new WasmReader(bytes, of(id).from)
  const types = readTypes(reader(sections.type))
  const imported = countImports(reader(sections.import))
  const declared = reader(sections.function)
  const functions = Array.from({ length: declared.u32() }, () => declared.u32())
  const memory = reader(sections.memory)
  if (memory.u32() !== 1) throw refused('it has several memories')
  const firstPages = memory.limits()
  if (firstPages > PAGES_MAX) throw refused(`it begins with ${firstPages} pages of memory`)
  const globals = reader(sections.global).u32()
  const first = imported + functions.length
  return {
    bytes,
    types,
    functions,
    firstPages,
    ...{ fuel: globals, depth: globals + 1, pages: globals + 2 },
    ...{ copy: first, fill: first + 1, grow: first + 2, restore: first + 3 },
  }
}

function readTypes(reader: WasmReader): Signature[] {
  return Array.from({ length: reader.u32() }, () => {
    if (reader.u8() !== 0x60) throw refused('a type is none of a function')
    const params = reader.raw(reader.u32()).length
    const results = [...reader.raw(reader.u32())]
    if (results.length > 1) throw refused('a function gives several values')
    return { params, results }
  })
}

/** How many functions are imported: nothing else may be. */
function countImports(reader: WasmReader): number {
  const count = reader.u32()
  for (let i = 0; i < count; i++) {
    reader.raw(reader.u32())
    reader.raw(reader.u32())
    if (reader.u8() !== 0) throw refused('it imports something that is no function')
    reader.u32()
  }
  return count
}

/** A section with what is added. */
function changed(module: Module, section: Section): Uint8Array {
  const { bytes, types, functions } = module
  const reader = new WasmReader(bytes, section.from)
  const room = section.to - section.from + 256
  /** The section with a higher count of its items, to be followed by those. */
  const more = (count: number): WasmWriter => {
    const items = reader.u32()
    return new WasmWriter(room).u32(items + count).raw(bytes.subarray(reader.at, section.to))
  }
  switch (section.id) {
    case sections.type:
      return more(3).op(0x60, 3, I32, I32, I32, 0).op(0x60, 1, I32, 1, I32).op(0x60, 0, 1, I32).bytes
    case sections.function:
      return more(4)
        .u32(types.length)
        .u32(types.length)
        .u32(types.length + 1)
        .u32(types.length + 2).bytes
    case sections.memory: {
      const second = PAGES_MAX + IMAGE_AT / 65_536
      return new WasmWriter().u32(2).op(1).u32(PAGES_MAX).u32(PAGES_MAX).op(1).u32(second).u32(second).bytes
    }
    case sections.global: {
      const writer = more(3)
      for (const value of [0x7fffffff, 0, module.firstPages]) {
        writer.op(I32, 1, codes.i32Const).i32(value).op(codes.end)
      }
      return writer.bytes
    }
    case sections.export: {
      const writer = more(5)
      const global = (name: string, index: number): WasmWriter => writer.name(name).op(3).u32(index)
      global(meterNames.fuel, module.fuel)
      global(meterNames.depth, module.depth)
      global(meterNames.pages, module.pages)
      return writer.name(meterNames.memory).op(2).u32(1).name(meterNames.restore).op(0).u32(module.restore).bytes
    }
    case CODE: {
      const writer = new WasmWriter(room * 3).u32(functions.length + 4)
      if (reader.u32() !== functions.length) throw refused('functions are missing')
      for (const type of functions) {
        const length = reader.u32()
        writer.sized(meterFunction(module, types[type], reader.at, reader.at + length))
        reader.raw(length)
      }
      for (const body of helpers(module)) writer.sized(body)
      return writer.bytes
    }
    default:
      throw refused(`section ${section.id} is not known`)
  }
}

// ---- one function

/** Locals that are added: an i32 value, an address, an i64, an f32 and an f64 value. */
const SCRATCH = [2, I32, 1, I64, 1, F32, 1, F64] as const
const SCRATCH_GROUPS = 4

interface Metering {
  readonly module: Module
  readonly code: Instructions
  readonly writer: WasmWriter
  /** Number of the first local that is added. */
  readonly scratch: number
  /** Bytes of its frame; 0: it calls nobody, and is not counted. */
  readonly frame: number
}

function meterFunction(module: Module, type: Signature | undefined, from: number, to: number): Uint8Array {
  if (type === undefined) throw refused('a function has no type')
  const { bytes } = module
  const reader = new WasmReader(bytes, from)
  const groups = reader.u32()
  const localsAt = reader.at
  let locals = type.params
  for (let group = 0; group < groups; group++) {
    locals += reader.u32()
    reader.u8()
  }
  const code = decodeInstructions(bytes, reader.at, to)
  const writer = new WasmWriter((to - from) * 3 + 64)
  writer
    .u32(groups + SCRATCH_GROUPS)
    .raw(bytes.subarray(localsAt, reader.at))
    .raw(SCRATCH)
  const frame = code.hasCall ? FRAME_BYTES + LOCAL_BYTES * locals : 0
  const metering = { module, code, writer, scratch: locals, frame }
  if (frame > 0) {
    addTo(writer, module.depth, frame)
    writer.op(codes.globalGet).u32(module.depth).op(codes.i32Const).i32(DEPTH_MAX).op(codes.i32GtS)
    trapIf(writer)
    // Every way out leads behind this block.
    writer.op(codes.block, type.results[0] ?? NOTHING)
  }
  writeBody(metering)
  if (frame > 0) {
    writer.op(codes.end)
    addTo(writer, module.depth, -frame)
  }
  return writer.op(codes.end).bytes
}

/** Adds to a global. */
const addTo = (writer: WasmWriter, global: number, amount: number): WasmWriter =>
  writer.op(codes.globalGet).u32(global).op(codes.i32Const).i32(amount).op(codes.i32Add, codes.globalSet).u32(global)

/** Ends everything where the value on the stack is not 0. */
const trapIf = (writer: WasmWriter): WasmWriter => writer.op(codes.if, NOTHING, codes.unreachable, codes.end)

/** The instructions, with charges and marks in between; the last `end` is the caller's. */
function writeBody(metering: Metering): void {
  const { module, code, writer, scratch, frame } = metering
  const { costs, landings } = costsOf(code)
  const charge = (amount = 0, isChecked = true): void => {
    if (amount === 0) return
    addTo(writer, module.fuel, -amount)
    if (isChecked) trapIf(writer.op(codes.globalGet).u32(module.fuel).op(codes.i32Const, 0, codes.i32LtS))
  }
  charge(costs[0])
  let open = 0
  for (let i = 0; i < code.count - 1; i++) {
    const op = code.op[i] ?? 0
    const raw = module.bytes.subarray(code.at[i], code.at[i + 1])
    switch (op) {
      case codes.block:
      case codes.if:
        open++
        writer.raw(raw)
        break
      case codes.loop:
        open++
        writer.raw(raw)
        charge(costs[i + 1])
        break
      case codes.end:
        open--
        writer.raw(raw)
        if (landings.has(i)) charge(costs[i + 1], false)
        break
      case codes.return:
        if (frame > 0) writer.op(codes.br).u32(open)
        else writer.raw(raw)
        break
      case codes.memorySize:
        writer.op(codes.globalGet).u32(module.pages)
        break
      case codes.memoryGrow:
        writer.op(codes.call).u32(module.grow)
        break
      default:
        if (op === codes.prefix && raw[1] === prefixed.memoryCopy) writer.op(codes.call).u32(module.copy)
        else if (op === codes.prefix && raw[1] === prefixed.memoryFill) writer.op(codes.call).u32(module.fill)
        else if (op >= codes.i32Store && op <= codes.i64Store32) writeStore(writer, op, raw, scratch)
        else writer.raw(raw)
    }
  }
}

/** A store, and behind it the mark of its page: one that traps has changed nothing and marks nothing. */
function writeStore(writer: WasmWriter, op: number, raw: Uint8Array, scratch: number): void {
  const reader = new WasmReader(raw, 1)
  reader.u32()
  const offset = reader.u32()
  const [value, address] = [scratch + valueLocal(op), scratch + 1]
  writer.op(codes.localSet).u32(value).op(codes.localTee).u32(address).op(codes.localGet).u32(value).raw(raw)
  writer.op(codes.localGet).u32(address)
  if (offset > 0) writer.op(codes.i32Const).i32(offset).op(codes.i32Add)
  // marks[address >> 12] = 1
  writer.op(codes.i32Const, 12, codes.i32ShrU, codes.i32Const, 1).op(codes.i32Store8, 0x40, 1, 0)
}

function valueLocal(op: number): number {
  if (op === codes.f32Store) return 3
  if (op === codes.f64Store) return 4
  return op === codes.i32Store || op === codes.i32Store8 || op === codes.i32Store16 ? 0 : 2
}

/**
 * What the longest way costs from each instruction to the next charge, and behind which ends of blocks a charge stands:
 * where a dispatch lands.
 */
function costsOf(code: Instructions): { readonly costs: Int32Array; readonly landings: ReadonlySet<number> } {
  const { count, op, endOf, elseOf, targets } = code
  const landings = new Set<number>()
  for (const [i, blocks] of targets) {
    const distinct = new Set(blocks)
    if (op[i] !== codes.brTable || distinct.size < TABLE_MIN) continue
    for (const block of distinct) if (block !== OUTERMOST && op[block] !== codes.loop) landings.add(endOf[block] ?? 0)
  }
  const costs = new Int32Array(count + 1)
  const at = (i: number): number => costs[i] ?? 0
  /** Behind a branch: a loop's head charges by itself, and out of the function nothing follows. */
  const behind = (block: number): number =>
    block === OUTERMOST || op[block] === codes.loop ? 0 : at(endOf[block] ?? count)
  for (let i = count - 1; i >= 0; i--) costs[i] = costAt(i)
  return { costs, landings }

  function costAt(i: number): number {
    switch (op[i]) {
      case codes.loop:
        return 0
      case codes.block:
        return at(i + 1)
      case codes.if: {
        const otherwise = elseOf[i] ?? 0
        return 1 + Math.max(at(i + 1), otherwise > 0 ? at(otherwise + 1) : at(endOf[i] ?? count))
      }
      case codes.else:
        return at(endOf[i] ?? count)
      case codes.end:
        return i === count - 1 || landings.has(i) ? 0 : at(i + 1)
      case codes.br:
      case codes.brTable:
        return 1 + Math.max(...(targets.get(i) ?? []).map(behind))
      case codes.brIf:
        return 1 + Math.max(at(i + 1), ...(targets.get(i) ?? []).map(behind))
      case codes.return:
      case codes.unreachable:
        return 1
      default:
        return 1 + at(i + 1)
    }
  }
}

// ---- what is added

const helpers = (module: Module): Uint8Array[] => [
  bulk(module, [codes.prefix, prefixed.memoryCopy, 0, 0]),
  bulk(module, [codes.prefix, prefixed.memoryFill, 0]),
  growth(module),
  restoring(),
]

/** `memory.copy` or `memory.fill` of local 2 bytes to local 0: one a byte, and marks behind it, as of a store. */
function bulk({ fuel }: Module, op: readonly number[]): Uint8Array {
  const writer = new WasmWriter().u32(0)
  // More than there is traps anyway, and would be a negative price.
  trapIf(
    writer
      .op(codes.localGet, 2, codes.i32Const)
      .i32(PAGES_MAX * 65_536)
      .op(codes.i32GtU),
  )
  writer.op(codes.globalGet).u32(fuel).op(codes.localGet, 2, codes.i32Sub, codes.globalSet).u32(fuel)
  trapIf(writer.op(codes.globalGet).u32(fuel).op(codes.i32Const, 0, codes.i32LtS))
  writer.op(codes.localGet, 0, codes.localGet, 1, codes.localGet, 2).raw(op)
  // memory.fill(marks + (to >> 12), 1, ((to + n - 1) >> 12) - (to >> 12) + 1), where n > 0
  const page = [codes.i32Const, 12, codes.i32ShrU]
  writer.op(codes.localGet, 2, codes.if, NOTHING)
  writer.op(codes.localGet, 0, ...page, codes.i32Const, 1)
  writer.op(codes.localGet, 0, codes.localGet, 2, codes.i32Add, codes.i32Const, 1, codes.i32Sub, ...page)
  writer.op(codes.localGet, 0, ...page, codes.i32Sub, codes.i32Const, 1, codes.i32Add)
  return writer.op(codes.prefix, prefixed.memoryFill, 1, codes.end, codes.end).bytes
}

/** `memory.grow`: moves `pages` as far as the cap; -1 beyond it. */
function growth({ fuel, pages }: Module): Uint8Array {
  const writer = new WasmWriter().u32(0)
  const refuseAbove = (): WasmWriter =>
    writer
      .op(codes.i32Const)
      .i32(PAGES_MAX)
      .op(codes.i32GtU, codes.if, NOTHING, codes.i32Const)
      .i32(-1)
      .op(codes.return, codes.end)
  writer.op(codes.localGet, 0)
  refuseAbove()
  writer.op(codes.globalGet).u32(pages).op(codes.localGet, 0, codes.i32Add)
  refuseAbove()
  writer.op(codes.globalGet).u32(fuel).op(codes.localGet, 0, codes.i32Const, PAGE_SHIFT, codes.i32Shl, codes.i32Sub)
  writer.op(codes.globalSet).u32(fuel)
  writer.op(codes.globalGet).u32(pages).op(codes.globalGet).u32(pages)
  return writer.op(codes.localGet, 0, codes.i32Add, codes.globalSet).u32(pages).op(codes.end).bytes
}

/**
 * `restore()`: copies every marked page back from the image, and 8 bytes of the page behind it, since a store may
 * cross; gives how many were marked. Locals: 0 page, 1 count, 2 address.
 */
function restoring(): Uint8Array {
  const writer = new WasmWriter().u32(1).op(3, I32)
  const marked = (op: number, align: number): WasmWriter => writer.op(codes.localGet, 0).op(op, align | 0x40, 1, 0)
  // Eight marks at a time.
  writer.op(codes.loop, NOTHING)
  marked(codes.i64Load, 3).op(codes.i64Eqz, codes.i32Eqz, codes.if, NOTHING, codes.loop, NOTHING)
  marked(codes.i32Load8, 0).op(codes.if, NOTHING)
  writer.op(codes.localGet, 0, codes.i32Const, 12, codes.i32Shl, codes.localTee, 2)
  writer.op(codes.localGet, 2, codes.i32Const).i32(IMAGE_AT).op(codes.i32Add, codes.i32Const).i32(PAGE_BYTES)
  writer.op(codes.prefix, prefixed.memoryCopy, 0, 1)
  writer
    .op(codes.localGet, 0, codes.i32Const)
    .i32(PAGES - 1)
    .op(codes.i32LtS, codes.if, NOTHING)
  writer
    .op(codes.localGet, 2, codes.localGet, 2)
    .op(codes.i64Load, 0x40, 1)
    .u32(IMAGE_AT + PAGE_BYTES)
  writer.op(codes.i64Store, 0).u32(PAGE_BYTES).op(codes.end)
  writer.op(codes.localGet, 0, codes.i32Const, 0).op(codes.i32Store8, 0x40, 1, 0)
  writer.op(codes.localGet, 1, codes.i32Const, 1, codes.i32Add, codes.localSet, 1, codes.end)
  // The next page, as long as it is one of these eight.
  writer.op(codes.localGet, 0, codes.i32Const, 1, codes.i32Add, codes.localTee, 0)
  writer.op(codes.i32Const, 7, codes.i32And, codes.brIf, 0, codes.end, codes.else)
  writer.op(codes.localGet, 0, codes.i32Const, 8, codes.i32Add, codes.localSet, 0, codes.end)
  writer.op(codes.localGet, 0, codes.i32Const).i32(PAGES).op(codes.i32LtS, codes.brIf, 0, codes.end)
  return writer.op(codes.localGet, 1, codes.end).bytes
}
