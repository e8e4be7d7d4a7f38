/**
 * Reads checkpoints: the newest that verifies, whole or not at all.
 *
 *     list manifests ─ newest ─ verify ─ parts, some at a time ─ verify each ─ state
 *                        └ damaged, or a part of it: noted, and the one before it
 *
 * What was collected while it was read begins anew: a newer manifest is there then. Keeps: C3, C4, P28. Read next:
 * `manifest.ts`, `stored-state.ts`, `writer.ts`.
 */
import type { BlobOptions, Blobs } from '../../log/archive/blobs.ts'
import type { Lineage } from '../../log/archive/incarnations.ts'
import { damagedBlob } from '../../log/archive/sealed.ts'
import { sha256 } from '../../log/bytes/hash.ts'
import { SirtakiError, asError, isError } from '../../log/errors.ts'
import type { Clock } from '../../log/ports.ts'
import type { SpaceSnapshot } from '../runtime/snapshot.ts'
import type { StoredSpace } from '../runtime/stored-space.ts'
import { MANIFESTS, decodeManifest, manifestNumber, type Manifest, type PartMark } from './manifest.ts'
import { readPart } from './part.ts'
import { StoredState } from './stored-state.ts'

/** Parts that are fetched at a time. */
const PARTS_AT_A_TIME = 4
/** How often a reader begins anew because what it reads was collected. */
const ROUNDS_MAX = 3

/** With what checkpoints are read. */
export interface Reading extends BlobOptions {
  /** Whose checkpoints they are. */
  readonly lineage: Lineage
  readonly space: number
  readonly blobs: Blobs
  readonly clock: Clock
  /** Called with what is passed over, and why. */
  readonly passedOver?: ((error: SirtakiError) => void) | undefined
}

/** A checkpoint, read. */
export interface Checkpoint {
  readonly manifest: Manifest
  readonly snapshot: SpaceSnapshot
}

/** Keys of all manifests, the newest first. @throws as `Blobs.list`. */
export async function manifestKeys({ blobs, ...options }: Pick<Reading, 'blobs'> & BlobOptions): Promise<string[]> {
  const keys = await blobs.list(MANIFESTS, options)
  return keys.filter((key) => manifestNumber(key) !== undefined).toReversed()
}

/**
 * Reads one manifest; `undefined`: there is none under that key.
 *
 * @throws SirtakiError `DAMAGED`, `UNSUPPORTED`; `WRONG_CLUSTER` where it is another cluster's; as `Blobs.get`.
 */
export async function readManifest(
  { blobs, lineage, space, ...options }: Omit<Reading, 'clock' | 'passedOver'>,
  key: string,
): Promise<Manifest | undefined> {
  const bytes = await blobs.get(key, options)
  if (bytes === undefined) return undefined
  const manifest = decodeManifest(key, bytes)
  const { cluster, position } = manifest
  if (!lineage.knows(cluster)) {
    throw new SirtakiError(
      'WRONG_CLUSTER',
      `the blobs at ${blobs.address} are those of cluster ${cluster}, this is ${lineage.cluster}: name another prefix`,
      { facts: { address: blobs.address, cluster } },
    )
  }
  if (!lineage.hasState(cluster, position)) {
    const late = `cluster ${cluster} wrote ${key} at position ${position}, after another one was restored from here`
    throw new SirtakiError('DAMAGED', late, { facts: { key, late: true } })
  }
  if (manifest.space !== space) throw damagedBlob(key, `it is of space ${manifest.space}`)
  return manifest
}

/** All manifests, the newest first; without one where it is damaged, which is noted. @throws as `readManifest`. */
export async function listManifests(
  reading: Reading,
): Promise<{ readonly key: string; readonly manifest: Manifest | undefined }[]> {
  const all: { readonly key: string; readonly manifest: Manifest | undefined }[] = []
  for (const key of await manifestKeys(reading)) {
    all.push({ key, manifest: await verified(reading, () => readManifest(reading, key)) })
  }
  return all
}

/**
 * What the next manifest follows: the newest that verifies, and the highest number that one has, damaged or not.
 *
 * @throws as `readManifest`.
 */
export async function manifestToExtend(
  reading: Reading,
): Promise<{ readonly previous: Manifest | undefined; readonly last: number }> {
  const keys = await manifestKeys(reading)
  const last = manifestNumber(keys[0] ?? '') ?? 0
  for (const key of keys) {
    const previous = await verified(reading, () => readManifest(reading, key))
    if (previous !== undefined) return { previous, last }
  }
  return { previous: undefined, last }
}

