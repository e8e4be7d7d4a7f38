/**
 * The contract of a blob store, run on every implementation: what is put is there, whole, and a conditional put never
 * replaces anything.
 *
 * Read next: `../../log/archive/blob-store.ts`.
 */
import type { ExecutionContext, TestFn } from 'ava'
import { PAGE_KEYS, type BlobStore } from '../../log/archive/blob-store.ts'
import type { Teardown } from '../log/io/folder.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (found: Uint8Array | undefined): string | undefined => found && new TextDecoder().decode(found)
const signal = new AbortController().signal

/** An empty store, another one on the same blobs, and what puts many small blobs there without a sync of each. */
export interface Made {
  readonly store: BlobStore
  again(): BlobStore
  fill?(keys: readonly string[]): void
}

/** Runs the contract. */
export function blobStoreContract(test: TestFn, name: string, makeStore: (t: Teardown) => Promise<Made>): void {
  const stores = (
    title: string,
    run: (t: ExecutionContext, store: BlobStore, again: () => BlobStore, fill: Made['fill']) => Promise<void>,
  ) => {
    test(`${name}: ${title}`, async (t) => {
      const { store, again, fill } = await makeStore(t)
      await run(t, store, again, fill)
    })
  }

  stores('nothing is under a key that was never put', async (t, store) => {
    t.is(await store.get('parts/absent', { signal }), undefined)
    await t.notThrowsAsync(store.remove('parts/absent', { signal }))
    t.deepEqual(await store.list('', '', { signal }), { keys: [], isLast: true })
  })

  stores('what is put is there, also for another store on the same blobs', async (t, store, again) => {
    await store.put('store.json', bytes('one'), { signal })
    await store.put('parts/a', bytes(''), { signal })
    t.is(textOf(await again().get('store.json', { signal })), 'one')
    t.is(textOf(await again().get('parts/a', { signal })), '')
    await store.put('store.json', bytes('two, and longer'), { signal })
    t.is(textOf(await store.get('store.json', { signal })), 'two, and longer')
  })

  stores('every byte comes back as it was', async (t, store) => {
    const all = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7 + (i >> 8)) & 255)
    await store.put('parts/bytes', all, { signal })
    t.deepEqual(new Uint8Array((await store.get('parts/bytes', { signal })) ?? []), all)
  })

  stores('P40: a conditional put stores once, and changes nothing that is there', async (t, store) => {
    t.true(await store.putNew('manifests/0000000001', bytes('first'), { signal }))
    t.false(await store.putNew('manifests/0000000001', bytes('second'), { signal }))
    t.is(textOf(await store.get('manifests/0000000001', { signal })), 'first')
    await store.remove('manifests/0000000001', { signal })
    t.true(await store.putNew('manifests/0000000001', bytes('third'), { signal }))
  })

  stores('P40: of many conditional puts at once one stores', async (t, store, again) => {
    const others = [again(), again()]
    const puts = Array.from({ length: 30 }, (_, i) =>
      (others[i % 3] ?? store).putNew('manifests/0000000002', bytes(`writer ${i}`), { signal }).catch(() => false),
    )
    const won = (await Promise.all(puts)).flatMap((stored, i) => (stored ? [i] : []))
    t.is(won.length, 1)
    t.is(textOf(await store.get('manifests/0000000002', { signal })), `writer ${won[0]}`)
  })

  stores('what is removed is gone, and nothing else', async (t, store) => {
    await store.put('parts/a', bytes('a'), { signal })
    await store.put('parts/b', bytes('b'), { signal })
    await store.remove('parts/a', { signal })
    t.is(await store.get('parts/a', { signal }), undefined)
    t.is(textOf(await store.get('parts/b', { signal })), 'b')
  })

  stores('keys are listed in order, by prefix, behind a key', async (t, store) => {
    for (const key of ['parts/2', 'archive/10', 'parts/10', 'parts/1', 'store.json']) {
      await store.put(key, bytes(key), { signal })
    }
    t.deepEqual((await store.list('', '', { signal })).keys, [
      'archive/10',
      'parts/1',
      'parts/10',
      'parts/2',
      'store.json',
    ])
    t.deepEqual((await store.list('parts/', '', { signal })).keys, ['parts/1', 'parts/10', 'parts/2'])
    t.deepEqual((await store.list('parts/1', '', { signal })).keys, ['parts/1', 'parts/10'])
    t.deepEqual((await store.list('parts/', 'parts/10', { signal })).keys, ['parts/2'])
    t.deepEqual((await store.list('parts/', 'parts/2', { signal })).keys, [])
  })

  stores('a long list comes in pages', async (t, store, _again, fill) => {
    const keys = Array.from({ length: PAGE_KEYS + 5 }, (_, i) => `parts/${String(i).padStart(5, '0')}`)
    if (fill !== undefined) fill(keys)
    for (let from = 0; from < keys.length && fill === undefined; from += 4) {
      await Promise.all(keys.slice(from, from + 4).map((key) => store.put(key, bytes(key), { signal })))
    }
    const first = await store.list('parts/', '', { signal })
    t.deepEqual([first.keys.length, first.isLast], [PAGE_KEYS, false])
    const second = await store.list('parts/', first.keys.at(-1) ?? '', { signal })
    t.deepEqual(second, { keys: keys.slice(PAGE_KEYS), isLast: true })
  })
}
