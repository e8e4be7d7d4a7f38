/** The lock of a `file:` cluster's host: one at a time, whatever happens to its file, its folder and its holder. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { isError, type SirtakiError } from '../../../log/errors.ts'
import { hostOf } from '../../../log/io/host-folder.ts'
import { takeHostLock, type HostLock } from '../../../log/io/host-lock.ts'
import { RealProcess } from '../../real/processes.ts'
import { makeFolder, type Teardown } from './folder.ts'

/** The error of an attempt that is expected to fail. */
function refusal(attempt: () => unknown): SirtakiError | undefined {
  try {
    attempt()
    return undefined
  } catch (thrown) {
    return isError(thrown) ? thrown : undefined
  }
}

function take(path: string, t: Teardown): HostLock {
  const lock = takeHostLock({ path })
  t.teardown(() => {
    lock.release()
  })
  return lock
}

/** In a process of its own: whoever opens and closes the lock file in this one lets the lock go (P50). */
const copy = (from: string, to: string): void => {
  execFileSync('cp', ['-r', from, to])
}

test('P50: only one holds the lock, the other is told its pid, and released it is free', (t) => {
  const path = makeFolder(t)
  const lock = take(path, t)
  lock.check()
  const error = refusal(() => takeHostLock({ path }))
  t.like(error, { code: 'IN_USE', next: 'again', facts: { path, pid: process.pid } })
  t.true(error?.message.includes(`process ${process.pid}`))
  t.is(hostOf({ path })?.pid, process.pid)
  lock.release()
  lock.release()
  t.deepEqual(readdirSync(path), ['host.lock'])
  take(path, t).check()
})

test('P50: a killed process blocks nobody, a stopped one does', async (t) => {
  const path = makeFolder(t)
  const holder = new RealProcess('../log/io/host-lock-child.ts', [path])
  t.teardown(() => holder.kill())
  const pid = Number(await holder.start('holds'))
  holder.signal('SIGSTOP')
  t.like(
    refusal(() => takeHostLock({ path })),
    { code: 'IN_USE', facts: { pid } },
  )
  await holder.kill()
  t.is(hostOf({ path })?.pid, pid)
  take(path, t).check()
  t.is(hostOf({ path })?.pid, process.pid)
})

test('P50: a holder whose lock file was removed or replaced finds out, and nobody else gets in meanwhile', (t) => {
  const path = makeFolder(t)
  const lock = take(path, t)
  rmSync(join(path, 'host.lock'))
  t.like(
    refusal(() => {
      lock.check()
    }),
    { code: 'STOPPED', facts: { pid: process.pid } },
  )
  const error = refusal(() => takeHostLock({ path }))
  t.is(error?.code, 'DAMAGED')
  t.true(error?.message.includes(`end process ${process.pid} first`))
  t.regex(
    refusal(() => {
      lock.check()
    })?.message ?? '',
    /was replaced/,
  )
  lock.release()
  take(path, t).check()
})

test('P50: a folder that was copied in use is refused until somebody vouches for it; the original goes on', (t) => {
  const folder = makeFolder(t)
  const [path, copied] = [join(folder, 'original'), join(folder, 'copy')]
  execFileSync('mkdir', [path])
  const lock = take(path, t)
  copy(path, copied)
  const error = refusal(() => takeHostLock({ path: copied }))
  t.like(error, { code: 'DAMAGED', facts: { path: copied, pid: process.pid } })
  t.true(error?.message.includes(join(copied, 'host.pid')))
  t.is(refusal(() => takeHostLock({ path: copied }))?.code, 'DAMAGED')
  lock.check()
  t.is(refusal(() => takeHostLock({ path }))?.code, 'IN_USE')
  rmSync(join(copied, 'host.pid'))
  take(copied, t).check()
})

test('a folder that was copied or moved while nobody used it is as good as the first', (t) => {
  const folder = makeFolder(t)
  const [path, copied, moved] = [join(folder, 'original'), join(folder, 'copy'), join(folder, 'moved')]
  execFileSync('mkdir', [path])
  take(path, t).release()
  copy(path, copied)
  take(copied, t).check()
  t.is(hostOf({ path: copied })?.pid, process.pid)
  renameSync(path, moved)
  take(moved, t).check()
  t.is(hostOf({ path: moved })?.pid, process.pid)
})

test('a lock file that is no database is damage that says what to remove', (t) => {
  const path = makeFolder(t)
  writeFileSync(join(path, 'host.lock'), Buffer.alloc(4096, 'garbage '))
  const error = refusal(() => takeHostLock({ path }))
  t.is(error?.code, 'DAMAGED')
  t.true(error?.message.includes(join(path, 'host.lock')))
})

test('a folder in which no file can be made is an IO error that names it', (t) => {
  const path = join(makeFolder(t), 'missing')
  const error = refusal(() => takeHostLock({ path }))
  t.is(error?.code, 'IO')
  t.true(error?.message.includes(path))
})

test('the record of the holder is removed by its holder only', (t) => {
  const path = makeFolder(t)
  const lock = take(path, t)
  const other = '4194305 1:2\n'
  writeFileSync(join(path, 'host.pid'), other)
  lock.release()
  t.true(existsSync(join(path, 'host.pid')))
  t.is(readFileSync(join(path, 'host.pid'), 'utf8'), other)
  t.is(statSync(join(path, 'host.lock')).size, 0)
})
