/**
 * The instructions of one function, decoded as far as the metering pass needs them: what they are, where they stand, to
 * which block a branch goes.
 *
 * What is not known here is refused, so that nothing runs unmetered: SIMD, atomics, exceptions, tail calls,
 * `memory.init`. Read next: `meter.ts`.
 * @source WebAssembly Core Specification 2.0, 5.4 (instructions).
 */
import { WasmReader, refused } from './wasm-bytes.ts'

/** Opcodes by name. */
export const codes = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  i64Load: 0x29,
  i32Load8: 0x2d,
  i32Store: 0x36,
  i64Store: 0x37,
  f32Store: 0x38,
  f64Store: 0x39,
  i32Store8: 0x3a,
  i32Store16: 0x3b,
  i64Store32: 0x3e,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Eqz: 0x50,
  i32Eqz: 0x45,
  i32LtS: 0x48,
  i32GtS: 0x4a,
  i32GtU: 0x4b,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32And: 0x71,
  i32Shl: 0x74,
  i32ShrU: 0x76,
  prefix: 0xfc,
} as const
/** Behind the prefix. */
export const prefixed = { memoryCopy: 10, memoryFill: 11 } as const

/** The body of the function itself, as the target of a branch. */
export const OUTERMOST = -1

/** One function's instructions, by number; the last one is the `end` of its body. */
export interface Instructions {
  readonly count: number
  readonly op: readonly number[]
  /** Where each begins; one more for where the last ends. */
  readonly at: readonly number[]
  /** For `block`, `loop`, `if` and `else`: the number of its `end`. */
  readonly endOf: readonly number[]
  /** For `if`: the number of its `else`; 0 where it has none. */
  readonly elseOf: readonly number[]
  /** For branches: the numbers of the blocks that they go to; `OUTERMOST`: out of the function. */
  readonly targets: ReadonlyMap<number, readonly number[]>
  readonly hasCall: boolean
}

/** Decodes bytes[from, to). @throws SirtakiError `UNSUPPORTED`. */
export function decodeInstructions(bytes: Uint8Array, from: number, to: number): Instructions {
  const reader = new WasmReader(bytes, from)
  const [op, at, endOf, elseOf]: [number[], number[], number[], number[]] = [[], [], [], []]
  const targets = new Map<number, number[]>()
  const open: number[] = []
  let hasCall = false
  const target = (label: number): number => open[open.length - 1 - label] ?? OUTERMOST
  while (reader.at < to) {
    const i = op.length
    at.push(reader.at)
    const code = reader.u8()
    op.push(code)
    endOf.push(0)
    elseOf.push(0)
    switch (code) {
      case codes.block:
      case codes.loop:
      case codes.if:
        blockType(reader)
        open.push(i)
        break
      case codes.else:
        elseOf[open.at(-1) ?? 0] = i
        break
      case codes.end: {
        const begun = open.pop()
        if (begun === undefined) break
        endOf[begun] = i
        const otherwise = elseOf[begun] ?? 0
        if (otherwise > 0) endOf[otherwise] = i
        break
      }
      case codes.br:
      case codes.brIf:
        targets.set(i, [target(reader.u32())])
        break
      case codes.brTable: {
        const labels = Array.from({ length: reader.u32() + 1 }, () => reader.u32())
        targets.set(i, labels.map(target))
        break
      }
      case codes.call:
      case codes.callIndirect:
        hasCall = true
        passOver(reader, code)
        break
      default:
        passOver(reader, code)
    }
  }
  at.push(reader.at)
  if (reader.at !== to || op.at(-1) !== codes.end) throw refused('a function does not end with its bytes')
  return { count: op.length, op, at, endOf, elseOf, targets, hasCall }
}

function blockType(reader: WasmReader): void {
  const first = reader.bytes[reader.at] ?? 0
  if (first === 0x40 || (first >= 0x6f && first <= 0x7f)) reader.u8()
  else throw refused('a block takes or gives several values')
}

/** Passes over what follows an opcode. */
function passOver(reader: WasmReader, code: number): void {
  if (code === codes.unreachable || code === codes.return || code === 0x01) return
  if (code === 0x1a || code === 0x1b || code === 0xd1 || (code >= codes.i32Eqz && code <= 0xc4)) return
  if (code === codes.call || (code >= 0x20 && code <= 0x26) || code === 0xd2) reader.u32()
  else if (code === codes.callIndirect || (code >= 0x28 && code <= codes.i64Store32)) {
    reader.u32()
    reader.u32()
  } else if (code === 0x1c) reader.raw(reader.u32())
  else if (code === codes.memorySize || code === codes.memoryGrow || code === 0xd0) reader.u8()
  else if (code === codes.i32Const || code === 0x42) reader.signed()
  else if (code === 0x43) reader.raw(4)
  else if (code === 0x44) reader.raw(8)
  else if (code === codes.prefix) passOverPrefixed(reader)
  else throw refused(`instruction 0x${code.toString(16)} is not known`)
}

/** Saturating conversions, `memory.copy` and `memory.fill`. */
function passOverPrefixed(reader: WasmReader): void {
  const code = reader.u32()
  if (code === prefixed.memoryCopy) reader.raw(2)
  else if (code === prefixed.memoryFill) reader.raw(1)
  else if (code > 7) throw refused(`instruction 0xfc ${code} is not known`)
}
