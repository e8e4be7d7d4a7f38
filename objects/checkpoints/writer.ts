/**
 * Writes one checkpoint: parts, each read back, then the manifest under the next number, read back too.
 *
 *     state in one turn ─ rows ─ pieces, with pauses ─ parts ─ read back ─ manifest n + 1 ─ read back
 *                                                                  └ somebody else's n + 1 is there: CONFLICT
 *
 * A crash anywhere leaves the checkpoints before it as they were, and parts that no manifest names. Keeps: C1, C3, C5.
 * Read next: `part.ts`, `manifest.ts`, `reader.ts`.
 */
import type { Blobs } from '../../log/archive/blobs.ts'
import { damagedBlob } from '../../log/archive/sealed.ts'
import { sha256 } from '../../log/bytes/hash.ts'
import { pause } from '../../log/cluster/retry.ts'
import { SirtakiError, invariant } from '../../log/errors.ts'
import type { Ports } from '../../log/ports.ts'
import type { Row } from '../runtime/row.ts'
import type { SpaceSnapshot } from '../runtime/snapshot.ts'
import {
  DELTAS_MAX,
  INLINE_BYTES,
  decodeManifest,
  encodeManifest,
  manifestKey,
  partKey,
  type Layer,
  type Manifest,
  type ManifestBody,
  type PartMark,
} from './manifest.ts'
import { PartWriter, type PartHead, type RowPlace } from './part.ts'

/** A base is written anew where the deltas have more than this part of its bytes. */
const DELTAS_OF_BASE = 0.3
/** Bytes of parts a second: what the writer of a large state takes of its process and of the network. */
export const BYTES_PER_SECOND = 20 << 20

/** A row to be written, or that there is none any more. */
export type WrittenRow = readonly [place: RowPlace, key: string, row: Row<unknown> | undefined]

/** What a space is at one position. */
export interface CheckpointState extends Pick<ManifestBody, 'position' | 'wallOffset' | 'skips' | 'types' | 'digest'> {
  readonly snapshot: SpaceSnapshot
  /** The records that differ from those of the manifest that is extended; absent: nobody knows. */
  readonly changes?: readonly WrittenRow[] | undefined
}

