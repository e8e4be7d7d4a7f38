/** What a host of a `file:` cluster lets go when it ends, whatever goes wrong on the way. */
import test from 'ava'
import { systemPorts } from '../../log/io/connect.ts'
import { openHostFolder, placedTransport } from '../../log/io/host-folder.ts'
import { takeHostLock } from '../../log/io/host-lock.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { limits } from '../../log/limits.ts'
import { startHost } from '../../sequencer/host.ts'
import { makeFolder } from '../log/io/folder.ts'

test('P50: a host lets its lock go though something else of it cannot be closed', async (t) => {
  const folder = openHostFolder(makeFolder(t))
  const ports = systemPorts()
  const host = await startHost({
    ports: { ...ports, transport: placedTransport(ports.transport, folder) },
    limits,
    folder,
    stopped: () => undefined,
    signal: new AbortController().signal,
  })
  const { close } = SqliteStore.prototype
  SqliteStore.prototype.close = function failing(): never {
    close.call(this)
    throw new Error('the disk is gone')
  }
  t.teardown(() => {
    SqliteStore.prototype.close = close
  })
  await t.throwsAsync(host.close(), { message: 'the disk is gone' })
  t.notThrows(() => {
    takeHostLock(folder).release()
  })
})
