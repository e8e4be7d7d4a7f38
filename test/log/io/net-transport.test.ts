/**
 * The real transport over both kinds of address.
 *
 * Read next: `../../../log/io/net-transport.ts`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { SirtakiError, isError } from '../../../log/errors.ts'
import { netTransport } from '../../../log/io/net-transport.ts'
import type { Connection } from '../../../log/ports.ts'
import { makeFolder } from './folder.ts'
import { Peer, Visitors } from './peer.ts'

// Long enough for a machine that has much else to do.
const transport = netTransport({ lingerMs: 2_000 })
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const socketPath = (t: ExecutionContext): string => join(makeFolder(t), 's')

/** A door and one connection through it. */
async function meet(t: ExecutionContext, address: string) {
  const visitors = new Visitors()
  const listener = await transport.listen(address, visitors.accept)
  const near = new Peer()
  const connection = transport.connect(listener.address, near)
  const far = await visitors.first()
  await near.until(({ openings }) => openings === 1)
  t.teardown(async () => {
    connection.close()
    far.connection.close()
    await listener.close()
  })
  return { listener, near, connection, far: far.peer, farConnection: far.connection }
}

const talk = test.macro(async (t: ExecutionContext, address: (t: ExecutionContext) => string) => {
  const { near, connection, far, farConnection, listener } = await meet(t, address(t))
  connection.write([bytes('one '), bytes('two')])
  await far.until(({ text }) => text === 'one two')
  farConnection.write([bytes('three')])
  await near.until(({ text }) => text === 'three')
  t.is(connection.remote, listener.address)
  t.not(farConnection.remote, '')
  t.is(far.openings, 0)
  t.deepEqual(near.closings, [])
})

test('bytes go both ways over TCP', talk, () => '127.0.0.1:0')
test('bytes go both ways over IPv6', talk, () => '[::1]:0')
test('bytes go both ways over a unix socket', talk, (t: ExecutionContext) => `unix:${socketPath(t)}`)

test('a listener tells the port that it got', async (t) => {
  const { listener } = await meet(t, '127.0.0.1:0')
  t.regex(listener.address, /^127\.0\.0\.1:[1-9]\d*$/)
})

test('what is written before the connection opens arrives', async (t) => {
  const visitors = new Visitors()
  const listener = await transport.listen('127.0.0.1:0', visitors.accept)
  const connection = transport.connect(listener.address, new Peer())
  connection.write([bytes('early')])
  const { peer } = await visitors.first()
  await peer.until(({ text }) => text === 'early')
  connection.close()
  await listener.close()
  t.is(peer.text, 'early')
})

test('a close tells the other end once and without an error, and not oneself', async (t) => {
  const { near, connection, far, farConnection } = await meet(t, '127.0.0.1:0')
  connection.write([bytes('last words')])
  connection.close()
  connection.close()
  connection.write([bytes('too late')])
  await far.until(({ closings }) => closings.length > 0)
  farConnection.write([bytes('nobody hears this')])
  await new Promise((done) => {
    setImmediate(done)
  })
  t.is(far.text, 'last words')
  t.deepEqual(far.closings, [undefined])
  t.deepEqual(near.closings, [])
})

test('last words arrive though their reader had just sent a lot', async (t) => {
  const { near, connection, farConnection } = await meet(t, '127.0.0.1:0')
  connection.write([new Uint8Array(4 << 20)])
  farConnection.write([bytes('go away')])
  farConnection.close()
  await near.until(({ closings }) => closings.length > 0)
  t.is(near.text, 'go away')
  t.deepEqual(near.closings, [undefined])
})

