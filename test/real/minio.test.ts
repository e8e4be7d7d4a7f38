/**
 * Blob stores and checkpoints on a real MinIO: the contract, and what happens when the server is killed, paused, full,
 * or refuses.
 *
 * Read next: `minio.ts`, `../contracts/blob-store.ts`, `../../log/io/s3-blobs.ts`.
 */
import { once } from 'node:events'
import anyTest, { type ExecutionContext, type TestFn } from 'ava'
import { Blobs } from '../../log/archive/blobs.ts'
import { preflight } from '../../log/archive/preflight.ts'
import { isError, type SirtakiError } from '../../log/errors.ts'
import { systemClock } from '../../log/io/clock.ts'
import { systemRandom } from '../../log/io/random.ts'
import { S3Blobs } from '../../log/io/s3-blobs.ts'
import { limits } from '../../log/limits.ts'
import type { Manifest } from '../../objects/checkpoints/manifest.ts'
import { readCheckpoint } from '../../objects/checkpoints/reader.ts'
import { stateOf } from '../../objects/checkpoints/state.ts'
import { writeCheckpoint } from '../../objects/checkpoints/writer.ts'
import { blobStoreContract } from '../contracts/blob-store.ts'
import { Ledger, SpaceDriver } from '../objects/space-driver.ts'
import { Minio, findMinio, minioKeys } from './minio.ts'

const source = await findMinio()
if (source.kind === 'none') console.log(`# skipped: ${source.reason}`)
const ports = { clock: systemClock, random: systemRandom }
const quick = { ...limits, blobTryMs: 2_000, blobMs: 20_000, blobRetryMaxMs: 500 }
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
let prefixes = 0

if (source.kind !== 'none') {
  blobStoreContract(anyTest, 'MinIO', async (t) => {
    const prefix = `contract-${systemRandom.id().slice(0, 8)}-${prefixes++}`
    if (source.kind === 'endpoint') {
      const again = (): S3Blobs => new S3Blobs({ bucket: source.bucket, prefix, endpoint: source.endpoint })
      return { store: again(), again }
    }
    const minio = await Minio.start(t, source.path)
    const again = (): S3Blobs => minio.store(prefix)
    return { store: again(), again }
  })
}

/** A test with a MinIO of its own: one that runs already is not killed. */
function withMinio(title: string, run: (t: ExecutionContext, minio: Minio) => Promise<void>): void {
  const test: TestFn | TestFn['skip'] = source.kind === 'program' ? anyTest : anyTest.skip
  test(title, async (t) => {
    t.timeout(60_000)
    if (source.kind === 'program') await run(t, await Minio.start(t, source.path))
  })
}

/** The error of a call that fails. */
async function errorOf(t: ExecutionContext, call: Promise<unknown>): Promise<SirtakiError> {
  const error: unknown = await t.throwsAsync(call)
  return isError(error) ? error : t.fail(String(error))
}

/** A space with so many records, and what its checkpoints are written and read with. */
function filled(blobs: Blobs, records: number) {
  const driver = new SpaceDriver(Ledger)
  const session = driver.open()
  let number = 0
  const put = (key: string): void => {
    driver.op(session, number++, 'put', { key, n: number })
  }
  for (let i = 0; i < records; i++) put(`${i}-${(i * 7_919) % 100_003}-${'x'.repeat(300)}`)
  const place = { cluster: 'minio-test', space: 1, blobs }
  const write = (previous?: Manifest) =>
    writeCheckpoint({ ...place, ports, inlineBytes: 0 }, stateOf(driver.space, driver.next, { skips: [] }), {
      previous,
    })
  return { driver, put, write, read: () => readCheckpoint({ ...place, clock: systemClock }) }
}

withMinio('P42: MinIO passes the preflight, which leaves nothing behind', async (t, minio) => {
  const store = minio.store('a')
  await t.notThrowsAsync(preflight(new Blobs(store, ports, quick), systemRandom))
  t.deepEqual((await store.list('', '', { signal: AbortSignal.timeout(5_000) })).keys, [])
})

withMinio('C1: MinIO is killed in the middle of a checkpoint and started again: it is written', async (t, minio) => {
  const blobs = new Blobs(minio.store('a'), ports, quick)
  const { driver, put, write, read } = filled(blobs, 20_000)
  const first = await write()
  put('later')
  const writing = write(first)
  await minio.kill()
  await minio.start()
  const second = await writing
  t.is(second.n, 2)
  t.is((await read())?.manifest.digest, driver.space.digest().digest)
})

withMinio('a MinIO that stands still for a while is waited for', async (t, minio) => {
  const blobs = new Blobs(minio.store('a'), ports, quick)
  minio.signal('SIGSTOP')
  const put = blobs.put('parts/a', bytes('a'))
  const controller = new AbortController()
  setTimeout(() => {
    controller.abort()
  }, 5_000)
  await once(controller.signal, 'abort')
  minio.signal('SIGCONT')
  await t.notThrowsAsync(put)
})

withMinio('nobody answers: the error names the store, and says that it may be tried again', async (t, minio) => {
  const blobs = new Blobs(minio.store('a'), ports, { ...quick, blobMs: 1_500 })
  await minio.kill()
  const error = await errorOf(t, blobs.get('parts/a'))
  t.is(`${error.code}/${error.next}`, 'TIMEOUT/again')
  t.regex(error.message, /reading parts\/a at s3:\/\/test\/a\?endpoint=http:.* ECONNREFUSED/)
})

withMinio('wrong keys, an unknown key and a missing bucket are refused with what to do', async (t, minio) => {
  const wrong = minio.store('a', { credentials: { ...minioKeys, secretAccessKey: 'wrong' } })
  const unknown = minio.store('a', { credentials: { ...minioKeys, accessKeyId: 'nobody' } })
  const missing = minio.store('a', { bucket: 'missing' })
  for (const [store, text] of [
    [wrong, /SignatureDoesNotMatch.*AWS_SECRET_ACCESS_KEY/],
    [unknown, /InvalidAccessKeyId.*AWS_ACCESS_KEY_ID/],
    [missing, /NoSuchBucket.*make the bucket/],
  ] as const) {
    const error = await errorOf(t, new Blobs(store, ports, quick).put('parts/a', bytes('a')))
    t.is(`${error.code}/${error.next}`, 'BLOBS_REFUSED/stop')
    t.regex(error.message, text)
  }
  const error = await errorOf(t, new Blobs(missing, ports, quick).get('parts/a'))
  t.is(error.code, 'BLOBS_REFUSED')
})

withMinio(
  'C3: a part that was changed or removed by hand is found, and the checkpoint before it is read',
  async (t, minio) => {
    const store = minio.store('a')
    const { driver, put, write, read } = filled(new Blobs(store, ports, quick), 3_000)
    const first = await write()
    const digest = driver.space.digest().digest
    put('later')
    const second = await write(first)
    const key = second.base.parts[0]?.key ?? ''
    const signal = AbortSignal.timeout(10_000)
    await store.put(key, bytes('by hand'), { signal })
    t.is((await read())?.manifest.digest, digest)
    await store.remove(key, { signal })
    t.is((await read())?.manifest.digest, digest)
  },
)
