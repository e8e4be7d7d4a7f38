/** Commands on a folder: each hosts it for as long as it runs, or joins who does. */
import { join } from 'node:path'
import test from 'ava'
import { connectLog } from '../../sequencer/client.ts'
import { folder, json, run } from './command-line.ts'

test.beforeEach((t) => { t.timeout(120_000) })

test('commands host a folder one after the other, and what one appended the next one reads', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  const on = { env: { SIRTAKI_CLUSTER: `file:${join(path, 'log')}` } }
  const appended = await run(['append', '--stream', '17', 'hello'], on)
  t.is(appended.code, 0, appended.err)
  t.regex((await run(['read', appended.out.trim()], on)).out, /hello\n$/)
  t.deepEqual(json((await run(['tail', '--json', '--stream', '17'], on)).out).map((one) => one['text']), ['hello'])
})

test('a command joins the process that hosts', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  const { client, close } = await connectLog(`file:${path}`)
  t.teardown(close)
  const { position } = await client.append(new TextEncoder().encode('of the host'))
  t.regex((await run(['--cluster', `file:${path}`, 'read', String(position)])).out, /of the host\n$/)
  t.like(json((await run(['--cluster', `file:${path}`, 'status', '--json'])).out)[0], { epoch: 2, units: [{ role: 'serving' }] })
})

test('a folder that makes no sense is exit code 2, one that cannot be made is 1, in one line', async (t) => {
  const odd = await run(['--cluster', 'file:', 'status'])
  t.is(odd.code, 2)
  t.is(odd.err, 'sirtaki: "file:" names no folder: write file:DIR [BAD_ADDRESS]\n')
  const { path, remove } = folder()
  t.teardown(remove)
  const missing = await run(['--cluster', `file:${join(path, 'no', 'where')}`, 'status'])
  t.is(missing.code, 1)
  t.regex(missing.err, /^sirtaki: the folder .*no\/where cannot be used: .*\[IO\]\n$/)
})
