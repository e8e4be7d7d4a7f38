/** Commands on a folder: each hosts it for as long as it runs, or joins who does. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { connectLog } from '../../sequencer/connect.ts'
import { folder, json, run } from './command-line.ts'

test.beforeEach((t) => {
  t.timeout(120_000)
})

test.serial('commands host a folder one after the other, and what one appended the next one reads', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  const on = { env: { SIRTAKI_CLUSTER: `file:${join(path, 'log')}` } }
  const appended = await run(['append', '--stream', '17', 'hello'], on)
  t.is(appended.code, 0, appended.err)
  t.regex((await run(['read', appended.out.trim()], on)).out, /hello\n$/)
  t.deepEqual(
    json((await run(['tail', '--json', '--stream', '17'], on)).out).map((one) => one['text']),
    ['hello'],
  )
})

test.serial('a command joins the process that hosts', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  const { client, close } = await connectLog(`file:${path}`, { timeoutMs: 30_000 })
  t.teardown(close)
  const { position } = await client.append(new TextEncoder().encode('of the host'))
  t.regex((await run(['--cluster', `file:${path}`, 'read', String(position)])).out, /of the host\n$/)
  t.like(json((await run(['--cluster', `file:${path}`, 'status', '--json'])).out)[0], {
    epoch: 2,
    units: [{ role: 'serving' }],
  })
})

test.serial('a folder that makes no sense is exit code 2, one that cannot be made is 1, in one line', async (t) => {
  const odd = await run(['--cluster', 'file:', 'status'])
  t.is(odd.code, 2)
  t.is(odd.err, 'sirtaki: "file:" names no folder: write file:DIR [BAD_ADDRESS]\n')
  const { path, remove } = folder()
  t.teardown(remove)
  const missing = await run(['--cluster', `file:${join(path, 'no', 'where')}`, 'append', 'x'])
  t.is(missing.code, 1)
  t.regex(missing.err, /^sirtaki: the folder .*no\/where cannot be used: .*\[IO\]\n$/)
})

test.serial('P50: who only looks makes no cluster of a mistyped path, and names it', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  const typo = join(path, 'lgo')
  const looks = [
    ['status'],
    ['tail'],
    ['read', '0'],
    ['top', '--count', '1'],
    ['verify'],
    ['recover'],
    ['fill', '0'],
    ['trim', '--before', '0'],
    ['reconfigure', '--dry-run'],
  ]
  const ran = await Promise.all(looks.map((args) => run(['--cluster', `file:${typo}`, ...args])))
  t.deepEqual(
    ran.map(({ code }) => code),
    looks.map(() => 3),
  )
  const said = `there is no cluster in ${typo}, and nothing was made there`
  t.deepEqual(
    ran.map(({ err }) => err.includes(said)),
    looks.map(() => true),
  )
  const doctor = await run(['--cluster', `file:${typo}`, 'doctor'])
  t.is(doctor.code, 1)
  t.regex(doctor.out, /^fail +cluster +there is no cluster in .*lgo:/m)
  t.false(existsSync(typo))
  // An empty folder that is there is no cluster either.
  t.is((await run(['--cluster', `file:${path}`, 'status'])).code, 3)
  t.deepEqual(readdirSync(path), [])
})

test.serial('doctor takes a folder: who hosts it, its disk, and its members', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  const { client, close } = await connectLog(`file:${path}`, { timeoutMs: 30_000 })
  t.teardown(close)
  await client.append(new TextEncoder().encode('of the host'))
  const joined = await run(['--cluster', `file:${path}`, 'doctor'])
  t.is(joined.code, 0, joined.out)
  t.regex(joined.out, new RegExp(`^ok +host +process ${process.pid} hosts `, 'm'))
  t.regex(joined.out, /^ok +member unix:unit.sock +unit, serving/m)
  t.regex(joined.out, new RegExp(`^ok +file system +${path} is `, 'm'))
  await close()
  const alone = await run(['--cluster', `file:${path}`, 'doctor', '--json'])
  t.is(alone.code, 0, alone.out)
  const host = json(alone.out).find((one) => one['check'] === 'host')
  t.like(host, { level: 'ok', text: `nobody hosts ${path} now: this command did meanwhile` })
})

test.serial('P50: a unit refuses the folder of a file: cluster, and says what it is', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  const { close } = await connectLog(`file:${path}`, { timeoutMs: 30_000 })
  await close()
  const [whole, log] = await Promise.all(
    [path, join(path, 'unit')].map((data) =>
      run(['unit', '--data', data, '--listen', '127.0.0.1:0'], { timeoutMs: 20_000 }),
    ),
  )
  t.deepEqual([whole?.code, log?.code], [5, 5])
  t.regex(whole?.err ?? '', /is the folder of a file: cluster.*use it with --cluster file:.*\[WRONG_CLUSTER\]\n$/)
  t.regex(log?.err ?? '', /unit is the log of a file: cluster/)
  t.false(existsSync(join(path, 'unit.db')))
})

test.serial(
  'P45: a folder that lost its register says so at once, to every command, and recover goes on without it',
  async (t) => {
    const { path, remove } = folder()
    t.teardown(remove)
    const on = { env: { SIRTAKI_CLUSTER: `file:${path}` } }
    const { out } = await run(['append', '--stream', '17', 'kept'], on)
    const registers = ['acceptor.register', 'acceptor.register-2'].map((name) => join(path, 'unit', name))
    for (const name of registers) writeFileSync(name, 'garbage')
    const began = performance.now()
    const said = await run(['status'], on)
    t.is(said.code, 6)
    t.regex(
      said.err,
      /register of the acceptor at unix:unit\.sock is lost or cannot be read.*recover --without-acceptors/,
    )
    t.true(performance.now() - began < 9_000)
    t.is(readFileSync(registers[0] ?? '', 'latin1'), 'garbage')
    t.regex(
      (await run(['verify', '--data', join(path, 'unit')])).out,
      /acceptor\.register cannot be read.*the only copy of the log/,
    )
    t.regex((await run(['recover'], on)).err, /no majority of acceptors is left.*recover --without-acceptors/)
    const recovered = await run(['recover', '--without-acceptors'], on)
    t.is(recovered.code, 0, recovered.err)
    t.regex(recovered.err, /two clusters of one name/)
    t.regex((await run(['read', out.trim()], on)).out, /kept\n$/)
    t.is((await run(['append', '--stream', '17', 'more'], on)).code, 0)
    t.is((await run(['recover', '--without-acceptors'], on)).code === 0, false)
  },
)

test.serial('L2: a damaged folder names the command that salvages it, and goes on from there', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  const on = { env: { SIRTAKI_CLUSTER: `file:${path}` } }
  const { out } = await run(['append', '--stream', '17', 'kept'], on)
  // The count of free pages: every row is there, but the database is not whole.
  const database = join(path, 'unit', 'unit.db')
  const bytes = readFileSync(database)
  bytes.writeUInt32BE(bytes.readUInt32BE(28) + 1, 28)
  writeFileSync(database, bytes)
  const said = await run(['status'], on)
  t.is(said.code, 6)
  t.regex(said.err, new RegExp(`recover --salvage`))
  const told = await run(['recover', '--salvage'], on)
  t.is(told.code, 6, told.err)
  const recovered = await run(['recover', '--apply', '--accept-loss'], on)
  t.is(recovered.code, 0, recovered.err)
  t.regex((await run(['read', out.trim()], on)).out, /kept\n$/)
})
