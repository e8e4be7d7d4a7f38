/** `sirtaki lock`, `elect` and `locks`: commands that run while something is held. */
import test from 'ava'
import type { Client } from '../../objects/connect.ts'
import { encodeEnd } from '../../sequencer/session-entry.ts'
import { ended, json, line } from './command-line.ts'
import { host, somebodyWaits } from './host.ts'

test.beforeEach((t) => {
  t.timeout(120_000)
})

// Bounded, so that nothing is left of a test that fails.
const LOOP = 'for i in $(seq 400); do sleep 0.05; done'
const DEAF = `trap 'echo told' TERM; echo started; ${LOOP}`
const PATIENT = `trap 'echo told; exit 0' TERM; echo started; ${LOOP}`

/** Ends the session of the one holder of a lock, as the sequencer ends one that has fallen silent. */
async function endHolder(client: Client, path: string): Promise<void> {
  await client.sync()
  const [holder] = json(JSON.stringify(client.describe(path)))
  const [first] = json(JSON.stringify(Array.isArray(holder?.['holders']) ? holder['holders'][0] : {}))
  const session = Number(first?.['session'])
  await client.log.appendAnywhere(encodeEnd(session, 0, false), { streams: [0, 1] })
}

test.serial('lock: the command is given path, token and hold; its exit code is that of the whole', async (t) => {
  const { on, client } = await host(t)
  const told = 'echo "$SIRTAKI_LOCK_PATH $SIRTAKI_LOCK_TOKEN $SIRTAKI_LOCK_HOLD $0"; exit 7'
  const ran = await on('lock', '/locks/one', '--', 'sh', '-c', told, '--json')
  t.deepEqual([ran.code, ran.err], [7, ''])
  const [path, token, hold, flag] = ran.out.trim().split(' ')
  t.deepEqual([path, hold, flag], ['/locks/one', token, '--json'])
  const next = await client.lock('/locks/one', { timeoutMs: 10_000 })
  t.true(next.token > Number(token))
})

test.serial('lock: what somebody holds is waited for, or not, with exit code 5 and who holds it', async (t) => {
  const { on, start, client } = await host(t)
  const held = await client.lock('/locks/one', { timeoutMs: 10_000 })
  const refused = await on('lock', '/locks/one', '--wait', '0', '--', 'echo', 'never')
  t.deepEqual([refused.code, refused.out], [5, ''])
  t.regex(refused.err, /^sirtaki: \/locks\/one was not free within 0 ms: host \(session \d+\) holds it \[HELD\]\n$/)
  const late = await on('lock', '/locks/one', '--wait', '300', '--json', '--', 'echo', 'never')
  t.is(late.code, 5)
  t.like(json(late.err)[0], { code: 'HELD', next: 'again', facts: { path: '/locks/one' } })
  const waiting = start('lock', '/locks/one', '--', 'echo', 'at last')
  const end = ended(waiting)
  await somebodyWaits(client, '/locks/one', 'waiters')
  await held.release()
  const { code, out } = await end
  t.deepEqual([code, out], [0, 'at last\n'])
})

test.serial('lock --shared: readers hold it together, and a writer is not among them', async (t) => {
  const { on, client } = await host(t)
  await using reader = await client.lock('/locks/one', { shared: true, timeoutMs: 10_000 })
  t.is((await on('lock', '/locks/one', '--shared', '--wait', '0', '--', 'true')).code, 0)
  t.is((await on('lock', '/locks/one', '--wait', '0', '--', 'true')).code, 5)
  t.true(reader.isCurrent)
})

test.serial('O7: lock: when the lock is lost the command is told to end, and then killed: exit code 5', async (t) => {
  const { start, client } = await host(t)
  const deaf = start('lock', '/locks/one', '--grace', '200', '--', 'sh', '-c', DEAF)
  const end = ended(deaf)
  await line(deaf, 'started')
  await endHolder(client, '/locks/one')
  const { code, out, err } = await end
  t.is(code, 5, err)
  t.regex(out, /^started\ntold\n$/)
  t.regex(err, /^sirtaki: \/locks\/one was lost while the command ran, which was ended: .*\[NOT_HELD\]\n$/)
})

test.serial(
  'O7: lock: a command that ends in the grace is not killed, and the exit code is 5 all the same',
  async (t) => {
    const { start, client } = await host(t)
    const patient = start('lock', '/locks/one', '--json', '--', 'sh', '-c', PATIENT)
    const end = ended(patient)
    await line(patient, 'started')
    await endHolder(client, '/locks/one')
    const { code, out, err } = await end
    t.deepEqual([code, out], [5, 'started\ntold\n'])
    t.like(json(err)[0], { code: 'NOT_HELD', exit: 5, facts: { path: '/locks/one' } })
  },
)

test.serial('lock: SIGTERM ends the command first, and gives the lock back', async (t) => {
  const { start, client } = await host(t)
  const child = start('lock', '/locks/one', '--', 'sh', '-c', PATIENT)
  const end = ended(child)
  await line(child, 'started')
  child.kill('SIGTERM')
  const { code, out } = await end
  t.deepEqual([code, out], [0, 'started\ntold\n'])
  await client.sync()
  t.is(client.describe('/locks/one'), undefined)
})

test.serial('lock: a signal that ends the command shows in the exit code, 127 is one that cannot start', async (t) => {
  const { on } = await host(t)
  t.is((await on('lock', '/locks/one', '--', 'sh', '-c', 'kill -9 $$')).code, 137)
  const missing = await on('lock', '/locks/one', '--', 'no-such-command')
  t.is(missing.code, 127)
  t.regex(missing.err, /^sirtaki: no-such-command cannot be started: .*ENOENT\n$/)
})

test.serial('elect and locks: one leads and shows its data, the next one leads with a higher token', async (t) => {
  const { on, start, client } = await host(t)
  const first = start('elect', '/leader', '--data', '{"port": 1}', '--', 'sh', '-c', PATIENT)
  const end = ended(first)
  await line(first, 'started')
  const second = start('elect', '/leader', '--data', '{"port": 2}', '--', 'sh', '-c', 'echo "$SIRTAKI_LOCK_TOKEN"')
  const endOfSecond = ended(second)
  await somebodyWaits(client, '/leader', 'waiters')
  const [leader] = json((await on('locks', '--json')).out)
  t.like(leader, { path: '/leader', mode: 'lock', waiters: 1, holders: [{ data: { port: 1 } }] })
  t.regex((await on('locks')).out, /^\/leader +lock +sirtaki \d+ on .* \(\d+\) +\d+ +\d{4}-.* +1 +{"port":1}$/m)
  first.kill('SIGTERM')
  t.is((await end).code, 0)
  const { code, out } = await endOfSecond
  t.is(code, 0)
  const [held] = json(JSON.stringify(Array.isArray(leader?.['holders']) ? leader['holders'][0] : {}))
  t.true(Number(out) > Number(held?.['token']))
})

test.serial('what stands behind -- is no flag, of any command', async (t) => {
  const { on } = await host(t)
  const appended = await on('append', '--stream', '17', '--', '--json')
  t.is(appended.code, 0, appended.err)
  t.regex((await on('read', appended.out.trim())).out, /--json\n$/)
  t.is(
    (await on('lock', '--shared', '/locks/one', '--', 'echo', '--shared', '--', '--json')).out,
    '--shared -- --json\n',
  )
})
