/**
 * The blob store of a simulated run: slow, at times unreachable, with answers that are lost and manifests that rot.
 *
 * What is stored is judged as it comes: C5 (numbers and positions of manifests only grow; what a manifest names, or the
 * newest two, is never removed), C4 (a manifest has the digest of the views at its position), C1 and C2 (behind a trim
 * there is a checkpoint that can be read). Read next: `sim-sessions.ts`, `../../log/archive/blob-store.ts`.
 */
import { PAGE_KEYS, type BlobPage, type BlobStore, type BlobTry } from '../../log/archive/blob-store.ts'
import { Lineage } from '../../log/archive/incarnations.ts'
import { decodeRange, rangeEnd } from '../../log/archive/range.ts'
import { open } from '../../log/archive/sealed.ts'
import { sha256 } from '../../log/bytes/hash.ts'
import { SirtakiError } from '../../log/errors.ts'
import { limits } from '../../log/limits.ts'
import { decodeManifest, manifestNumber, type Manifest } from '../../objects/checkpoints/manifest.ts'
import type { Checker } from './checker.ts'
import type { Prng } from './prng.ts'
import type { SimProcess, Simulator } from './simulator.ts'

/** How a store behaves. Chances from 0 to 1. */
export interface BlobMix {
  readonly delayMs: number
  /** That a request never comes, or is done and its answer never comes. */
  readonly lost: number
  /** Nobody is answered from `at` on for so long. */
  readonly down: { readonly at: number; readonly ms: number } | undefined
  /** That a manifest rots once the next one is there. */
  readonly rot: number
}

/** What is in the store, for all processes of a run. */
export class SimBlobs {
  readonly #world: Simulator
  readonly #prng: Prng
  readonly #mix: BlobMix
  readonly #checker: Checker
  readonly #digestAt: (position: number) => string | undefined
  readonly #blobs = new Map<string, Uint8Array>()
  readonly #startedAt: number
  /** Numbers of manifests that were put once, and of those that came late: they were put again when they were gone. */
  readonly #numbers = new Set<number>()
  readonly #late = new Set<number>()
  #rotted = 0

  constructor(
    world: Simulator,
    prng: Prng,
    mix: BlobMix,
    { checker, digestAt }: { readonly checker: Checker; digestAt(position: number): string | undefined },
  ) {
    this.#world = world
    this.#prng = prng
    this.#mix = mix
    this.#checker = checker
    this.#digestAt = digestAt
    this.#startedAt = world.now
  }

