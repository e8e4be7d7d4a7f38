/** Commands for trees: create, get, set, ls, rm, watch, export, import, call. */
import test from 'ava'
import { Counter, digestIdentity } from '../../index.ts'
import { openJob } from '../../tools/job/objects.ts'
import { REPORTS } from '../../tools/job/report.ts'
import { ended, json, line, run } from './command-line.ts'
import { host } from './host.ts'

test.beforeEach((t) => {
  t.timeout(120_000)
})

test.serial('create, get and ls: a node is made, printed with its stat, and listed', async (t) => {
  const { on } = await host(t)
  t.deepEqual(await on('create', '/app', '/flags', '{"dark": true}'), { code: 0, out: '/flags\n', err: '' })
  t.deepEqual(json((await on('create', '/app', '/flags/n-', '--sequential', '--json')).out), [
    { object: '/app', path: '/flags/n-0000000000' },
  ])
  t.is((await on('create', '/app', '/flags/', '5', '--sequential')).out, '/flags/0000000001\n')
  t.is((await on('create', '/app', '/note', 'plain text', '--text', '--ttl', '3600000')).code, 0)
  const [got, text, none, note, odd, tree, root, below, all] = await Promise.all([
    on('get', '/app', '/flags', '--json'),
    on('get', '/app', '/flags'),
    on('get', '/app', '/flags/n-0000000000'),
    on('get', '/app', '/note', '--text'),
    on('get', '/app', '/note', '--json'),
    on('get', '/app'),
    on('ls', '/app'),
    on('ls', '/app', '/flags', '--json'),
    on('ls'),
  ])
  t.like(json(got.out)[0], { object: '/app', path: '/flags', value: { dark: true }, stat: { numChildren: 2 } })
  t.regex(text.out, /^path +\/flags\nczxid +\d+\n[^]*^ctime +20.*Z\n[^]*^value +{"dark":true}\n$/m)
  t.false(none.out.includes('value'))
  t.regex(note.out, /^value +plain text\n$/m)
  t.like(json(odd.err)[0], { code: 'DATA_UNREADABLE', next: 'stop', facts: { path: '/note' } })
  t.regex(tree.out, /^type +sirtaki\.tree\n[^]*^nodes +\d+\n/m)
  t.regex(root.out, /^path +version +children +bytes +changed +owner\n\/flags +0 +2 +13 +20[^ ]+Z\n\/note /)
  t.like(json(below.out), [
    { path: '/flags/0000000001', stat: { dataLength: 1 } },
    { path: '/flags/n-0000000000', stat: { dataLength: 0 } },
  ])
  t.regex(all.out, /^\/app +sirtaki\.tree +1 +\d+$/m)
})

test.serial('set and rm: a node is changed and deleted in the version that was named', async (t) => {
  const { on, client } = await host(t)
  const tree = await client.tree('/app')
  await tree.create('/a', 1)
  await tree.create('/a/b')
  await tree.create('/a/b/c')
  t.is((await on('set', '/app', '/a', '2', '--version', '0')).out, '1\n')
  t.like(json((await on('set', '/app', '/a', 'two', '--text', '--json')).out)[0], { path: '/a', stat: { version: 2 } })
  const [set, rm, full, dry, leaf] = await Promise.all([
    on('set', '/app', '/a', '3', '--version', '1'),
    on('rm', '/app', '/a/b/c', '--version', '1'),
    on('rm', '/app', '/a', '--json'),
    on('rm', '/app', '/a', '--recursive', '--dry-run'),
    on('rm', '/app', '/a/b/c', '--dry-run'),
  ])
  t.regex(set.err, /BAD_VERSION \(path \/a, version 2, wanted 1\) \[BAD_VERSION\]\n$/)
  t.regex(rm.err, /BAD_VERSION \(path \/a\/b\/c, version 0, wanted 1\) \[BAD_VERSION\]\n$/)
  t.deepEqual([set.code, rm.code, full.code], [5, 5, 5])
  t.like(json(full.err)[0], { code: 'NOT_EMPTY', facts: { path: '/a', children: 1 } })
  t.is(dry.out, 'would delete /a (3 nodes)\n')
  t.is(leaf.out, 'would delete /a/b/c\n')
  t.is((await on('rm', '/app', '/a/b/c', '--version', '0')).out, 'deleted /a/b/c\n')
  t.like(json((await on('rm', '/app', '/a', '--recursive', '--json')).out)[0], { path: '/a', nodes: 2, dryRun: false })
  await tree.sync()
  t.deepEqual(tree.children('/'), [])
})

