/**
 * A manifest: what one checkpoint is made of, and that it follows another.
 *
 *     manifests/0000000041 ◀─ sha-256 ─ manifests/0000000042 {position, sessions, base, deltas, ...}
 *                                            base    parts/0000000000700000-0-<nonce>, -1-, ...
 *                                            deltas  parts/0000000000800000-0-<nonce> ...
 *
 * `position` is exclusive: the state of everything below it. A small state stands in the manifest itself. No part below
 * `oldestPart` is named, here or in any later manifest, so that is what may be collected. Keeps: C1, C3, C5.
 * Read next: `part.ts`, `writer.ts`, `reader.ts`.
 */
import { array, boolean, integer, is, nullable, optional, refine, string, tuple, type, type Infer } from 'superstruct'
import { Sealing, damagedBlob, open, readJson } from '../../log/archive/sealed.ts'
import { concat } from '../../log/bytes/bytes.ts'
import { sha256 } from '../../log/bytes/hash.ts'
import { SirtakiError } from '../../log/errors.ts'

const FORMAT = 1
export const MANIFESTS = 'manifests/'
export const PARTS = 'parts/'
/** Deltas of one manifest: beyond it another base is written. */
export const DELTAS_MAX = 16
/** A state whose part has at most so many bytes stands in the manifest: one request starts a client. */
export const INLINE_BYTES = 256 << 10

const position = refine(integer(), 'position', (value) => value >= 0)
const hash = refine(string(), 'hash', (value) => /^[0-9a-f]{64}$/.test(value))
const Part = type({ key: string(), sha256: hash, bytes: position, rows: position })
const Session = type({
  session: position,
  incarnation: position,
  space: integer(),
  next: position,
  name: string(),
  timeoutMs: position,
  ids: array(tuple([string(), string()])),
  types: array(tuple([string(), integer()])),
  process: string(),
  secretHash: optional(string()),
})
const Layer = type({ position, parts: array(Part), isInline: boolean() })
const Body = type({
  format: integer(),
  cluster: string(),
  space: integer(),
  n: position,
  position,
  /** The last entry below it, -1: none; and its log time. */
  played: refine(integer(), 'played', (value) => value >= -1),
  time: position,
  /** The highest that a token was of, so far. */
  epoch: position,
  wallOffset: integer(),
  nonce: string(),
  previous: nullable(type({ n: position, sha256: hash })),
  oldestPart: position,
  sessions: array(Session),
  skips: array(type({ position, object: string() })),
  types: array(tuple([string(), integer()])),
  digest: refine(string(), 'digest', (value) => /^[0-9a-f]{16}$/.test(value)),
  records: position,
  base: Layer,
  deltas: array(Layer),
})

/** One part: where, what it must hash to, how much it is. */
export type PartMark = Infer<typeof Part>
/** The parts of one base or one delta. `position`: of the checkpoint that wrote them. `isInline`: in the manifest. */
export type Layer = Infer<typeof Layer>
/** What one checkpoint is made of. */
export type ManifestBody = Omit<Infer<typeof Body>, 'format'>

/** A manifest as it is stored: with its hash, which the next one and the log name. */
export interface Manifest extends ManifestBody {
  readonly key: string
  readonly sha256: string
  /** The one part of a small state. */
  readonly inline: Uint8Array | undefined
}

/** The key of manifest `n`. */
export const manifestKey = (n: number): string => MANIFESTS + String(n).padStart(10, '0')
/** The number of a manifest by its key; `undefined` for the key of something else. */
export function manifestNumber(key: string): number | undefined {
  return /^manifests\/\d{10}$/.test(key) ? Number(key.slice(MANIFESTS.length)) : undefined
}
/** The key of a part. */
export const partKey = (at: number, number: number, nonce: string): string =>
  `${PARTS}${String(at).padStart(16, '0')}-${number}-${nonce}`
/** The position in the key of a part; `undefined` for the key of something else. */
export function partPosition(key: string): number | undefined {
  return /^parts\/\d{16}-\d+-[0-9a-f]+$/.test(key) ? Number(key.slice(PARTS.length, PARTS.length + 16)) : undefined
}

/** Bytes of the body in one piece of the blob: with many sessions it is larger than a piece may be. */
const BODY_PIECE_BYTES = 4 << 20

/** Puts a manifest into bytes. */
export function encodeManifest(body: ManifestBody, inline?: Uint8Array): Uint8Array {
  const { cluster, space, n, position: at } = body
  const json = new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...body }))
  const pieces = Math.ceil(json.byteLength / BODY_PIECE_BYTES)
  const sealing = new Sealing('SRTm', { cluster, space, n, position: at, kind: 'manifest', pieces })
  for (let from = 0; from < json.byteLength; from += BODY_PIECE_BYTES) {
    sealing.add(json.subarray(from, from + BODY_PIECE_BYTES))
  }
  if (inline !== undefined) sealing.add(inline)
  return sealing.done()
}

/**
 * Reads a manifest.
 *
 * @throws SirtakiError `DAMAGED`; `UNSUPPORTED` for a later format.
 */
export function decodeManifest(key: string, bytes: Uint8Array): Manifest {
  const { head, pieces } = open('SRTm', key, bytes)
  if (!is(head, type({ pieces: position }))) throw damagedBlob(key, 'its head does not say how long it is')
  const body = readBody(key, concat(pieces.slice(0, head.pieces)))
  const inline = pieces[head.pieces]
  if (key !== manifestKey(body.n)) throw damagedBlob(key, `it says that it is number ${body.n}`)
  const layers = [body.base, ...body.deltas]
  if (layers.some(({ isInline }) => isInline) && inline === undefined) throw damagedBlob(key, 'its part is not in it')
  return { ...body, key, sha256: sha256(bytes), inline }
}

function readBody(key: string, json: Uint8Array): ManifestBody {
  const body = readJson(key, json)
  if (is(body, type({ format: integer() })) && body.format > FORMAT) {
    throw new SirtakiError('UNSUPPORTED', `the manifest ${key} has format ${body.format}, this is ${FORMAT}: upgrade`, {
      facts: { key },
    })
  }
  if (!is(body, Body)) throw damagedBlob(key, 'it is no manifest')
  const { format: _, ...rest } = body
  return rest
}
