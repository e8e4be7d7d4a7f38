/**
 * The S3 store: its addresses, what a server's answers become, and that nothing else of the SDK is asked.
 *
 * Read next: `../../../log/io/s3-blobs.ts`, `../../s3-fixture.ts`; the real server: `../../real/minio.test.ts`.
 */
import test, { type ExecutionContext } from 'ava'
import { Blobs } from '../../../log/archive/blobs.ts'
import { isError, type SirtakiError } from '../../../log/errors.ts'
import { openBlobs, s3 } from '../../../log/io/blobs.ts'
import { systemClock } from '../../../log/io/clock.ts'
import { systemRandom } from '../../../log/io/random.ts'
import { formatS3, parseS3 } from '../../../log/io/s3-address.ts'
import { limits } from '../../../log/limits.ts'
import { S3Fixture, fixtureKeys } from '../../s3-fixture.ts'

const quick = { ...limits, blobTryMs: 400, blobMs: 5_000, blobRetryMinMs: 1, blobRetryMaxMs: 10 }
const bytes = new TextEncoder().encode('bytes of the test')

async function start(t: ExecutionContext, more: { readonly bucket?: string } = {}) {
  const fixture = await S3Fixture.start()
  const store = s3({ bucket: 'test', prefix: '/a/', endpoint: fixture.endpoint, credentials: fixtureKeys, ...more })
  t.teardown(() => {
    store.close()
    return fixture.close()
  })
  return { fixture, blobs: new Blobs(store, { clock: systemClock, random: systemRandom }, quick) }
}

async function errorOf(t: ExecutionContext, call: Promise<unknown>): Promise<SirtakiError> {
  const error: unknown = await t.throwsAsync(call)
  return isError(error) ? error : t.fail(String(error))
}

test('an address is taken apart, and put together again', (t) => {
  for (const address of [
    's3://bucket',
    's3://my.bucket-2/a/b',
    's3://bucket/a?endpoint=http://127.0.0.1:9000',
    's3://bucket?endpoint=https://s3.example.org&region=eu-central-1',
  ]) {
    t.is(formatS3(parseS3(address)), address)
  }
  t.is(formatS3(parseS3('s3://bucket//a/b/')), 's3://bucket/a/b')
})

test('an address that makes no sense is refused with what would be right', (t) => {
  for (const [address, text] of [
    ['s3://', /no bucket/],
    ['s3://Bucket', /lower-case/],
    ['s3://bucket?endpoint=127.0.0.1:9000', /no URL of a server/],
    ['s3://bucket?endpoint=ftp://a', /no URL of a server/],
    ['s3://bucket?endpoint=http://user:password@a', /no URL of a server/],
    ['s3://bucket?bucket=a', /"bucket" is no option/],
    ['s3://bucket?region=', /region is empty/],
    ['s3://bucket/a b', /no prefix/],
    ['http://127.0.0.1:9000', /no address of a blob store/],
    ['file:', /no address of a blob store/],
  ] as const) {
    const error = t.throws(() => openBlobs(address))
    t.true(isError(error, 'BAD_ADDRESS'), address)
    t.regex(error?.message ?? '', text)
  }
})

test('P40: a conditional put whose answer was lost knows itself', async (t) => {
  const { fixture, blobs } = await start(t)
  fixture.fault(/^PUT/, { kind: 'loseAnswer' })
  t.true(await blobs.putNew('manifests/1', bytes))
  t.false(await blobs.putNew('manifests/1', new Uint8Array(3)))
  t.deepEqual(fixture.requests.slice(0, 3), ['PUT a/manifests/1', 'PUT a/manifests/1', 'GET a/manifests/1'])
})

test('a store that is busy for a while is asked again', async (t) => {
  const { fixture, blobs } = await start(t)
  fixture.fault(/^PUT/, { kind: 'refuse', status: 503, code: 'SlowDown' }, 3)
  await t.notThrowsAsync(blobs.put('parts/a', bytes))
  fixture.fault(/^GET/, { kind: 'hang' })
  t.deepEqual(new Uint8Array((await blobs.get('parts/a')) ?? []), bytes)
  t.is(fixture.requests.length, 6)
})

test('what is refused says what to do, and is not asked again', async (t) => {
  const { fixture, blobs } = await start(t)
  for (const [status, code, text] of [
    [403, 'AccessDenied', /rights to get, put, list and delete/],
    [301, 'PermanentRedirect', /region/],
    [400, 'ExpiredToken', /session token/],
    [418, 'Teapot', /418/],
  ] as const) {
    fixture.fault(/^PUT/, { kind: 'refuse', status, code })
    const error = await errorOf(t, blobs.put('parts/a', bytes))
    t.is(`${error.code}/${error.next}`, 'BLOBS_REFUSED/stop', code)
    t.regex(error.message, text)
  }
  t.is(fixture.requests.length, 4)
})

test('a full store may have room later', async (t) => {
  const { fixture, blobs } = await start(t)
  fixture.fault(/^PUT/, { kind: 'refuse', status: 507, code: 'XMinioStorageFull' }, 2)
  await t.notThrowsAsync(blobs.put('parts/a', bytes))
})

test('a bucket that is not there is refused, also where nothing would be under the key', async (t) => {
  const { blobs } = await start(t, { bucket: 'missing' })
  t.regex((await errorOf(t, blobs.get('parts/a'))).message, /NoSuchBucket.*make the bucket/)
  t.regex((await errorOf(t, blobs.list('parts/'))).message, /NoSuchBucket/)
})