/** With what it is written. */
export interface Writing {
  readonly cluster: string
  readonly space: number
  readonly blobs: Blobs
  readonly ports: Pick<Ports, 'clock' | 'random' | 'failpoint'>
  readonly bytesPerSecond?: number | undefined
  /** A state of at most so many bytes stands in the manifest. */
  readonly inlineBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Writes a checkpoint that extends `previous`; settles with its manifest. `last`: the highest number that some manifest
 * has, which may be a damaged one.
 *
 * @throws SirtakiError `CONFLICT` where another one has that number; `DAMAGED` where the store does not give back what
 *   it took; as `Blobs.put`.
 */
export async function writeCheckpoint(
  writing: Writing,
  state: CheckpointState,
  { previous, last = 0 }: { readonly previous: Manifest | undefined; readonly last?: number | undefined },
): Promise<Manifest> {
  const { position } = state
  invariant(previous === undefined || previous.position < position, 'C5', { position, previous: previous?.position })
  const nonce = writing.ports.random.id()
  const isDelta = previous !== undefined && state.changes !== undefined && hasRoom(previous)
  const rows = isDelta ? (state.changes ?? []) : rowsOf(state.snapshot)
  const written = await writeLayer(writing, { position, kind: isDelta ? 'delta' : 'base', nonce }, rows)
  const layers = isDelta
    ? { base: previous.base, deltas: [...previous.deltas, written.layer] }
    : { base: written.layer, deltas: [] }
  const body: ManifestBody = {
    cluster: writing.cluster,
    space: writing.space,
    n: Math.max(previous?.n ?? 0, last) + 1,
    position,
    played: state.snapshot.position,
    time: state.snapshot.time,
    epoch: state.snapshot.epoch,
    wallOffset: state.wallOffset,
    nonce,
    previous: previous === undefined ? null : { n: previous.n, sha256: previous.sha256 },
    oldestPart: layers.base.position,
    sessions: state.snapshot.sessions.map((session) => ({
      // Its fields keep their order, which the digest knows.
      ...session,
      ids: session.ids.map(([scheme, id]) => [scheme, id]),
      types: session.types.map(([name, version]) => [name, version]),
    })),
    skips: state.skips,
    types: state.types,
    digest: state.digest,
    records: state.snapshot.objects.reduce(
      (sum, { tables }) => sum + tables.reduce((all, one) => all + one.keys.length, 0),
      0,
    ),
    ...layers,
  }
  return putManifest(writing, body, written.inline)
}

/** Whether a delta may extend a manifest. A part that stands in the manifest cannot be named by another one. */
function hasRoom({ base, deltas }: Manifest): boolean {
  if (deltas.length >= DELTAS_MAX || [base, ...deltas].some(({ isInline }) => isInline)) return false
  const bytesOf = ({ parts }: Layer): number => parts.reduce((sum, { bytes }) => sum + bytes, 0)
  return deltas.reduce((sum, delta) => sum + bytesOf(delta), 0) <= DELTAS_OF_BASE * bytesOf(base)
}

function* rowsOf({ objects }: SpaceSnapshot): Generator<WrittenRow, void, undefined> {
  for (const { path: object, type, version, tables } of objects) {
    for (const { table, keys, rows } of tables) {
      const place: RowPlace = { object, type, version, table }
      for (const [i, key] of keys.entries()) yield [place, key, rows[i]]
    }
  }
}

/** Writes the parts of a base or a delta, slice by slice. A base that is small enough is not stored by itself. */
async function writeLayer(
  writing: Writing,
  { nonce, ...layer }: Pick<PartHead, 'position' | 'kind'> & { readonly nonce: string },
  rows: Iterable<WrittenRow>,
): Promise<{ readonly layer: Layer; readonly inline: Uint8Array | undefined }> {
  const { cluster, space, signal, ports, inlineBytes = INLINE_BYTES } = writing
  const { position, kind } = layer
  const head: PartHead = { cluster, space, position, kind }
  const rate = new Rate(ports.clock, writing.bytesPerSecond ?? BYTES_PER_SECOND)
  const parts: PartMark[] = []
  const store = async (part: PartWriter): Promise<void> => {
    parts.push(await storePart(writing, partKey(position, parts.length, nonce), part.done(), part.rows))
  }
  let part = new PartWriter(head)
  for (const [place, key, row] of rows) {
    if (!part.add(place, key, row)) continue
    await rate.passed(part.bytes, signal)
    if (!part.isFull) continue
    await store(part)
    rate.next()
    part = new PartWriter(head)
  }
  if (parts.length === 0 && kind === 'base') {
    const only = part.done()
    if (only.byteLength <= inlineBytes) return { layer: { position, parts, isInline: true }, inline: only }
    parts.push(await storePart(writing, partKey(position, 0, nonce), only, part.rows))
  } else if (part.rows > 0) await store(part)
  return { layer: { position, parts, isInline: false }, inline: undefined }
}

/** Stores a part and reads it back. @throws SirtakiError `DAMAGED`. */
async function storePart(
  { blobs, ports, signal }: Writing,
  key: string,
  bytes: Uint8Array,
  rows: number,
): Promise<PartMark> {
  const hash = sha256(bytes)
  await blobs.put(key, bytes, { signal })
  const back = await blobs.get(key, { signal })
  if (back === undefined || sha256(back) !== hash) throw damagedBlob(key, 'the store did not give back what it took')
  ports.failpoint?.('checkpoint.part', { key })
  return { key, sha256: hash, bytes: bytes.byteLength, rows }
}

async function putManifest(
  { blobs, ports, signal }: Writing,
  body: ManifestBody,
  inline: Uint8Array | undefined,
): Promise<Manifest> {
  const key = manifestKey(body.n)
  const bytes = encodeManifest(body, inline)
  if (!(await blobs.putNew(key, bytes, { signal }))) {
    throw new SirtakiError('CONFLICT', `another checkpoint has the number ${body.n}: somebody else writes them too`, {
      facts: { n: body.n, position: body.position },
      next: 'stop',
    })
  }
  const back = await blobs.get(key, { signal })
  if (back === undefined) throw damagedBlob(key, 'the store did not give back what it took')
  const manifest = decodeManifest(key, back)
  if (manifest.sha256 !== sha256(bytes)) throw damagedBlob(key, 'the store did not give back what it took')
  ports.failpoint?.('checkpoint.manifest', { n: body.n, position: body.position, sha256: manifest.sha256 })
  return manifest
}

/** Keeps bytes a second below a bound, and gives other work its turns. */
class Rate {
  readonly #clock: Ports['clock']
  readonly #bytesPerSecond: number
  #seen = 0

  constructor(clock: Ports['clock'], bytesPerSecond: number) {
    this.#clock = clock
    this.#bytesPerSecond = bytesPerSecond
  }

  /** Waits as long as the bytes since the last call take. `bytes`: of this part so far. */
  async passed(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const more = bytes - this.#seen
    this.#seen = bytes
    await pause(this.#clock, (more / this.#bytesPerSecond) * 1_000, signal)
  }

  /** Another part begins. */
  next(): void {
    this.#seen = 0
  }
}
