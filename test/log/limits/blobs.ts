/**
 * Drives of the bounds of a blob store's calls, on a clock that only moves when told.
 *
 * Read next: `../archive/blobs.test.ts`, `../limits.test.ts`.
 */
import { Blobs } from '../../../log/archive/blobs.ts'
import { limits, type Limits } from '../../../log/limits.ts'
import { HandClock, countingRandom } from '../../harness/hand-clock.ts'
import { FaultyBlobs, type Meets } from '../archive/faulty-blobs.ts'
import type { Drive } from './client.ts'

/** The times of the tries of a call that meets one fault again and again, within so many milliseconds. */
async function triesOf(meets: Meets, bounds: Partial<Limits>, ms: number): Promise<number[]> {
  const clock = new HandClock()
  const store = new FaultyBlobs()
  store.next = Array.from({ length: 10_000 }, () => meets)
  const tries: number[] = []
  store.get = async (key, options) => {
    tries.push(clock.now())
    return FaultyBlobs.prototype.get.call(store, key, options)
  }
  const random = { ...countingRandom(), next: (): number => 0.999_999 }
  const blobs = new Blobs(store, { clock, random }, { ...limits, ...bounds })
  blobs.get('parts/a').catch(() => undefined)
  await clock.advance(ms)
  return tries.map(Math.round)
}

export const blobDrives = {
  blobTryMs: {
    title: 'a try that is not answered is given up, and made again',
    run: async (t) => {
      t.deepEqual(await triesOf('hangs', { blobTryMs: 700, blobRetryMinMs: 1 }, 2_200), [0, 701, 1_403, 2_107])
    },
  },
  blobMs: {
    title: 'all tries of a call end with it',
    run: async (t) => {
      const tries = await triesOf('hangs', { blobTryMs: 300, blobMs: 1_000, blobRetryMinMs: 1 }, 60_000)
      t.true((tries.at(-1) ?? 0) < 1_000 && tries.length === 4, String(tries))
    },
  },
  blobRetryMinMs: {
    title: 'the first pause is no longer than this',
    run: async (t) => {
      t.deepEqual(await triesOf('fails', { blobRetryMinMs: 80 }, 100), [0, 80])
    },
  },
  blobRetryMaxMs: {
    title: 'no pause is longer than this',
    run: async (t) => {
      const tries = await triesOf('fails', { blobRetryMinMs: 100, blobRetryMaxMs: 250 }, 1_300)
      t.deepEqual(tries, [0, 100, 300, 550, 800, 1_050, 1_300])
    },
  },
} satisfies Partial<Record<keyof Limits, Drive>>
