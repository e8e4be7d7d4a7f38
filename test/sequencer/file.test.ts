/** `file:` addresses: joining, taking over, and every way in which a folder cannot be hosted. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import test from 'ava'
import type { LogClient } from '../../log/client/client.ts'
import { Cluster } from '../../log/cluster/cluster.ts'
import { init } from '../../log/epochs/genesis.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { hostOf } from '../../log/io/host-folder.ts'
import { RegisterFile } from '../../log/io/register-file.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { limits } from '../../log/limits.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { connectLog, type ConnectedLog } from '../../sequencer/connect.ts'
import { makeFolder, type Teardown } from '../log/io/folder.ts'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const textAt = async (client: LogClient, position: number): Promise<string> => {
  const found = await client.read(position, { timeoutMs: 10_000 })
  return found.kind === 'data' ? new TextDecoder().decode(found.entry.payload) : found.kind
}

const connectTo = (folder: string): Promise<ConnectedLog> => connectLog(`file:${folder}`, { timeoutMs: 10_000 })
async function joined(folder: string, t: Teardown): Promise<ConnectedLog> {
  const one = await connectTo(folder)
  t.teardown(() => one.close())
  return one
}

const children = new URL('../../', import.meta.url).pathname
/** Runs a script that may import from the sources, as another user where that is asked for; gives what it printed. */
const runScript = (script: string, user?: number): string =>
  execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 30_000,
    cwd: children,
    ...(user === undefined ? {} : { uid: user, gid: user }),
  }).trim()
const tryConnecting = (folder: string): string => `
  import { connectLog } from ${JSON.stringify(`${children}sequencer/connect.ts`)}
  const closed = async ({ close }) => { await close(); return 'connected' }
  const failed = (error) => error.code + ' ' + error.message
  const said = await connectLog('file:${folder}', { timeoutMs: 3000 }).then(closed, failed)
  console.log(said)`

test.beforeEach((t) => {
  t.timeout(60_000)
})

test('L2: what was appended is there after the host closed, for those who stay and for those who come', async (t) => {
  const folder = makeFolder(t)
  const host = await joined(folder, t)
  const other = await joined(folder, t)
  const { position } = await host.client.append(encode('kept'))
  await host.close()
  t.is(await textAt(other.client, position), 'kept')
  const next = await other.client.append(encode('next'), { timeoutMs: 10_000 })
  t.true(next.position > position)
  await other.close()
  const later = await joined(folder, t)
  t.deepEqual([await textAt(later.client, position), await textAt(later.client, next.position)], ['kept', 'next'])
})

test('Y1: several that race for an empty folder make one cluster, also where its host has closed', async (t) => {
  const folder = makeFolder(t)
  const all = await Promise.all([1, 2, 3, 4].map(() => joined(folder, t)))
  const clusters = await Promise.all(all.map(async ({ client }) => (await client.layout()).cluster))
  t.is(new Set(clusters).size, 1)
  const positions = await Promise.all(all.map(async ({ client }) => (await client.append(encode('x'))).position))
  t.is(new Set(positions).size, 4)
  await all[0]?.close()
  const left = all.slice(1)
  const more = await Promise.all(
    left.map(async ({ client }) => (await client.append(encode('y'), { timeoutMs: 10_000 })).position),
  )
  t.is(new Set([...positions, ...more]).size, 7)
})

test('a folder is the same cluster under another name', async (t) => {
  const folder = makeFolder(t)
  mkdirSync(join(folder, 'x'.repeat(120)))
  symlinkSync(join(folder, 'x'.repeat(120)), join(folder, 'short'))
  await t.throwsAsync(connectLog(`file:${join(folder, 'x'.repeat(120))}`), {
    code: 'BAD_ADDRESS',
    message: /symbolic link/,
  })
  const one = await joined(join(folder, 'short'), t)
  symlinkSync(join(folder, 'x'.repeat(120)), join(folder, 'other'))
  const other = await joined(join(folder, 'other'), t)
  const { position } = await one.client.append(encode('once'))
  t.is(await textAt(other.client, position), 'once')
  await one.close()
  t.is(await textAt(other.client, position), 'once')
})

test('P50: a host whose lock file is removed stops hosting and says why; another one takes over', async (t) => {
  const folder = makeFolder(t)
  const host = await joined(folder, t)
  const { position } = await host.client.append(encode('before'))
  rmSync(join(folder, 'host.lock'))
  const error = await t.throwsAsync(async () => {
    for (;;) await host.client.append(encode('more'), { timeoutMs: 1_500 })
  })
  t.regex(error.message, /hosts .* no longer: .*host\.lock was removed/)
  t.is(hostOf({ path: folder }), undefined)
  const other = await joined(folder, t)
  t.is(await textAt(other.client, position), 'before')
  t.is(await textAt(host.client, position), 'before')
  await host.client.append(encode('as a guest'), { timeoutMs: 10_000 })
})

