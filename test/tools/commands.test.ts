/** Every command against a real cluster: what it says, and its exit code. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Counter } from '../../objects.ts'
import { connect } from '../../objects/connect.ts'
import { ended, folder, json, line, run, start, startCluster, type Ran, type TestCluster } from './command-line.ts'

let cluster: TestCluster
const on = (...args: string[]): Promise<Ran> => run(['--cluster', cluster.address, ...args])

test.before(async (t) => {
  t.timeout(120_000)
  cluster = await startCluster()
})
test.after.always(() => {
  cluster.close()
})
test.beforeEach((t) => {
  t.timeout(120_000)
})

test.serial('append and read: the text comes back from its position', async (t) => {
  const appended = await on('append', 'hello')
  t.is(appended.code, 0, appended.err)
  t.regex(appended.out, /^\d+\n$/)
  t.regex((await on('read', appended.out.trim())).out, /hello\n$/)
})

test.serial('append -: all of stdin is one entry, with streams, as JSON', async (t) => {
  const env = { SIRTAKI_CLUSTER: cluster.address }
  const ran = await run(['append', '--json', '--stream', '17', '--stream', '18', '-'], { stdin: 'one\ntwo', env })
  const [appended] = json(ran.out)
  t.like(appended, { streams: [17, 18], bytes: 7 })
  const [found] = json((await on('--json', 'read', String(appended?.['position']))).out)
  t.like(found, { kind: 'data', text: 'one\ntwo' })
})

test.serial('read: what nobody wrote is exit code 4 and names the position', async (t) => {
  const ran = await on('read', '99999999')
  t.is(ran.code, 4)
  t.regex(ran.err, /^sirtaki: position 99999999 is not written.*\n$/)
})

test.serial('tail: a stream has its entries, the log has the newest of all', async (t) => {
  await on('append', '--stream', '21', 'first of 21')
  await on('append', '--stream', '22', 'first of 22')
  t.deepEqual(
    json((await on('tail', '--json', '--stream', '21')).out).map((one) => one['text']),
    ['first of 21'],
  )
  t.deepEqual(
    json((await on('tail', '--json', '--lines', '2')).out).map((one) => one['text']),
    ['first of 21', 'first of 22'],
  )
})

test.serial('tail --follow: tells what is appended meanwhile, and SIGINT ends it with 130', async (t) => {
  const child = start(['--cluster', cluster.address, 'tail', '--stream', '31', '--follow', '--json'])
  const told = line(child, 'followed')
  const end = ended(child)
  await on('append', '--stream', '31', 'followed')
  t.regex(await told, /"text":"followed"/)
  child.kill('SIGINT')
  t.is((await end).code, 130)
})

test.serial('append: the streams of the objects are refused without --force, and nothing is written', async (t) => {
  const refused = await on('append', '--stream', '1', 'no op')
  const last = await on('append', '--stream', '16,15', 'no op')
  t.deepEqual([refused.code, last.code], [2, 2])
  t.is(
    refused.err,
    'sirtaki: stream 1 is one of the objects (0 to 15), where only their own entries belong: '
      + 'name a stream from 16 on, or say --force\n',
  )
  t.regex(last.err, /stream 15 is one of the objects/)
  t.is((await on('tail', '--stream', '1')).out, '')
  t.is((await on('append', '--stream', '16', 'the first of all others')).code, 0)
  const forced = await on('append', '--stream', '2', '--force', 'by force')
  t.is(forced.code, 0, forced.err)
  t.regex((await on('tail', '--stream', '2')).out, /by force/)
})

test.serial('trim: what the objects need is refused without --force, which says what is lost', async (t) => {
  const client = await connect(cluster.address)
  await (await client.open(Counter, '/hits')).add({ by: 1 })
  await client.close()
  const [first] = json((await on('tail', '--json', '--stream', '1')).out)
  const at = Number(first?.['position'])
  const kept = await on('append', 'behind the objects')
  const before = String(Number(kept.out) + 1)
  const refused = await on('trim', '--before', before)
  t.is(refused.code, 2)
  t.regex(
    refused.err,
    new RegExp(`^sirtaki: refused: the objects play streams 0 .*, 1 \\(from position ${at} on\\).*with --force`),
  )
  t.is((await on('read', kept.out.trim())).code, 0)
  const dry = await on('trim', '--before', before, '--dry-run')
  t.is(dry.code, 0)
  t.regex(dry.err, /^needs --force: the objects play/)
  t.is((await on('trim', '--before', String(at), '--force')).code, 0)
  const forced = await on('trim', '--before', before, '--force', '--json')
  t.is(forced.code, 0, forced.err)
  t.regex(forced.err, /^\d+ positions are dropped: the objects play streams 0 .*, 1 /)
  t.like(json(forced.out)[0], { objects: [{ stream: 0 }, { stream: 1, first: at }] })
  t.is((await on('read', kept.out.trim())).code, 4)
})

test.serial('fill: a decided position stays what it is; above the tail is a usage error', async (t) => {
  const { out } = await on('append', 'not to be filled')
  t.regex((await on('fill', out.trim())).out, /not to be filled/)
  t.is((await on('fill', '99999999')).code, 2)
})

test.serial('status: names every unit with instance, prefix, lag and disk', async (t) => {
  const ran = await on('status', '--json')
  t.is(ran.code, 0)
  const [status] = json(ran.out)
  t.true(Array.isArray(status?.['units']) && status['units'].length === 3)
  t.regex((await on('status')).out, /chain +unit +instance +role +epoch +prefix +tail +lag +trim +disk/)
})

test.serial('status --watch: tells it over and over, and SIGINT ends it with 130', async (t) => {
  const child = start(['--cluster', cluster.address, 'status', '--watch', '--every', '100', '--json'])
  const end = ended(child)
  let looks = 0
  child.stdout?.on('data', (piece) => {
    looks += String(piece).split('\n').length - 1
    if (looks >= 3) child.kill('SIGINT')
  })
  const { code, out } = await end
  t.is(code, 130)
  t.deepEqual(
    json(out)
      .slice(0, 3)
      .map((look) => typeof look['time'] === 'string' && Array.isArray(look['units']) && look['units'].length),
    [3, 3, 3],
  )
})

test.serial('status --watch: without --json and a terminal it is the same text, block by block', async (t) => {
  const child = start(['--cluster', cluster.address, 'status', '--watch', '--every', '100'])
  const end = ended(child)
  child.stdout?.on('data', (piece) => {
    if (String(piece).includes('\n\ncluster ') || String(piece).startsWith('\ncluster ')) child.kill('SIGINT')
  })
  const { code, out } = await end
  t.is(code, 130)
  t.regex(out, /^cluster [^]*\nchain +unit [^]*\n\ncluster [^]*\nchain +unit/)
})

test.serial(
  'doctor: says in words how machine, folder and members are; a stranger without an answer is a warning',
  async (t) => {
    const well = await on('doctor', '--data', join(cluster.data, 'not yet', 'made'))
    t.is(well.code, 0, well.out)
    for (const name of [
      'node',
      'sqlite',
      'open files',
      'clock',
      'free space',
      'disk sync',
      'versions',
      'log time',
      ...cluster.units.map((unit) => `member ${unit}`),
      `member ${cluster.sequencer}`,
    ]) {
      t.regex(well.out, new RegExp(`^(ok|warn) +${name} `, 'm'))
    }
    t.deepEqual(
      readdirSync(cluster.data).filter((name) => name.includes('doctor')),
      [],
    )
    const stranger = `127.0.0.1:${cluster.spare + 1}`
    const named = await run(['--json', '--cluster', `${cluster.address},${stranger}`, 'doctor', '--data', cluster.data])
    t.is(named.code, 0, named.err)
    const warned = json(named.out).find((one) => one['check'] === `member ${stranger}`)
    t.is(warned?.['level'], 'warn')
    t.regex(String(warned?.['text']), /does not answer .* and is no member of the cluster: leave it out of --cluster/)
    const away = await run(['--json', '--cluster', `tcp://${stranger}`, 'doctor', '--data', cluster.data])
    t.is(away.code, 1)
    const failed = json(away.out).filter((one) => one['level'] === 'fail')
    t.deepEqual(
      failed.map((one) => one['check']),
      [`member ${stranger}`],
    )
    t.like(json(away.err)[0], { code: null, message: `not as it should be: member ${stranger}`, exit: 1 })
  },
)

test.serial('trim: a dry run drops nothing, a real one drops for good', async (t) => {
  const { out } = await on('append', 'to be trimmed')
  const before = String(Number(out) + 1)
  t.regex((await on('trim', '--before', before, '--dry-run')).out, /^would drop/)
  t.is((await on('read', out.trim())).code, 0)
  t.regex((await on('trim', '--before', before)).out, /^dropped/)
  t.is((await on('read', out.trim())).code, 4)
  t.is((await on('trim', '--before', '99999999')).code, 2)
})

test.serial('the config file is above the defaults, the environment above it, flags above all', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  writeFileSync(join(path, 'sirtaki.config.json'), JSON.stringify({ cluster: cluster.address, json: true }))
  t.true((await run(['append', 'by config'], { cwd: path })).out.startsWith('{"position"'))
  t.is((await run(['append', 'by environment'], { cwd: path, env: { SIRTAKI_CLUSTER: 'tcp://127.0.0.1:1' } })).code, 3)
  t.is(
    (
      await run(['--cluster', cluster.address, 'append', 'by flag'], {
        cwd: path,
        env: { SIRTAKI_CLUSTER: 'tcp://127.0.0.1:1' },
      })
    ).code,
    0,
  )
})

test.serial(
  'sequencer: refuses while another lives with exit code 5; waits with --standby and can be named',
  async (t) => {
    const units = cluster.units.join(',')
    const refused = await run(['sequencer', '--listen', `127.0.0.1:${cluster.spare}`, '--units', units])
    t.is(refused.code, 5)
    t.regex(refused.err, /living sequencer/)
    const waiting = start([
      'sequencer',
      '--standby',
      '--json',
      '--listen',
      `127.0.0.1:${cluster.spare}`,
      '--units',
      units,
    ])
    t.teardown(() => {
      waiting.kill('SIGKILL')
    })
    const ready = line(waiting, 'ready')
    await line(waiting, 'listening')
    t.regex((await on('reconfigure', 'move-sequencer', `127.0.0.1:${cluster.spare}`, '--dry-run')).out, /would be/)
    t.is((await on('reconfigure', 'move-sequencer', `127.0.0.1:${cluster.spare}`)).code, 0)
    await ready
    t.is((await on('append', 'under the new sequencer')).code, 0)
    t.is((await on('reconfigure', 'move-sequencer', cluster.units[0] ?? '')).code, 2)
    const [dropped] = json((await on('reconfigure', '--json', '--yes', 'remove', cluster.units[2] ?? '')).out)
    t.deepEqual(dropped?.['chains'], [cluster.units.slice(0, 2)])
  },
)

test.serial('init: on units that are not blank is exit code 5 and names one', async (t) => {
  const ran = await run(['init', '--units', cluster.units.join(',')])
  t.is(ran.code, 5)
  t.regex(ran.err, /is not blank/)
})

test.serial('unit: port in use, folder in use and folder of another cluster are exit code 5', async (t) => {
  t.regex(
    (await run(['unit', '--data', join(cluster.data, 'new'), '--listen', cluster.units[0] ?? ''])).err,
    /is in use/,
  )
  const inUse = await run(['unit', '--data', join(cluster.data, 'u0'), '--listen', '127.0.0.1:0'])
  t.is(inUse.code, 5)
  t.regex(inUse.err, /u0 is in use by process \d+/)
  cluster.processes[2]?.kill('SIGTERM')
  await new Promise((resolve) => {
    cluster.processes[2]?.on('close', resolve)
  })
  const other = await run([
    'unit',
    '--data',
    join(cluster.data, 'u2'),
    '--listen',
    '127.0.0.1:0',
    '--cluster-id',
    'another',
  ])
  t.is(other.code, 5)
  t.regex(other.err, /belongs to cluster/)
})
