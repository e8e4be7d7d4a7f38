/** What `sirtaki doctor` makes of what it finds. Its looks at a real cluster are in `commands.test.ts`. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import {
  fileSystemOf,
  judgeFileSystem,
  judgeSpace,
  judgeSyncs,
  measureSyncs,
  placeOf,
  type FileSystem,
} from '../../tools/doctor/disk.ts'
import { judgeDrift, judgeNode, judgeOpenFiles, openFilesMax } from '../../tools/doctor/machine.ts'
import { judgeLogTime, judgeReached, judgeVersions } from '../../tools/doctor/reach.ts'
import { folder } from './command-line.ts'

const disk: FileSystem = { name: 'ext4', kind: 'disk' }
const memory: FileSystem = { name: 'tmpfs', kind: 'memory' }

test('Node is old below the range of the package, in its first or second number', (t) => {
  t.deepEqual(
    ['22.18.0', '24.0.0', '22.17.9', '20.19.5'].map((version) => judgeNode(version, '>=22.18').level),
    ['ok', 'ok', 'fail', 'fail'],
  )
})

test('a disk that syncs faster than any disk can is suspected to lie; memory is not, slow ones are told', (t) => {
  const syncs = (p50Ms: number, p99Ms: number, on = disk): string => judgeSyncs({ count: 200, p50Ms, p99Ms }, on).level
  t.deepEqual(
    [syncs(0.019, 0.1), syncs(0.019, 0.1, memory), syncs(0.021, 0.1), syncs(3, 40), syncs(31, 40), syncs(3, 201)],
    ['warn', 'ok', 'ok', 'ok', 'warn', 'warn'],
  )
  t.regex(judgeSyncs({ count: 200, p50Ms: 0.004, p99Ms: 0.1 }, disk).text, /may lie/)
})

test('file systems in memory, elsewhere or in the layer of a container are warned of, others are named', (t) => {
  const found = [0xef53, 0x01021994, 0x6969, 0x794c7630, 0x1234].map((type) =>
    judgeFileSystem(fileSystemOf(type, 'linux'), '/data'),
  )
  t.deepEqual(
    found.map(({ level }) => level),
    ['ok', 'warn', 'warn', 'warn', 'ok'],
  )
  t.is(found[4]?.text, '/data is of type 0x1234')
  t.is(fileSystemOf(0xef53, 'darwin').kind, 'unknown')
})

test('little room is a warning, none a failure', (t) => {
  t.deepEqual(
    [2e9, 5e8, 5e7].map((free) => judgeSpace(free, 1e12).level),
    ['ok', 'warn', 'fail'],
  )
})

test('open files must do for all connections', (t) => {
  t.deepEqual(
    [1_024, 10_063, 10_064, Infinity, undefined].map((files) => judgeOpenFiles(files).level),
    ['warn', 'warn', 'ok', 'ok', 'warn'],
  )
  t.true((openFilesMax() ?? 0) > 0)
})

test('a clock that is moved, either way, is warned of', (t) => {
  t.deepEqual(
    [0.5, -4.9, 5.1, -60].map((drift) => judgeDrift(drift, 1_000).level),
    ['ok', 'ok', 'warn', 'warn'],
  )
})

test('log time is compared with our own, less what the way there takes', (t) => {
  const level = (logMs: number, uncertainMs: number): string =>
    judgeLogTime({ address: 'a:1', logMs, ownMs: 1_000, uncertainMs }).level
  t.deepEqual(
    [level(1_004, 0), level(1_006, 0), level(1_006, 2), level(990, 0), level(0, 20)],
    ['ok', 'warn', 'ok', 'warn', 'warn'],
  )
})

test('a member that does not answer is a failure, one that is far a warning', (t) => {
  const told = { kind: 'unit', role: 'serving', epoch: 2, boot: 'b' }
  t.is(judgeReached({ address: 'a:1', told, roundTripMs: 0.4, problem: undefined }).level, 'ok')
  t.is(judgeReached({ address: 'a:1', told, roundTripMs: 80, problem: undefined }).level, 'warn')
  t.like(judgeReached({ address: 'a:1', told: undefined, roundTripMs: 0, problem: 'refused' }), {
    level: 'fail',
    name: 'member a:1',
  })
})

test('servers of another version, or that tell none, are named', (t) => {
  t.is(judgeVersions([{ address: 'a:1', version: '1.0.0' }], '1.0.0').level, 'ok')
  const odd = judgeVersions(
    [
      { address: 'a:1', version: '0.9.0' },
      { address: 'b:1', version: undefined },
      { address: 'c:1', version: '1.0.0' },
    ],
    '1.0.0',
  )
  t.is(odd.level, 'warn')
  t.is(odd.text, 'this command is 1.0.0, a:1 0.9.0, b:1 does not report its version: run the same version everywhere')
})

test('syncs are measured where the folder would be, and nothing stays behind', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  t.is(placeOf(join(path, 'a', 'b')), path)
  const seen: number[] = []
  const { count, p50Ms, p99Ms } = await measureSyncs(path, new AbortController().signal, (done) => {
    seen.push(done)
  })
  t.is(count, 200)
  t.true(p50Ms > 0 && p99Ms >= p50Ms)
  t.deepEqual([seen.length, seen.at(-1)], [200, 200])
  const ending = new AbortController()
  await t.throwsAsync(
    measureSyncs(path, ending.signal, (done) => {
      if (done === 3) ending.abort(new Error('interrupted'))
    }),
    { message: 'interrupted' },
  )
  t.deepEqual(readdirSync(path), [])
})