test('L10: a host whose log is removed stops within a second and says why', async (t) => {
  const folder = makeFolder(t)
  const host = await joined(folder, t)
  await host.client.append(encode('before'))
  rmSync(join(folder, 'unit'), { recursive: true })
  const began = performance.now()
  const error = await t.throwsAsync(async () => {
    for (;;) await host.client.append(encode('more'), { timeoutMs: 1_500 })
  })
  t.true(performance.now() - began < 4_000)
  t.regex(error.message, /unit\.db was removed while it was in use/)
})

test('P50: a folder that was copied in use is refused with what to do, and the original goes on', async (t) => {
  const folder = makeFolder(t)
  const host = await joined(join(folder, 'original'), t)
  await host.client.append(encode('x'))
  execFileSync('cp', ['-r', join(folder, 'original'), join(folder, 'copy')])
  const error = await t.throwsAsync(connectLog(`file:${join(folder, 'copy')}`), { code: 'DAMAGED' })
  t.regex(error.message, /was copied while process \d+ hosted it.*Copy the folder again while nobody uses it/)
  await host.client.append(encode('y'))
})

test('a folder that was copied while nobody used it is a cluster with all that was in it', async (t) => {
  const folder = makeFolder(t)
  const host = await joined(join(folder, 'original'), t)
  const { position } = await host.client.append(encode('copied'))
  await host.close()
  execFileSync('cp', ['-r', join(folder, 'original'), join(folder, 'copy')])
  const other = await joined(join(folder, 'copy'), t)
  t.is(await textAt(other.client, position), 'copied')
})

test('L6: a unit of another kind of cluster is refused and not changed', async (t) => {
  const folder = makeFolder(t)
  const ports = systemPorts({ unreferenced: true })
  const make = (): UnitServer =>
    new UnitServer({
      ports,
      limits,
      store: new SqliteStore({ folder: join(folder, 'unit'), random: ports.random, walMb: 1 }),
      register: new RegisterFile(join(folder, 'unit', 'acceptor.register')),
      address: '127.0.0.1:0',
      name: 'stranger',
    })
  const unit = make()
  await unit.listen()
  const operator = new Cluster({ ports, limits, name: 'init', addresses: [unit.address] })
  const { cluster } = await init(operator, { chains: [[unit.address]] })
  operator.close()
  await unit.close()
  const error = await t.throwsAsync(connectLog(`file:${folder}`), { code: 'WRONG_CLUSTER' })
  t.true(error.message.includes(cluster))
  t.is(hostOf({ path: folder }), undefined)
  const again = make()
  t.like(again.unit.state.layout, { cluster, epoch: 1 })
  await again.close()
})

test('a folder that may not be written to is an IO error that names it', async (t) => {
  const user = process.getuid?.() === 0 ? 65_534 : undefined
  const folder = makeFolder(t)
  t.teardown(() => {
    chmodSync(folder, 0o755)
  })
  chmodSync(folder, 0o555)
  const said = runScript(tryConnecting(folder), user)
  t.regex(said, /^IO /)
  t.true(said.includes(folder), said)
  t.false(existsSync(join(folder, 'unit')))
})

test('sockets of another user are told as such, not as a busy host', async (t) => {
  if (process.getuid?.() !== 0) {
    t.pass()
    return
  }
  const folder = makeFolder(t)
  chmodSync(folder, 0o755)
  await joined(folder, t)
  const said = runScript(tryConnecting(folder), 65_534)
  t.regex(
    said,
    new RegExp(`^IO the sockets in ${folder} belong to another user, whose process ${process.pid} hosts it.*EACCES`),
  )
})

test('a socket that was removed is named, with whose end helps', async (t) => {
  const folder = makeFolder(t)
  await joined(folder, t)
  rmSync(join(folder, 'unit.sock'))
  const said = runScript(tryConnecting(folder))
  t.regex(
    said,
    new RegExp(
      `^IN_USE .*There is no unit\\.sock in ${folder}: process ${process.pid} is starting, or that file was removed`,
    ),
  )
})

test('L2: a log that was salvaged is hosted by nobody until somebody has looked at what is left', async (t) => {
  const folder = makeFolder(t)
  await (await connectTo(folder)).close()
  writeFileSync(join(folder, 'unit', 'unit.salvaged'), 'by hand')
  await t.throwsAsync(connectLog(`file:${folder}`), {
    code: 'NOT_WHOLE',
    message: /was salvaged.*recover prints what is left, with --apply it goes on/,
  })
})

test('why this process could not host is said when nobody did in time', async (t) => {
  const folder = makeFolder(t)
  await (await connectTo(folder)).close()
  await t.throwsAsync(connectLog(`file:${folder}`, { timeoutMs: 8_000, limits: { requestMs: 0 } }), {
    message: /nobody hosted .* in time; this process could not: /,
  })
})