test.serial('what is not there, or of another type, is said with the codes of the tree', async (t) => {
  const { on, client } = await host(t)
  await (await client.open(Counter, '/hits')).add({ by: 1 })
  const session = await client.session({ identities: [digestIdentity('ann', 'secret')] })
  const tree = await session.tree('/app')
  await tree.create('/a')
  await tree.create('/mine', 1, { ephemeral: true })
  await tree.create('/closed', 1, { acl: [[31, 'auth', '']] })
  const ran = await Promise.all([
    on('get', '/app', '/no'),
    on('ls', '/app', '/no'),
    on('set', '/app', '/no', '1'),
    on('rm', '/app', '/no', '--recursive'),
    on('export', '/app', '/no'),
    on('create', '/app', '/no/way'),
    on('create', '/app', '/a'),
    on('create', '/app', '/mine/child'),
    on('get', '/app', '/closed'),
    on('export', '/app'),
    on('rm', '/app', '/zookeeper'),
    on('get', '/hits', '/a'),
    on('create', '/hits', '/a'),
    on('get', '/none', '/a'),
  ])
  const codes = ran.map(({ code, err }) => [code, /\[(\w+)\]\n$/.exec(err)?.[1]])
  t.deepEqual(codes, [
    [4, 'NO_NODE'],
    [4, 'NO_NODE'],
    [4, 'NO_NODE'],
    [4, 'NO_NODE'],
    [4, 'NO_NODE'],
    [4, 'NO_NODE'],
    [5, 'NODE_EXISTS'],
    [5, 'NO_CHILDREN_FOR_EPHEMERALS'],
    [1, 'NO_AUTH'],
    [1, 'NO_AUTH'],
    [2, 'BAD_ARGUMENTS'],
    [5, 'WRONG_TYPE'],
    [5, 'WRONG_TYPE'],
    [4, undefined],
  ])
  t.regex(ran.at(-1)?.err ?? '', /there is no object at \/none/)
  t.regex((await on('ls', '/app')).out, /^\/closed +\? +\? +\? +\?$/m)
  t.regex((await on('ls', '/app')).out, /^\/mine .*Z +\d+$/m)
})

test.serial('watch: a node, its children, or all below it, from now on or behind a position', async (t) => {
  const { start, client } = await host(t)
  const tree = await client.tree('/app')
  await tree.create('/a', 1)
  const { position } = tree
  await tree.create('/a/b', 1)
  const [one, children, below] = [
    start('watch', '/app', '/a', '--after', String(position), '--json'),
    start('watch', '/app', '/a', '--children', '--after', String(position)),
    start('watch', '/app', '/', '--recursive', '--after', String(position)),
  ]
  const ends = [one, children, below].map((child) => ended(child))
  await Promise.all([line(one, 'childrenChanged'), line(children, '/a/b created'), line(below, '/a/b created')])
  const told = [line(one, '"changed"'), line(children, '/a/c created'), line(below, '/x/y created')]
  await tree.create('/x')
  await tree.create('/x/y')
  await tree.create('/a/c')
  await tree.set('/a', 2)
  const [changed] = json((await told[0]) ?? '')
  t.like(changed, { kind: 'events', events: [{ kind: 'changed', path: '/a' }] })
  await Promise.all(told)
  for (const child of [one, children, below]) child.kill('SIGINT')
  const ran = await Promise.all(ends)
  t.deepEqual(
    ran.map(({ code }) => code),
    [130, 130, 130],
  )
  t.false(ran[1]?.out.includes('/x'))
})

