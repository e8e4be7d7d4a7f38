/**
 * The blob stores of one process under one contract; the S3 store against the fixture, which is no S3 server: the real
 * one is asked in `../real/minio.test.ts`.
 *
 * Read next: `blob-store.ts`.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { MemoryBlobs } from '../../log/archive/memory-blobs.ts'
import { FolderBlobs } from '../../log/io/folder-blobs.ts'
import { systemRandom } from '../../log/io/random.ts'
import { S3Blobs } from '../../log/io/s3-blobs.ts'
import { makeFolder } from '../log/io/folder.ts'
import { blobStoreContract } from './blob-store.ts'
import { S3Fixture, fixtureKeys } from '../s3-fixture.ts'

blobStoreContract(test, 'memory', () => {
  const store = new MemoryBlobs()
  return Promise.resolve({ store, again: () => store })
})

blobStoreContract(test, 'folder', (t) => {
  const folder = makeFolder(t)
  const again = (): FolderBlobs => new FolderBlobs(folder, systemRandom)
  // A thousand syncs at once hold up every other test that commits.
  const fill = (keys: readonly string[]): void => {
    mkdirSync(join(folder, 'parts'))
    for (const key of keys) writeFileSync(join(folder, key), key)
  }
  return Promise.resolve({ store: again(), again, fill })
})

blobStoreContract(test, 'S3 fixture', async (t) => {
  const fixture = await S3Fixture.start()
  const opened: S3Blobs[] = []
  const again = (): S3Blobs => {
    const store = new S3Blobs({
      bucket: 'test',
      prefix: 'a/b',
      endpoint: fixture.endpoint,
      credentials: fixtureKeys,
    })
    opened.push(store)
    return store
  }
  t.teardown(async () => {
    for (const store of opened) store.close()
    await fixture.close()
  })
  return { store: again(), again }
})
