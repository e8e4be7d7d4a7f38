/**
 * Calls of a blob store: tried until they succeed, and sure of what an unknown outcome was.
 *
 * Read next: `../../../log/archive/blobs.ts`.
 */
import test from 'ava'
import { Blobs } from '../../../log/archive/blobs.ts'
import { preflight } from '../../../log/archive/preflight.ts'
import { isError } from '../../../log/errors.ts'
import { limits } from '../../../log/limits.ts'
import { HandClock, countingRandom } from '../../harness/hand-clock.ts'
import { FaultyBlobs, type Meets } from './faulty-blobs.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function make(next: Meets[] = []): { clock: HandClock; store: FaultyBlobs; blobs: Blobs } {
  const clock = new HandClock()
  const store = new FaultyBlobs()
  store.next = next
  return { clock, store, blobs: new Blobs(store, { clock, random: countingRandom() }, limits) }
}

/** What a call came to, after time enough. */
async function outcome(clock: HandClock, call: Promise<unknown>, ms = 300_000): Promise<unknown> {
  let came: unknown = 'waiting'
  call.then(
    (value) => (came = value),
    (thrown: unknown) => (came = isError(thrown) ? `${thrown.code}/${thrown.next}` : thrown),
  )
  await clock.advance(ms)
  return came
}

test('a call is tried again until it succeeds', async (t) => {
  const { clock, store, blobs } = make(['fails', 'fails', 'hangs'])
  t.is(await outcome(clock, blobs.put('parts/a', bytes('a'))), undefined)
  t.deepEqual(store.calls, ['put', 'put', 'put', 'put'])
  t.is(clock.timers, 0)
})

test('P40: a conditional put that meets itself has stored', async (t) => {
  const { clock, store, blobs } = make(['lost'])
  t.true(await outcome(clock, blobs.putNew('manifests/1', bytes('ours'))))
  t.deepEqual(store.calls, ['putNew', 'putNew', 'get'])
})

test('P40: a conditional put that meets that of another one has not stored', async (t) => {
  const { clock, store, blobs } = make(['fails'])
  await store.blobs.put('manifests/1', bytes('theirs'))
  t.false(await outcome(clock, blobs.putNew('manifests/1', bytes('ours'))))
})

test('P40: nor has one that never got through before that of another one', async (t) => {
  const { clock, store, blobs } = make(['hangs'])
  const call = outcome(clock, blobs.putNew('manifests/1', bytes('ours')))
  await store.blobs.put('manifests/1', bytes('theirs'))
  t.false(await call)
})

test('P40: a conditional put that meets what is not there yet is tried again', async (t) => {
  const { clock, store, blobs } = make(['busy'])
  t.true(await outcome(clock, blobs.putNew('manifests/1', bytes('ours'))))
  t.deepEqual(store.calls, ['putNew', 'get', 'putNew'])
})

test('what the store refuses is not tried again', async (t) => {
  const { clock, store, blobs } = make(['fails', 'refused'])
  t.is(await outcome(clock, blobs.get('parts/a')), 'BLOBS_REFUSED/stop')
  t.deepEqual(store.calls, ['get', 'get'])
})

test('a call ends with its time: a put may still take effect, a read did nothing', async (t) => {
  const all: Meets[] = Array.from({ length: 1_000 }, () => 'fails')
  const put = make([...all])
  t.is(await outcome(put.clock, put.blobs.put('parts/a', bytes('a'))), 'TIMEOUT/unknown')
  const get = make([...all])
  t.is(await outcome(get.clock, get.blobs.get('parts/a', { timeoutMs: 1_000 })), 'TIMEOUT/again')
  const error = await t.throwsAsync(Promise.all([get.blobs.get('parts/b', { timeoutMs: 0 }), get.clock.advance(10)]))
  t.regex(error?.message ?? '', /reading parts\/b at memory:faulty did not succeed within 0 ms; the last failure/)
})

test('a call ends at once when its signal aborts, also in a pause', async (t) => {
  const { clock, blobs } = make(['fails', 'hangs'])
  const controller = new AbortController()
  const call = outcome(clock, blobs.get('parts/a', { signal: controller.signal }), 1)
  controller.abort()
  t.is(await call, 'ABORTED/again')
  t.is(clock.timers, 0)
})

test('P42: the preflight passes a store that keeps its word, and leaves nothing behind', async (t) => {
  const { clock, store, blobs } = make()
  t.is(await outcome(clock, preflight(blobs, countingRandom())), undefined)
  t.deepEqual((await store.blobs.list('', '')).keys, [])
})

test('P42: a store that overwrites under a condition is refused, whatever it answers', async (t) => {
  for (const answer of [true, false]) {
    const { clock, store, blobs } = make()
    store.putNew = async (key, put) => {
      const isThere = (await store.blobs.get(key)) !== undefined
      await store.blobs.put(key, put)
      return answer || !isThere
    }
    t.is(await outcome(clock, preflight(blobs, countingRandom())), 'UNSUPPORTED/stop')
  }
})

test('P42: a store that does not give back what it took is refused', async (t) => {
  const { clock, store, blobs } = make()
  store.get = () => Promise.resolve(bytes('corrupt'))
  t.is(await outcome(clock, preflight(blobs, countingRandom())), 'UNSUPPORTED/stop')
})
