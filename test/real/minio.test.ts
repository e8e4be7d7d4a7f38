/**
 * Blob stores and checkpoints on a real MinIO: the contract, and what happens when the server is killed, paused, full,
 * or refuses.
 *
 * Read next: `minio.ts`, `../contracts/blob-store.ts`, `../../log/io/s3-blobs.ts`.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import anyTest, { type ExecutionContext, type TestFn } from 'ava'
import { Blobs } from '../../log/archive/blobs.ts'
import { Lineage } from '../../log/archive/incarnations.ts'
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
import { DEFAULT_POLICY } from '../../objects/retention/checkpointer.ts'
import { Counter, connect, type Client, type ConnectOptions } from '../../index.ts'
import { blobStoreContract } from '../contracts/blob-store.ts'
import { Ledger, SpaceDriver } from '../objects/space-driver.ts'
import { freePorts } from '../free-ports.ts'
import { makeFolder } from '../log/io/folder.ts'
import { canMount, fillDisk, mountDisk } from './small-disk.ts'
import { loseAndRestore } from './restore-scene.ts'
import { TIME_TRAVEL } from '../time-travel.ts'
import { json, run as runCommand } from '../tools/command-line.ts'
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
  return {
    driver,
    put,
    write,
    read: () => readCheckpoint({ ...place, lineage: Lineage.of(place.cluster), clock: systemClock }),
  }
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

/** Clients of one memory cluster whose checkpoints go to a MinIO. */
function cluster(t: ExecutionContext, minio: Minio) {
  const address = `memory:${systemRandom.id()}`
  return async (options: ConnectOptions = {}): Promise<Client> => {
    const client = await connect(address, { blobs: minio.store('cluster'), ...options })
    t.teardown(() => client.close())
    return client
  }
}

/** Adds until the log was trimmed so often, and no longer than half a minute. */
async function addUntilTrimmed(t: ExecutionContext, client: Client, times: number): Promise<number> {
  const hits = await client.open(Counter, '/hits')
  let [added, mark, trims] = [0, client.retention().mark, 0]
  for (const until = Date.now() + 30_000; trims < times;) {
    await hits.add({ by: 1 })
    added++
    const now = client.retention().mark
    if (now > mark) trims++
    mark = now
    if (Date.now() > until) return t.fail(`the log was trimmed ${trims} times only`)
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  }
  return added
}

const large = new Uint8Array(1 << 20).map((_, i) => (i * 7_919) % 251)
const often = { ...DEFAULT_POLICY, everyEntries: 20, everyMs: 200, keepEvery: 0, trim: true }

withMinio(
  'C1: two checkpointers and archivers, a MinIO that is killed on the way: trims go on, a cold client has all',
  async (t, minio) => {
    const open = cluster(t, minio)
    const one = await open({ checkpoints: true, name: 'one' })
    const two = await open({ checkpoints: true, name: 'two' })
    // With an archive a trim waits for its end too.
    const archivers = [one, two].map((each) => each.archiver({ rangeMs: 300 }))
    t.teardown(() => Promise.all(archivers.map((each) => each.close())))
    await one.archive()
    await one.setPolicy(often)
    let added = await addUntilTrimmed(t, one, 2)
    await minio.kill()
    const hits = await one.open(Counter, '/hits')
    for (let i = 0; i < 100; i++) await hits.add({ by: 1 })
    await minio.start()
    added += 100 + (await addUntilTrimmed(t, one, 2))
    const cold = await open({ name: 'cold' })
    await cold.sync()
    t.is((await cold.open(Counter, '/hits')).state.value, added)
    // What was trimmed is in the archive, all of it.
    t.true(cold.retention().mark > 0)
    let adds = 0
    for await (const { ops } of cold.history()) if (ops[0]?.op === 'add') adds++
    t.is(adds, added)
    t.true(
      (await minio.store('cluster').list('manifests/', '', { signal: AbortSignal.timeout(5_000) })).keys.length <= 4,
    )
  },
)

withMinio(
  'C2: a MinIO that stands still for ten seconds: appends go on, nothing is trimmed meanwhile',
  async (t, minio) => {
    const open = cluster(t, minio)
    const one = await open({ checkpoints: true })
    await one.setPolicy(often)
    let added = await addUntilTrimmed(t, one, 1)
    minio.signal('SIGSTOP')
    const { mark } = one.retention()
    const hits = await one.open(Counter, '/hits')
    for (const until = Date.now() + 10_000; Date.now() < until; added++) {
      await hits.add({ by: 1 })
      await new Promise((resolve) => {
        setTimeout(resolve, 20)
      })
    }
    t.true(one.retention().mark - mark < 200)
    minio.signal('SIGCONT')
    added += await addUntilTrimmed(t, one, 1)
    t.is(hits.state.value, added)
  },
)