/**
 * The newest checkpoint that verifies with all its parts, of those at or below `before` where that is given;
 * `undefined`: there is none.
 *
 * @throws SirtakiError `DAMAGED` where there are some, and none can be read; `WRONG_CLUSTER`, `UNSUPPORTED`; as
 *   `Blobs.get`.
 */
export async function readCheckpoint(reading: Reading, before = Infinity): Promise<Checkpoint | undefined> {
  for (let round = 1; ; round++) {
    const damaged: SirtakiError[] = []
    const noting = { ...reading, passedOver: (error: SirtakiError) => damaged.push(error) }
    for (const key of await manifestKeys(reading)) {
      const manifest = await verified(noting, () => listedManifest(reading, key))
      if (manifest === undefined || manifest.position > before) continue
      const snapshot = await verified(noting, () => readState(reading, manifest))
      if (snapshot === undefined) continue
      for (const error of damaged) reading.passedOver?.(error)
      return { manifest, snapshot }
    }
    const [first] = damaged
    if (first === undefined) return undefined
    if (round >= ROUNDS_MAX) throw first
  }
}

/** A checkpoint as a view begins with it. */
export const storedOf = ({ manifest: { position, skips }, snapshot }: Checkpoint): StoredSpace => ({
  position,
  snapshot,
  skips,
})

/** One that was listed: where it was collected since, there is a newer one. @throws as `readManifest`. */
async function listedManifest(reading: Reading, key: string): Promise<Manifest> {
  const manifest = await readManifest(reading, key)
  if (manifest === undefined) throw damagedBlob(key, 'it is not there any more')
  return manifest
}

/** What `read` gives; `undefined` where it is damaged, which is noted. */
async function verified<T>({ passedOver }: Reading, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (thrown) {
    if (!isError(thrown, 'DAMAGED')) throw thrown
    passedOver?.(asError(thrown))
    return undefined
  }
}

/** Reads the state that a manifest names. @throws SirtakiError `DAMAGED` where a part of it is, or is not there. */
export async function readState(reading: Reading, manifest: Manifest): Promise<SpaceSnapshot> {
  const state = new StoredState()
  for (const layer of [manifest.base, ...manifest.deltas]) {
    const { parts, isInline } = layer
    const into = { state, isDelta: layer !== manifest.base }
    if (isInline && manifest.inline !== undefined) await addPart(reading, into, manifest.key, manifest.inline)
    for (let from = 0; from < parts.length; from += PARTS_AT_A_TIME) {
      const some = parts.slice(from, from + PARTS_AT_A_TIME)
      const fetched = await Promise.all(some.map((part) => fetchPart(reading, part)))
      for (const [i, bytes] of fetched.entries()) await addPart(reading, into, some[i]?.key ?? '', bytes)
    }
  }
  if (state.records !== manifest.records) {
    throw damagedBlob(manifest.key, `its parts have ${state.records} records, not ${manifest.records}`)
  }
  const { played, time, epoch, sessions } = manifest
  return state.snapshot({ position: played, time, epoch, sessions })
}

/** Whether all parts that a manifest names are there, and what it says. @throws as `Blobs.get`. */
export async function isWhole(reading: Reading, { base, deltas }: Manifest): Promise<boolean> {
  const parts = [base, ...deltas].flatMap((layer) => layer.parts)
  for (let from = 0; from < parts.length; from += PARTS_AT_A_TIME) {
    const some = parts.slice(from, from + PARTS_AT_A_TIME)
    const found = await Promise.all(some.map((part) => verified(reading, () => fetchPart(reading, part))))
    if (found.includes(undefined)) return false
  }
  return true
}

async function fetchPart({ blobs, ...options }: Reading, { key, sha256: hash }: PartMark): Promise<Uint8Array> {
  const bytes = await blobs.get(key, options)
  if (bytes === undefined) throw damagedBlob(key, 'it is not there')
  if (sha256(bytes) !== hash) throw damagedBlob(key, 'it is not what its manifest says')
  return bytes
}

interface Into {
  readonly state: StoredState
  readonly isDelta: boolean
}

/** Adds a part piece by piece: other work has its turns in between. */
async function addPart({ clock }: Reading, { state, isDelta }: Into, key: string, bytes: Uint8Array): Promise<void> {
  for (const rows of readPart(key, bytes)) {
    state.add(rows, isDelta)
    await new Promise<void>((resolve) => {
      clock.turn(resolve)
    })
  }
}