test('a peer that was killed is told as closed, once', async (t) => {
  const script =
    `require('node:net').createServer((s) => { s.on('data', () => process.kill(process.pid, 'SIGKILL')) `
    + `}).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port]: unknown[] = await once(child.stdout.setEncoding('utf8'), 'data')
  const near = new Peer()
  const connection = transport.connect(`127.0.0.1:${String(port).trim()}`, near)
  connection.write([bytes('die')])
  await near.until(({ closings }) => closings.length > 0)
  connection.write([bytes('anyone?')])
  connection.close()
  t.is(near.openings, 1)
  t.is(near.closings.length, 1)
})

test('big writes pile up in `buffered` until the peer takes them', async (t) => {
  const { connection, far } = await meet(t, '127.0.0.1:0')
  const piece = new Uint8Array(1 << 20).fill(7)
  connection.write(Array.from({ length: 64 }, () => piece))
  t.true(connection.buffered > 32 << 20)
  await far.until((peer) => peer.bytes === 64 << 20)
  await new Promise((done) => {
    setImmediate(done)
  })
  t.is(connection.buffered, 0)
  t.true(far.text.endsWith('\x07'))
})

test(
  'connections beyond the bound are closed before anybody hears of them, and there is room again when one has '
    + 'gone',
  async (t) => {
    const visitors = new Visitors()
    const listener = await netTransport({ connectionsMax: 2 }).listen('127.0.0.1:0', visitors.accept)
    t.teardown(() => listener.close())
    const dial = (): { peer: Peer; connection: Connection } => {
      const peer = new Peer()
      return { peer, connection: transport.connect(listener.address, peer) }
    }
    const [first, second] = [dial(), dial()]
    await first.peer.until(({ openings }) => openings === 1)
    await second.peer.until(({ openings }) => openings === 1)
    const third = dial()
    await third.peer.until(({ closings }) => closings.length > 0)
    t.is(visitors.connections.length, 2)
    first.connection.close()
    await visitors.peers[0]?.until(({ closings }) => closings.length > 0)
    await new Promise((done) => {
      setImmediate(done)
    })
    const fourth = dial()
    fourth.connection.write([bytes('room')])
    while (visitors.peers.length < 3) {
      await new Promise((done) => {
        setImmediate(done)
      })
    }
    await visitors.peers[2]?.until(({ text }) => text === 'room')
    t.deepEqual([second.peer.closings, fourth.peer.closings], [[], []])
    second.connection.close()
    fourth.connection.close()
  },
)

test('an address in use is refused', async (t) => {
  const { listener } = await meet(t, '127.0.0.1:0')
  const error = await t.throwsAsync(
    transport.listen(listener.address, () => new Peer()),
    { instanceOf: SirtakiError, code: 'IN_USE' },
  )
  t.true(error?.message.includes(listener.address))
})

test('a live unix socket is in use, and goes on', async (t) => {
  const { listener, connection, far } = await meet(t, `unix:${socketPath(t)}`)
  await t.throwsAsync(
    transport.listen(listener.address, () => new Peer()),
    { instanceOf: SirtakiError, code: 'IN_USE' },
  )
  connection.write([bytes('still here')])
  await far.until(({ text }) => text === 'still here')
  t.deepEqual(far.closings, [])
})

test('the unix socket that a killed server left is replaced', async (t) => {
  const path = socketPath(t)
  const child = spawn(
    process.execPath,
    ['-e', `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('open'))`],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.true(existsSync(path))
  const { connection, far } = await meet(t, `unix:${path}`)
  connection.write([bytes('hello')])
  await far.until(({ text }) => text === 'hello')
  t.deepEqual(far.closings, [])
})

test('a file that is no socket is never removed', async (t) => {
  const path = socketPath(t)
  writeFileSync(path, 'precious')
  await t.throwsAsync(
    transport.listen(`unix:${path}`, () => new Peer()),
    { instanceOf: SirtakiError, code: 'IN_USE' },
  )
  t.true(existsSync(path))
})

test('a closed listener frees its address at once, and its connections live on', async (t) => {
  const freed = async (): Promise<boolean> => {
    const { listener, connection, far } = await meet(t, '127.0.0.1:0')
    await listener.close()
    await listener.close()
    const next = await transport.listen(listener.address, () => new Peer()).catch(() => undefined)
    connection.write([bytes('still here')])
    await far.until(({ text }) => text === 'still here')
    await next?.close()
    return next?.address === listener.address
  }
  // A connection of another process may have been given that very port just then: not three times in a row.
  t.true((await freed()) || (await freed()) || (await freed()))
})

test('places where nobody can listen are bad addresses', async (t) => {
  await t.throwsAsync(
    transport.listen('203.0.113.7:0', () => new Peer()),
    { instanceOf: SirtakiError, code: 'BAD_ADDRESS' },
  )
  await t.throwsAsync(
    transport.listen('unix:/no/such/folder/s', () => new Peer()),
    { instanceOf: SirtakiError, code: 'BAD_ADDRESS' },
  )
  await t.throwsAsync(
    transport.listen('nowhere', () => new Peer()),
    { instanceOf: SirtakiError, code: 'BAD_ADDRESS' },
  )
  t.throws(() => transport.connect('127.0.0.1:0', new Peer()), { instanceOf: SirtakiError, code: 'BAD_ADDRESS' })
})

const unreachable = test.macro(
  async (t: ExecutionContext, address: (t: ExecutionContext) => string | Promise<string>) => {
    const peer = new Peer()
    const connection = transport.connect(await address(t), peer)
    connection.write([bytes('hello?')])
    await peer.until(({ closings }) => closings.length > 0)
    connection.close()
    const [error] = peer.closings
    t.true(isError(error, 'UNREACHABLE'))
    t.true(error?.cause instanceof Error)
    t.is(peer.openings, 0)
    t.is(peer.closings.length, 1)
  },
)

test('nobody at a port is unreachable', unreachable, async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
})
test('nobody at a name of several addresses is unreachable', unreachable, () => 'localhost:1')
test('nobody at a unix socket is unreachable', unreachable, (t: ExecutionContext) => `unix:${socketPath(t)}`)

test('a connection that does not open in time is unreachable', async (t) => {
  const peer = new Peer()
  const connection = netTransport({ connectMs: 1 }).connect('203.0.113.7:9', peer)
  await peer.until(({ closings }) => closings.length > 0)
  connection.close()
  t.true(isError(peer.closings[0], 'UNREACHABLE'))
})

test('closing a connection that is still opening tells nothing', async (t) => {
  const peer = new Peer()
  transport.connect('127.0.0.1:1', peer).close()
  await new Promise((done) => {
    setTimeout(done, 50)
  })
  t.deepEqual(peer.closings, [])
  t.is(peer.openings, 0)
})