test('P50: a start that fails is told as it is and lets the lock go, also in a read-only folder', async (t) => {
  const user = process.getuid?.() === 0 ? 65_534 : undefined
  const parent = makeFolder(t)
  chmodSync(parent, 0o777)
  const folder = join(parent, 'log')
  t.teardown(() => {
    chmodSync(folder, 0o755)
  })
  const said = runScript(
    `
    import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
    mkdirSync('${folder}')
    ${tryConnecting(folder)}
    writeFileSync('${folder}/unit/unit.db', Buffer.alloc(8192, 'garbage '))
    writeFileSync('${folder}/host.pid', '')
    chmodSync('${folder}', 0o555)
    const { takeHostLock } = await import(${JSON.stringify(`${children}log/io/host-lock.ts`)})
    for (const _ of [1, 2]) {
      const connecting = connectLog('file:${folder}', { timeoutMs: 3000 })
      console.log(await connecting.then(() => 'connected', (error) => error.code))
    }
    takeHostLock({ path: '${folder}' }).release()
    takeHostLock({ path: '${folder}' }).release()
    console.log('free')`,
    user,
  )
  t.deepEqual(said.split('\n'), ['connected', 'DAMAGED', 'DAMAGED', 'free'])
})

/** A disk of so many megabytes, where this user may mount one. */
function mountSmall(path: string, megabytes: number, t: Teardown): boolean {
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { stdio: 'ignore' })
  if (status === 0) {
    // The last connections of what was closed just before go with the turns of this process.
    t.teardown(async () => {
      for (let i = 0; i < 40 && spawnSync('umount', [path]).status !== 0; i++) await pause(50)
    })
  }
  return status === 0
}

/** Appends until it is refused: the sequencer hears of a full disk when it looks next. */
async function appendOn(client: LogClient): Promise<void> {
  for (let i = 0; i < 200; i++) await client.append(encode('more'), { timeoutMs: 500 })
}

test('P32: on a full disk a folder is opened for who reads; without a reserve what is missing is said', async (t) => {
  const disk = makeFolder(t)
  if (!mountSmall(disk, 40, t)) {
    t.pass('this user may mount no disk')
    return
  }
  const folder = join(disk, 'log')
  const host = await connectTo(folder)
  const { position } = await host.client.append(encode('kept'))
  await host.close()
  const filled = (name: string): void => {
    spawnSync('dd', ['if=/dev/zero', `of=${join(disk, name)}`, 'bs=4k'], { stdio: 'ignore' })
  }
  filled('one')
  const reader = await connectTo(folder)
  t.is(await textAt(reader.client, position), 'kept')
  await t.throwsAsync(appendOn(reader.client), { message: /disk of .* is full/ })
  await reader.close()
  filled('two')
  await t.throwsAsync(connectLog(`file:${folder}`, { timeoutMs: 10_000 }), {
    message: /the disk of .*log is full, and its reserve is used up.*make room/,
  })
  rmSync(join(disk, 'one'))
  rmSync(join(disk, 'two'))
  const writer = await joined(folder, t)
  t.is(
    await textAt(writer.client, (await writer.client.append(encode('more'), { timeoutMs: 20_000 })).position),
    'more',
  )
})

test('a damaged log is told to who connects, and nobody keeps the lock', async (t) => {
  const folder = makeFolder(t)
  mkdirSync(join(folder, 'unit'))
  writeFileSync(join(folder, 'unit', 'unit.db'), Buffer.alloc(8192, 'garbage '))
  await t.throwsAsync(connectLog(`file:${folder}`), { code: 'DAMAGED', message: /unit\.db is damaged/ })
  t.is(hostOf({ path: folder }), undefined)
})

test('a process that only joins does not load better-sqlite3', async (t) => {
  const folder = makeFolder(t)
  await joined(folder, t)
  const script = `
    import { registerHooks } from 'node:module'
    const seen = []
    const resolve = (specifier, context, next) => {
      const found = next(specifier, context)
      seen.push(found.url)
      return found
    }
    registerHooks({ resolve })
    const { connect } = await import(${JSON.stringify(`${children}index.ts`)})
    const client = await connect('file:${folder}')
    const { position } = await client.log.append(new Uint8Array(1))
    await client.close()
    console.log(position >= 0, seen.filter((url) => /better-sqlite3/.test(url)).length)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => {
    child.kill('SIGKILL')
  })
  let said = ''
  for await (const piece of child.stdout) said += String(piece)
  t.is(said, 'true 0\n')
})

test('waiting for a host ends with its signal', async (t) => {
  const folder = makeFolder(t)
  await t.throwsAsync(connectLog(`file:${folder}`, { signal: AbortSignal.abort() }), { code: 'ABORTED' })
  const connected = await joined(folder, t)
  t.true((await connected.client.append(encode('x'))).position >= 0)
})
