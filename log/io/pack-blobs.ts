/**
 * A pack: blobs in one file, for reading. What `sirtaki log export` writes and `sirtaki replay FILE` mounts.
 *
 *     0      4    5
 *     |SRTx| v  | (key bytes u16 | bytes u32 | key | blob) * | sha-256 of all before |
 *
 * It is read whole, and bounded by what a bug report may be. Keeps: C3 (one that was cut or changed is damage). Read
 * next: `../archive/blob-store.ts`, `../../objects/past/export.ts`.
 */
import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { PAGE_KEYS, type BlobPage, type BlobStore } from '../archive/blob-store.ts'
import { damagedBlob } from '../archive/sealed.ts'
import { sameBytes, setU32, u32At } from '../bytes/bytes.ts'
import { SirtakiError } from '../errors.ts'

const NAME = 'SRTx'
const VERSION = 1
const HEAD = 5
const SUM = 32
/** Bytes of a pack. */
export const PACK_MAX = 1 << 30

/** A blob with its key. */
export type PackedBlob = readonly [key: string, bytes: Uint8Array]

/**
 * Writes a pack: beside its place first, so that a stopped one leaves nothing that looks whole.
 *
 * @throws SirtakiError `IO`, `OVERSIZE`.
 */
export async function writePack(path: string, blobs: AsyncIterable<PackedBlob>): Promise<number> {
  const beside = `${path}.${process.pid}`
  const file = opened(beside)
  const hash = createHash('sha256')
  let bytes = 0
  const write = (piece: Uint8Array): void => {
    hash.update(piece)
    writeSync(file, piece)
    bytes += piece.byteLength
  }
  try {
    write(Buffer.concat([Buffer.from(NAME), Uint8Array.of(VERSION)]))
    for await (const [key, blob] of blobs) {
      const name = Buffer.from(key)
      const head = new Uint8Array(6)
      head[0] = name.byteLength & 255
      head[1] = name.byteLength >> 8
      setU32(head, 2, blob.byteLength)
      for (const piece of [head, name, blob]) write(piece)
      if (bytes > PACK_MAX) throw new SirtakiError('OVERSIZE', `a pack has ${PACK_MAX} bytes at most: export a part`)
    }
    writeSync(file, hash.digest())
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(beside, path)
  return bytes + SUM
}

function opened(path: string): number {
  try {
    return openSync(path, 'w')
  } catch (cause) {
    throw new SirtakiError('IO', `${path} cannot be written`, { cause, facts: { path } })
  }
}

/**
 * Opens a pack as a store that can be read.
 *
 * @throws SirtakiError `IO` where it cannot be read; `DAMAGED` where it was cut or changed, or is none; `UNSUPPORTED`
 *   of a later version.
 */
export function openPack(path: string): BlobStore {
  const blobs = readPack(path)
  const keys = [...blobs.keys()].sort()
  const readOnly = (): Promise<never> =>
    Promise.reject(new SirtakiError('UNSUPPORTED', `${path} is a pack, which can be read only`))
  return {
    address: `pack:${path}`,
    put: readOnly,
    putNew: readOnly,
    remove: readOnly,
    get: (key) => Promise.resolve(blobs.get(key)?.slice()),
    list: (prefix, after): Promise<BlobPage> => {
      const all = keys.filter((key) => key.startsWith(prefix) && key > after)
      return Promise.resolve({ keys: all.slice(0, PAGE_KEYS), isLast: all.length <= PAGE_KEYS })
    },
    close: () => undefined,
  }
}

function readPack(path: string): Map<string, Uint8Array> {
  const bytes = contentOf(path)
  const end = bytes.byteLength - SUM
  const damaged = (reason: string): SirtakiError => damagedBlob(path, reason)
  if (end < HEAD || bytes.subarray(0, 4).toString() !== NAME) throw damaged('it is no export, or was cut')
  if (bytes[4] !== VERSION) {
    throw new SirtakiError('UNSUPPORTED', `${path} has format version ${bytes[4]}, this is ${VERSION}: upgrade`)
  }
  const sum = createHash('sha256').update(bytes.subarray(0, end)).digest()
  if (!sameBytes(sum, bytes.subarray(end))) throw damaged('its sum is wrong: it was cut or changed')
  const blobs = new Map<string, Uint8Array>()
  for (let at = HEAD; at < end;) {
    const [name, blob] = [(bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8), u32At(bytes, at + 2)]
    const from = at + 6 + name
    blobs.set(bytes.subarray(at + 6, from).toString(), bytes.subarray(from, from + blob))
    at = from + blob
  }
  return blobs
}

function contentOf(path: string): Buffer {
  try {
    if (statSync(path).size > PACK_MAX + SUM) throw new Error(`it has more than ${PACK_MAX} bytes`)
    return readFileSync(path)
  } catch (cause) {
    throw new SirtakiError('IO', `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
      facts: { path },
    })
  }
}