anyTest('C2: the disk of MinIO is full: appends go on, nothing is trimmed, and it goes on with room', async (t) => {
  t.timeout(60_000)
  const disk = canMount() ? mountDisk(128, t) : undefined
  if (disk === undefined || source.kind !== 'program') {
    t.log('loop mounts need root: left out')
    t.pass()
    return
  }
  const minio = await Minio.start(t, source.path, { folder: disk })
  const open = cluster(t, minio)
  const one = await open()
  const duty = one.checkpointer()
  t.teardown(() => duty.close())
  await one.setPolicy(often)
  let added = await addUntilTrimmed(t, one, 1)
  fillDisk(disk)
  const full = await errorOf(t, minio.store('a').put('parts/a', large, { signal: AbortSignal.timeout(30_000) }))
  t.is(full.code, 'FULL')
  t.regex(full.message, /is full .*: make room/)
  const hits = await one.open(Counter, '/hits')
  const { mark } = one.retention()
  for (const until = Date.now() + 6_000; Date.now() < until; added++) {
    await hits.add({ by: 1 })
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
  t.true(one.retention().mark - mark < 200)
  rmSync(join(disk, 'other'))
  added += await addUntilTrimmed(t, one, 1)
  const cold = await open({ name: 'cold' })
  await cold.sync()
  t.is((await cold.open(Counter, '/hits')).state.value, added)
})

withMinio(
  'C3: a manifest and a part are removed by hand: a cold client begins with the one before',
  async (t, minio) => {
    const open = cluster(t, minio)
    const one = await open()
    const hits = await one.open(Counter, '/hits')
    const numbers: number[] = []
    for (let i = 0; i < 3; i++) {
      await hits.add({ by: 1 })
      numbers.push((await one.checkpoint()).n)
    }
    await one.trim()
    await minio.store('cluster').remove(`manifests/${String(numbers.at(-1)).padStart(10, '0')}`, {
      signal: AbortSignal.timeout(5_000),
    })
    const cold = await open({ name: 'cold' })
    await cold.sync()
    await one.sync()
    t.is(cold.digest().digest, one.digest().digest)
    t.true(isError(await t.throwsAsync(one.trim({ before: one.position })), 'NEEDED', 'DAMAGED'))
  },
)

withMinio('time travel on MinIO says what it says on a folder', async (t, minio) => {
  const example = fileURLToPath(new URL('../../examples/time-travel.ts', import.meta.url))
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: minioKeys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: minioKeys.secretAccessKey,
  }
  const address = `s3://test/example?endpoint=${minio.endpoint}`
  const { stdout } = await promisify(execFile)(process.execPath, [example, address], { env, timeout: 60_000 })
  t.is(stdout, TIME_TRAVEL)
})

withMinio('L5: a cluster whose folders are gone is restored from MinIO', async (t, minio) => {
  t.timeout(120_000)
  const env = { AWS_ACCESS_KEY_ID: minioKeys.accessKeyId, AWS_SECRET_ACCESS_KEY: minioKeys.secretAccessKey }
  Object.assign(process.env, env)
  await loseAndRestore(t, `s3://test/lost?endpoint=${minio.endpoint}`, env)
})

anyTest('the main job with --minio: checkpoint, trim and cold start go to a MinIO beside it', async (t) => {
  t.timeout(180_000)
  if (source.kind !== 'program') {
    t.pass()
    return
  }
  const folder = makeFolder(t)
  const files = join(folder, 'files')
  mkdirSync(files)
  for (let i = 0; i < 20; i++) writeFileSync(join(files, `file-${i}`), `content ${i}`)
  const port = String((await freePorts(6))[0])
  const place = ['--data', join(folder, 'data'), '--port', port]
  const ran = await runCommand(
    ['dev', files, '--json', '--job', '--once', '--minio', '--workers', '2', '--kill', '0', ...place],
    {
      env: { MINIO_BIN: source.path },
      timeoutMs: 150_000,
    },
  )
  t.is(ran.code, 0, ran.err)
  t.like(json(ran.out).at(-1), { event: 'result', done: 20, problems: [], cold: { isSame: true } })
})
