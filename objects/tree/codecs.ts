/**
 * What a program gets of the bytes of a node, and what it gives for them: JSON, text, or the bytes.
 *
 * In every codec a node without data is `undefined`. Owns no state. Read next: `tree.ts`.
 */
import { SirtakiError } from '../../log/errors.ts'
import { canonical, type Value } from '../runtime/values.ts'

/** What the values of each codec are. */
export interface TreeValues {
  readonly json: Value
  readonly text: string
  readonly bytes: Uint8Array
}
/** How data are read and written. */
export type TreeCodec = keyof TreeValues

/** One codec. */
export interface Codec<V> {
  readonly name: TreeCodec
  /** @throws SirtakiError `BAD_ARGUMENT`. */
  encode(value: V): Uint8Array
  /** `undefined`: no value, as in empty data that hold no JSON. @throws whatever a parser throws. */
  decode(bytes: Uint8Array): V | undefined
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** All codecs by name. */
export const codecs: { readonly [C in TreeCodec]: Codec<TreeValues[C]> } = {
  json: {
    name: 'json',
    encode: (value) => encoder.encode(JSON.stringify(canonical(value))),
    // The nodes that every tree has, and many that ZooKeeper's programs make, have empty data.
    decode: (bytes) => (bytes.length === 0 ? undefined : parsed(decoder.decode(bytes))),
  },
  text: {
    name: 'text',
    encode: (value) => encoder.encode(canonical(value)),
    decode: (bytes) => decoder.decode(bytes),
  },
  bytes: { name: 'bytes', encode: (value) => value, decode: (bytes) => bytes },
}

/** Bytes as a value. @throws SirtakiError `DATA_UNREADABLE`. */
export function valueOf<V>(codec: Codec<V>, path: string, data: Uint8Array | null): V | undefined {
  if (data === null) return undefined
  try {
    return codec.decode(data)
  } catch (cause) {
    throw new SirtakiError('DATA_UNREADABLE', `the ${data.length} bytes of ${path} are no ${codec.name}`, {
      cause,
      facts: { path, codec: codec.name, bytes: data.length },
    })
  }
}

/** A value as bytes; null where there is none. @throws SirtakiError `BAD_ARGUMENT`. */
export const dataOf = <V>(codec: Codec<V>, value: V | undefined): Uint8Array | null =>
  value === undefined ? null : codec.encode(value)

function parsed(text: string): Value
function parsed(text: string): unknown {
  return JSON.parse(text)
}
