/** `sirtaki checkpoint | trim | get --at | diff | blame | history | replay`: copies of the state, and the past. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { number, object } from 'superstruct'
import { Counter, defineObject } from '../../index.ts'
import { folder, json, run } from './command-line.ts'
import { host } from './host.ts'

test.beforeEach((t) => {
  t.timeout(180_000)
})

test.serial('the past of a counter: as it was, what differs, who did it, where it first broke a rule', async (t) => {
  const { on } = await host(t)
  const positions: string[] = []
  for (const by of [5, 7, -20, 1]) {
    await on('call', '/hits', 'counter', 'add', JSON.stringify({ by }))
    positions.push(String(json((await on('ls', '--json')).out)[0]?.['modified']))
  }
  const [first = '', second = '', third = ''] = positions
  t.like(json((await on('get', '/hits', '--at', second, '--json')).out)[0], { value: 12 })
  t.like(json((await on('get', '/hits', '--json')).out)[0], { value: -7 })
  const differences = json((await on('diff', first, second, '/hits', '--json')).out)
  t.like(differences, [{ path: '/hits', before: { value: 5 }, after: { value: 12 } }])
  const blamed = json((await on('blame', '/hits', '--json')).out)
  t.like(blamed, [{ field: 'value', value: -7, op: 'add' }])
  const history = await on('history', '/hits')
  t.is(history.out.match(/add of \/hits/g)?.length, 4)
  const found = await on('replay', '--until', 'state != null && state.value < 0', '--object', '/hits', '--json')
  t.like(json(found.out), [{ position: Number(third), ops: [{ path: '/hits', op: 'add', input: { by: -20 } }] }])
  const none = await on('replay', '--until', "op == 'burn'")
  t.is(none.code, 4)
  t.regex(none.err, /^sirtaki: the expression held for none of \d+ entries/)
  const odd = await on('replay', '--until', 'op ==')
  t.is(odd.code, 2)
  t.regex(odd.err, /^sirtaki: the expression "op ==" is refused: /)
  const late = await on('get', '/hits', '--at', '99999999')
  t.is(late.code, 2)
  t.regex(late.err, /is no position of the past/)
  t.is((await on('get', '/hits', '--at', 'yesterday')).code, 2)
  t.is((await on('get', '/hits', '--at', '1970-01-02')).code, 2)
})

test.serial('checkpoint, policy, trim, gc: the log is cut, and commands go on without being told', async (t) => {
  const { on } = await host(t)
  const { path, remove } = folder()
  t.teardown(remove)
  const blobs = `file:${join(path, 'blobs')}`
  const add = () => on('call', '/hits', 'counter', 'add', '{"by": 1}')
  await add()
  t.is((await on('checkpoint', 'create')).code, 2)
  t.is((await on('checkpoint', 'create', '--blobs', blobs)).code, 0)
  await add()
  const [second] = json((await on('checkpoint', 'create', '--blobs', blobs, '--json')).out)
  await add()
  const refused = await on('trim', '--before', String(second?.['position']), '--blobs', blobs)
  t.is(refused.code, 5)
  t.regex(refused.err, /trim of \/\.sirtaki\/retention was refused: NEEDED .*limit \d+.* \[NEEDED\]\n$/)
  const dry = json((await on('trim', '--dry-run', '--json', '--blobs', blobs)).out)
  const done = json((await on('trim', '--json', '--blobs', blobs)).out)
  t.is(done[0]?.['before'], dry[0]?.['before'])
  t.true(Number(done[0]?.['before']) > 0)
  const ran = await on('get', '/hits', '--json')
  t.like(json(ran.out)[0], { value: 3 })
  t.regex(ran.err, /the log begins with the checkpoints at file:/)
  const gone = await on('get', '/hits', '--at', '1', '--blobs', blobs)
  t.is(gone.code, 4)
  t.regex(gone.err, /the state at position 1 cannot be had any more/)
  const flags = ['--keep', '3', '--archive-keep-ms', '60000', '--trim', '--json']
  const [policy] = json((await on('checkpoint', 'policy', ...flags)).out)
  t.like(policy, { keep: 3, archiveKeepMs: 60_000, trim: true, everyEntries: 100_000 })
  t.like(json((await on('checkpoint', 'policy', '--json')).out)[0], { keep: 3, trim: true })
  await on('checkpoint', 'create', '--blobs', blobs)
  await on('checkpoint', 'create', '--blobs', blobs)
  await on('checkpoint', 'policy', '--keep', '2', '--keep-every', '0', '--archive-keep-ms', '0')
  const [collected] = json((await on('checkpoint', 'gc', '--grace', '0', '--json', '--blobs', blobs)).out)
  const removed: unknown = collected?.['manifests']
  t.true(Array.isArray(removed) && removed.length === 2)
  t.is((await on('checkpoint', 'verify', '--blobs', blobs)).code, 0)
})

test.serial('checkpointer: writes by the policy, one of two, and ends with Ctrl-C', async (t) => {
  const { on, start, client } = await host(t)
  const { path, remove } = folder()
  t.teardown(remove)
  const blobs = `file:${join(path, 'blobs')}`
  await on('checkpoint', 'policy', '--every-entries', '5', '--every-ms', '400', '--trim')
  const two = [start('checkpointer', '--blobs', blobs), start('checkpointer', '--blobs', blobs)]
  const ended = Promise.all(two.map((one) => new Promise((resolve) => one.once('close', resolve))))
  t.teardown(() => two.forEach((one) => one.kill('SIGKILL')))
  const counter = await client.open(Counter, '/hits')
  const until = Date.now() + 60_000
  while (client.retention().mark === 0) {
    await counter.add({ by: 1 })
    await new Promise((resolve) => setTimeout(resolve, 50))
    if (Date.now() > until) t.fail('nothing was trimmed')
  }
  for (const one of two) one.kill('SIGINT')
  t.deepEqual(await ended, [130, 130])
  const list = json((await on('checkpoint', 'list', '--json', '--blobs', blobs)).out)
  t.true(list.length >= 2)
})

test.serial('archiver and archive: what is trimmed is read from the archive, a damaged range is found', async (t) => {
  const { on, start, client } = await host(t)
  const { path, remove } = folder()
  t.teardown(remove)
  const blobs = join(path, 'blobs')
  const hits = await client.open(Counter, '/hits')
  for (const by of [1, 2, 4]) await hits.add({ by })
  const { position } = client
  const archiver = start('archiver', '--blobs', `file:${blobs}`, '--range', '1')
  const ended = new Promise((resolve) => {
    archiver.once('close', resolve)
  })
  const until = Date.now() + 60_000
  while ((client.retention().archived ?? 0) <= position) {
    await hits.add({ by: 8 })
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
    if (Date.now() > until) t.fail('nothing was archived')
  }
  archiver.kill('SIGINT')
  t.is(await ended, 130)
  await on('checkpoint', 'create', '--blobs', `file:${blobs}`)
  const [done] = json((await on('trim', '--json', '--blobs', `file:${blobs}`)).out)
  t.true(Number(done?.['before']) > position)
  const then = await on('get', '/hits', '--at', String(position), '--json', '--blobs', `file:${blobs}`)
  t.like(json(then.out)[0], { value: 7 })
  const first = await on('replay', '--until', "op == 'add' && input.by == 2", '--blobs', `file:${blobs}`)
  t.regex(first.out, /add of \/hits {"by":2}/)
  const [status] = json((await on('archive', 'status', '--json', '--blobs', `file:${blobs}`)).out)
  t.is(status?.['archived'], client.retention().archived)
  t.is((await on('archive', 'verify', '--blobs', `file:${blobs}`)).code, 0)
  const all = await on('verify', '--json', '--blobs', `file:${blobs}`)
  t.is(all.code, 0, all.err)
  t.like(json(all.out)[0], { ok: true, findings: [] })
  t.like(json(all.out)[0]?.['checked'], { checkpoints: 1 })
  const [range = ''] = readdirSync(join(blobs, 'archive'))
  writeFileSync(join(blobs, 'archive', range), 'damaged')
  const broken = await on('verify', '--blobs', `file:${blobs}`)
  t.is(broken.code, 6)
  t.regex(broken.out, new RegExp(`^file:.*archive/${range}`))
  const found = await on('archive', 'verify', '--blobs', `file:${blobs}`)
  t.is(found.code, 6)
  t.regex(found.out, /is damaged/)
})

test.serial('replay of two codes: the first entry that differs, and claims where there is one code', async (t) => {
  const { on, client } = await host(t)
  const { path, remove } = folder()
  t.teardown(remove)
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const code = (name: string, limit: number): string => {
    const file = join(path, name)
    writeFileSync(
      file,
      `import { number, object } from '${root}node_modules/superstruct/dist/index.mjs'
import { defineObject } from '${root}objects.ts'
export const Tally = defineObject({
  name: 'test.tally', version: 1, state: object({ sum: number() }), initial: () => ({ sum: 0 }),
  ops: (op) => ({ add: op(number(), (draft, by) => { if (by < ${limit}) draft.sum += by; return draft.sum }) }),
})`,
    )
    return file
  }
  const [base, next] = [code('base.ts', 100), code('next.ts', 10)]
  const Tally = defineObject({
    name: 'test.tally',
    version: 1,
    state: object({ sum: number() }),
    initial: () => ({ sum: 0 }),
    ops: (op) => ({ add: op(number(), (draft, by) => (draft.sum += by)) }),
  })
  const tally = await client.open(Tally, '/tally')
  for (const by of [1, 2, 30, 4]) await tally.add(by)
  const same = await on('replay', '--base', base, '--code', base)
  t.is(same.code, 0, same.err)
  t.regex(same.out, /both codes come to the same/)
  const found = await on('replay', '--base', base, '--code', next, '--json')
  t.is(found.code, 5, found.err)
  t.like(json(found.out)[0], { ops: [{ path: '/tally', op: 'add', input: 30 }] })
  const claims = await on('replay', '--claims', '--code', base)
  t.is(claims.code, 0, claims.err)
  t.regex(claims.err, /digests that were claimed are compared/)
})

test.serial('log export: a bug report is a file, which is played without the cluster', async (t) => {
  const { on, client } = await host(t)
  const { path, remove } = folder()
  t.teardown(remove)
  const [file, blobs] = [join(path, 'bug.log'), `file:${join(path, 'blobs')}`]
  const hits = await client.open(Counter, '/hits')
  for (const by of [1, 2]) await hits.add({ by })
  await on('checkpoint', 'create', '--blobs', blobs)
  const { position } = client
  await client.sync()
  for (const by of [3, -9, 4]) await hits.add({ by })
  const whole = await on('log', 'export', file, '--json')
  t.is(whole.code, 0, whole.err)
  const replayed = await run(['replay', file, '--until', 'state != null && state.value < 0', '--object', '/hits'])
  t.is(replayed.code, 0, replayed.err)
  t.regex(replayed.out, /add of \/hits {"by":-9}: -3/)
  const part = join(path, 'part.log')
  t.is((await on('log', 'export', part, '--from', String(position + 2), '--blobs', blobs)).code, 0)
  const rest = await run(['replay', part, '--json'])
  const adds = json(rest.out).filter((one) => JSON.stringify(one['ops']).includes('"add"'))
  t.deepEqual(
    adds.map((one) => JSON.stringify(one['outcome'])),
    [6, -3, 1].map((value) => JSON.stringify({ kind: 'result', value })),
  )
  writeFileSync(part, readFileSync(part).subarray(0, 200))
  const cut = await run(['replay', part])
  t.is(cut.code, 6)
  t.regex(cut.err, /is damaged: its sum is wrong: it was cut or changed \[DAMAGED\]/)
  t.is((await run(['replay', join(path, 'none.log')])).code, 1)
})