test.serial('export and import: a tree is copied node by node, from stdout to stdin', async (t) => {
  const { on, with: feed, client } = await host(t)
  const tree = await client.tree('/app')
  await tree.create('/a', { n: 1 })
  await tree.create('/a/b', 'ü', { container: true })
  await tree.create('/a/gone', 1, { ephemeral: true })
  await tree.set('/a', { n: 2 })
  const exported = await on('export', '/app')
  t.deepEqual(
    json(exported.out).map(({ path, version, container }) => [path, version, container]),
    [
      ['/a', 1, undefined],
      ['/a/b', undefined, true],
    ],
  )
  t.is((await on('export', '/app', '/a/b', '--json')).out, exported.out.split('\n')[1] + '\n')
  const copied = await feed({ stdin: exported.out }, 'import', '/copy', '--base', String(tree.zxid))
  t.deepEqual([copied.code, copied.out], [0, '2 nodes\n'])
  t.is((await on('export', '/copy')).out, exported.out)
  const again = await feed({ stdin: exported.out }, 'import', '/copy', '--json')
  t.is(again.code, 5)
  t.like(json(again.err)[0], { code: 'NODE_EXISTS', facts: { path: '/a' } })
  const [odd, none] = await Promise.all([
    feed({ stdin: '\n{path: 1}\n' }, 'import', '/other'),
    feed({ stdin: '{"path": "/a"}\n' }, 'import', '/other'),
  ])
  t.deepEqual([odd.code, none.code], [2, 2])
  t.regex(odd.err, /^sirtaki: line 2 is no JSON: each line is a node, as sirtaki export prints them/)
  t.regex(none.err, /is no node of a tree \[BAD_ARGUMENT\]\n$/)
})

test.serial('call: ops of a tree, but for data', async (t) => {
  const { on } = await host(t)
  const made = await on('call', '/app', 'tree', 'create', '{"path": "/a", "data": null}', '--json')
  t.like(json(made.out)[0], { type: 'tree', op: 'create', result: { path: '/a', stat: { version: 0 } } })
  t.is((await on('call', '/app', 'tree', 'check', '{"path": "/a", "version": 0}')).out, 'null\n')
  t.is((await on('call', '/app', 'tree', 'check', '{"path": "/a", "version": 3}')).code, 5)
  t.regex((await run(['call', '--help'])).out, /tree create '{"path":"\/flags","data":null}'\n[^]*sirtaki create/)
})

test.serial('get: the report of the main job, which transactions join with a type of the job', async (t) => {
  const { on, client } = await host(t)
  const { results, report, lock } = await openJob(client.own, '/jobs/1')
  await report.begin({ root: '/' })
  const term = await client.elect(lock.path, { timeoutMs: 10_000 })
  await client.transaction((tx) => {
    tx.requires(term.held)
    tx.do(results, 'add', { results: [] })
    report.publish(tx, { digest: 'd', files: 0, bytes: 0 })
  })
  const [node, locks, hidden] = await Promise.all([
    on('get', REPORTS, report.resultPath, '--json'),
    on('locks', '--json'),
    on('ls', '/jobs', '--json'),
  ])
  t.like(json(node.out)[0], { value: { digest: 'd', files: 0 } })
  t.like(json(locks.out)[0], { path: '/jobs/1/leader' })
  t.deepEqual(
    json(hidden.out).filter(({ type }) => type === null),
    [],
  )
})

test('what makes no sense of nodes is exit code 2, in one line, and no cluster is asked', async (t) => {
  const ran = await Promise.all(
    [
      ['get', '/app', 'flags'],
      ['get', '/app', '/flags/'],
      ['get', '/app', '--text'],
      ['ls', '/app', '/a/../b'],
      ['create', '/app', '/a', '{dark: true}'],
      ['create', '/app', '/a', '--container', '--ttl', '5'],
      ['create', '/app', '/a', '--ttl', '0'],
      ['set', '/app', '/a'],
      ['set', '/app', '/a', 'text'],
      ['rm', '/app', '--recursive'],
      ['rm', '/app', '/a', '--recursive', '--version', '1'],
      ['watch', '/app', '--recursive'],
      ['watch', '/app', '/a', '--snapshot'],
      ['watch', '/app', '/a', '--recursive', '--children'],
      ['import', '/app', '--base', '-1'],
    ].map((args) => run(args)),
  )
  t.deepEqual(
    ran.map(({ code, err }) => [code, err.trim().split('\n').length]),
    ran.map(() => [2, 1]),
  )
  const said = ran.map(({ err }) => err)
  t.regex(said[0] ?? '', /the path of a node begins with \/ .*: see sirtaki get --help/)
  t.is(
    said[4],
    `sirtaki: "{dark: true}" is no JSON: write it like '{"dark": true}', or with --text what is meant as it stands\n`,
  )
  t.regex(said[5] ?? '', /'--container' cannot be used with option '--ttl <ms>'/)
  t.regex(said[9] ?? '', /--version and --recursive are about a node/)
})
