/** The folder of a `file:` cluster: names, file systems, who hosts, and addresses in it. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { isError } from '../../../log/errors.ts'
import { networkFileSystem } from '../../../log/io/file-system.ts'
import { hostOf, isStopped, openHostFolder, placedTransport } from '../../../log/io/host-folder.ts'
import type { Transport } from '../../../log/ports.ts'
import { makeFolder } from './folder.ts'

/** The code of the error that opening gives. */
function codeOf(directory: string): string | undefined {
  try {
    openHostFolder(directory)
    return undefined
  } catch (thrown) {
    return isError(thrown) ? thrown.code : String(thrown)
  }
}

test('a folder is made, but not its parent, and not in place of a file', (t) => {
  const folder = makeFolder(t)
  t.deepEqual(openHostFolder(join(folder, 'new')), {
    path: join(folder, 'new'),
    unit: join(folder, 'new', 'unit'),
    register: join(folder, 'new', 'unit', 'acceptor.register'),
  })
  t.true(existsSync(join(folder, 'new')))
  t.is(codeOf(join(folder, 'no', 'where')), 'IO')
  writeFileSync(join(folder, 'file'), '')
  t.is(codeOf(join(folder, 'file')), 'IO')
})

test('what names no folder, or one whose sockets would have too long a name, is BAD_ADDRESS', (t) => {
  const folder = makeFolder(t)
  t.is(codeOf(''), 'BAD_ADDRESS')
  t.is(codeOf('//host/folder'), 'BAD_ADDRESS')
  t.is(codeOf('a\0b'), 'BAD_ADDRESS')
  const longest = join(folder, 'x'.repeat(107 - '/sequencer.sock'.length - folder.length - 1))
  t.is(codeOf(`${longest}y`), 'BAD_ADDRESS')
  t.false(existsSync(`${longest}y`))
  t.is(codeOf(longest), undefined)
})

test('the folder of a unit is refused', (t) => {
  const folder = makeFolder(t)
  mkdirSync(join(folder, 'unit-a'))
  writeFileSync(join(folder, 'unit-a', 'unit.db'), '')
  t.is(codeOf(join(folder, 'unit-a')), 'WRONG_CLUSTER')
})

test('P50: file systems of a network are told from those of this machine', (t) => {
  const mounts = [
    '22 1 8:1 / / rw - ext4 /dev/sda rw',
    '30 22 0:40 / /mnt/far\\040away rw shared:1 - fuse.sshfs host:/ rw',
    '31 30 0:41 / /mnt/far\\040away/near rw - fuse.ntfs-3g /dev/sdb rw',
    '',
  ].join('\n')
  const fuse = (path: string): string | undefined => networkFileSystem(0x65735546, path, () => mounts)
  t.is(
    networkFileSystem(0x6969, '/', () => ''),
    'NFS',
  )
  t.is(
    networkFileSystem(0xff534d42, '/', () => ''),
    'CIFS',
  )
  t.is(
    networkFileSystem(0xff534d42 - 2 ** 32, '/', () => ''),
    'CIFS',
  )
  t.is(
    networkFileSystem(0xfe534d42, '/', () => ''),
    'SMB',
  )
  t.is(
    networkFileSystem(0xef53, '/', () => ''),
    undefined,
  )
  t.is(
    networkFileSystem(0x01021994, '/', () => ''),
    undefined,
  )
  t.is(fuse('/mnt/far away/folder'), 'fuse.sshfs')
  t.is(fuse('/mnt/far away'), 'fuse.sshfs')
  t.is(fuse('/mnt/far away/near/folder'), undefined)
  t.is(fuse('/mnt/far awayfrom'), undefined)
})

test(
  'a record of the host that is half written counts as none; a process that does not exist is neither stopped '
    + 'nor not',
  (t) => {
    const path = makeFolder(t)
    t.is(hostOf({ path }), undefined)
    writeFileSync(join(path, 'host.pid'), '12')
    t.is(hostOf({ path }), undefined)
    writeFileSync(join(path, 'host.pid'), '12 34:56\n')
    t.deepEqual(hostOf({ path }), { pid: 12, lock: '34:56' })
    t.is(isStopped(process.pid), process.platform === 'linux' ? false : undefined)
    t.is(isStopped(2 ** 31), undefined)
  },
)

test('addresses without a folder are looked for in this one, others are left alone', async (t) => {
  const asked: string[] = []
  const connection = { remote: '', buffered: 0, write: () => undefined, close: () => undefined }
  const inner: Transport = {
    connect: (address) => {
      asked.push(address)
      return connection
    },
    listen: (address) => {
      asked.push(address)
      return Promise.resolve({ address, close: () => Promise.resolve() })
    },
  }
  const transport = placedTransport(inner, { path: '/data/log' })
  const events = { opened: () => undefined, data: () => undefined, closed: () => undefined }
  transport.connect('unix:unit.sock', events)
  transport.connect('unix:/run/other.sock', events)
  transport.connect('127.0.0.1:7100', events)
  const listener = await transport.listen('unix:unit.sock', () => events)
  t.is(listener.address, 'unix:unit.sock')
  t.deepEqual(asked, ['unix:/data/log/unit.sock', 'unix:/run/other.sock', '127.0.0.1:7100', 'unix:/data/log/unit.sock'])
})