  /** The store as one process sees it. */
  of(process: SimProcess, failed: (thrown: unknown) => void): BlobStore {
    const ask = <T>(run: () => T, { signal }: BlobTry): Promise<T> => this.#ask(process, run, signal, failed)
    return {
      address: 'sim:blobs',
      put: (key, bytes, options) => ask(() => this.#put(key, bytes), options),
      putNew: (key, bytes, options) =>
        ask(() => {
          if (this.#blobs.has(key)) return false
          this.#put(key, bytes)
          return true
        }, options),
      get: (key, options) => ask(() => this.#blobs.get(key)?.slice(), options),
      list: (prefix, after, options) => ask(() => this.#list(prefix, after), options),
      remove: (key, options) => ask(() => this.#remove(key), options),
      close: () => undefined,
    }
  }

  /** A trim was decided: what takes the place of the log below `before` must be there. */
  trimmed(before: number): void {
    const whole = this.#manifests().filter((one) => one.position >= before && this.#isWhole(one))
    if (whole.length > 0) return
    this.#checker.fail('C2', `the log is trimmed below ${before}, and no checkpoint from there on can be read`)
  }

  #ask<T>(process: SimProcess, run: () => T, signal: AbortSignal, failed: (thrown: unknown) => void): Promise<T> {
    const { delayMs, lost, down } = this.#mix
    const prng = this.#prng
    const there = prng.next() * delayMs
    const back = prng.next() * delayMs
    const fate = prng.chance(lost) ? prng.pick(['request', 'answer'] as const) : undefined
    const { generation } = process
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new SirtakiError('ABORTED', 'given up'))
      })
      this.#world.schedule(there, undefined, () => {
        const sinceStart = this.#world.now - this.#startedAt
        const isDown = down !== undefined && sinceStart >= down.at && sinceStart < down.at + down.ms
        if (isDown || fate === 'request') return
        let done: T
        try {
          done = run()
        } catch (thrown) {
          failed(thrown)
          return
        }
        if (fate === 'answer') return
        this.#world.schedule(back, process, () => {
          if (process.generation === generation) resolve(done)
        })
      })
    })
  }

  #put(key: string, bytes: Uint8Array): void {
    if (manifestNumber(key) !== undefined && !this.#blobs.has(key)) this.#judge(decodeManifest(key, bytes))
    if (rangeEnd(key) !== undefined) this.#judgeRange(key, bytes)
    this.#blobs.set(key, bytes.slice())
  }

  /** The log takes a note of a checkpoint. */
  noted(n: number): void {
    if (this.#late.has(n)) this.#checker.fail('C5', `checkpoint ${n} is noted, which came when that number was gone`)
  }

  #judge({ n, position, played, digest }: Manifest): void {
    const higher = this.#manifests().find((other) => other.n >= n || other.position > position)
    // A writer that was stopped may come when its number was put, noted and collected: nobody takes a note of it then.
    if (higher !== undefined && this.#numbers.has(n)) this.#late.add(n)
    else if (higher !== undefined) {
      this.#checker.fail(
        'C5',
        `checkpoint ${n} at ${position} is put where there is ${higher.n} at ${higher.position} already`,
      )
    }
    this.#numbers.add(n)
    const known = this.#digestAt(played)
    if (known !== undefined && known !== digest) {
      this.#checker.fail('C4', `checkpoint ${n} says digest ${digest} at ${played}, views had ${known} there`)
    }
    this.#decay(n)
  }

  /** C2, L4: a range has what was decided in it, all of it and nothing else. */
  #judgeRange(key: string, bytes: Uint8Array): void {
    const { from, to, entries } = decodeRange(key, bytes, { lineage: Lineage.of(this.#clusterOf(bytes)), limits })
    const hashes = new Map(entries.map(({ position, hash }) => [position, hash]))
    for (let position = from; position < to; position++) {
      const decided = this.#checker.decided.get(position)
      const hash = hashes.get(position)
      if (decided === undefined) this.#checker.fail('C2', `position ${position} was archived before it was decided`)
      else if (decided.kind === 'data' ? decided.hash !== hash : hash !== undefined) {
        this.#checker.fail(
          'C2',
          `position ${position} is in ${key} as ${hash ?? 'nothing'}, decided is ${decided.hash}`,
        )
      }
    }
  }

  #clusterOf(bytes: Uint8Array): string {
    const { head } = open('SRTa', '', bytes)
    return typeof head === 'object' && head !== null && 'cluster' in head ? String(head.cluster) : ''
  }

  /** One manifest at most: what is left has to do. */
  #decay(n: number): void {
    if (this.#rotted > 0 || !this.#prng.chance(this.#mix.rot)) return
    const key = [...this.#blobs.keys()].find((one) => manifestNumber(one) === n - 1)
    const bytes = key === undefined ? undefined : this.#blobs.get(key)
    if (key === undefined || bytes === undefined) return
    this.#rotted++
    const rotten = bytes.slice()
    const at = this.#prng.integer(0, rotten.length)
    rotten[at] = (rotten[at] ?? 0) ^ 1
    this.#blobs.set(key, rotten)
  }

  #list(prefix: string, after: string): BlobPage {
    const all = [...this.#blobs.keys()].filter((key) => key.startsWith(prefix) && key > after).sort()
    return { keys: all.slice(0, PAGE_KEYS), isLast: all.length <= PAGE_KEYS }
  }

  #remove(key: string): void {
    const manifests = this.#manifests()
    const isNamed = manifests.some(({ base, deltas }) => [base, ...deltas].some((one) => has(one.parts, key)))
    const isNew = manifests
      .sort((a, b) => b.n - a.n)
      .slice(0, 2)
      .some((one) => one.key === key)
    const why = isNamed ? 'a checkpoint names' : 'is new'
    if (isNamed || isNew) this.#checker.fail('C5', `${key} is removed, which ${why}`)
    this.#blobs.delete(key)
  }

  #manifests(): Manifest[] {
    const all: Manifest[] = []
    for (const [key, bytes] of this.#blobs) {
      if (manifestNumber(key) === undefined) continue
      try {
        all.push(decodeManifest(key, bytes))
      } catch {
        // The one that has rotted.
      }
    }
    return all
  }

  #isWhole({ base, deltas }: Manifest): boolean {
    return [base, ...deltas].every(({ parts }) =>
      parts.every((part) => {
        const bytes = this.#blobs.get(part.key)
        return bytes !== undefined && sha256(bytes) === part.sha256
      }),
    )
  }
}

const has = (parts: readonly { readonly key: string }[], key: string): boolean => parts.some((part) => part.key === key)
