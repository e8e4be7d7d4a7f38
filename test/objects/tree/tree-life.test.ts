/** Trees as tables of cases: what goes by itself, events, many nodes at once. */
import test from 'ava'
import { childrenOf, ephemeralsOf } from '../../../objects/tree/reads.ts'
import { BATCH_MAX } from '../../../objects/tree/shapes.ts'
import { ann, OWN, READ_ONLY, plain, codeOf, grown, TreeDriver } from './tree-driver.ts'

test('2.8: a container goes a minute after its last child', (t) => {
  const { driver, session, run } = grown()
  run(...plain('/c', { kind: 'container' }))
  run(...plain('/c/x'))
  driver.pass(600_000)
  t.true(driver.has('/c'), 'while it has a child')
  run('delete', { path: '/c/x', version: -1 })
  driver.pass(59_999)
  t.true(driver.has('/c'))
  driver.pass(1)
  t.false(driver.has('/c'))
  t.deepEqual(driver.said, ['deleted /c', 'childrenChanged /'])
  t.is(driver.stat('/').pzxid, driver.position + 1)
  t.true(session > 0)
})

test('2.8: a container that never had a child stays', (t) => {
  const { driver, run } = grown()
  run(...plain('/c', { kind: 'container' }))
  driver.pass(600_000)
  t.true(driver.has('/c'))
})

test('2.8: a container that was imported goes a minute later, if it has had children', (t) => {
  const { driver, run } = grown()
  run('import', { nodes: [{ path: '/c', data: null, container: true }] })
  run('import', { nodes: [{ path: '/d', data: null, container: true, creates: 1 }] })
  driver.pass(60_000)
  t.true(driver.has('/c'))
  t.false(driver.has('/d'))
})

test('2.8: a new child withdraws the end of a container, also at its last moment', (t) => {
  const { driver, run } = grown()
  run(...plain('/c', { kind: 'container' }))
  run(...plain('/c/x', {}))
  run('delete', { path: '/c/x', version: -1 })
  driver.later(59_999)
  run(...plain('/c/y'))
  driver.pass(600_000)
  t.true(driver.has('/c'))
  run('delete', { path: '/c/y', version: -1 })
  driver.later(60_000)
  t.is(run(...plain('/c/z')), 'NO_NODE', 'what is due goes before the op')
})

test('2.8: changing its data does not keep a container', (t) => {
  const { driver, run } = grown()
  run(...plain('/c', { kind: 'container' }))
  run(...plain('/c/x'))
  run('delete', { path: '/c/x', version: -1 })
  driver.later(50_000)
  run('set', { path: '/c', data: null, version: -1 })
  driver.pass(10_000)
  t.false(driver.has('/c'))
})

test('2.8: a TTL node goes when its data have not changed for so long', (t) => {
  const { driver, run } = grown()
  run(...plain('/t', { kind: 'ttl', ttlMs: 1_000 }))
  driver.later(999)
  run('set', { path: '/t', data: null, version: -1 })
  driver.pass(999)
  t.true(driver.has('/t'))
  driver.pass(1)
  t.false(driver.has('/t'))
})

test('2.8: a TTL node with children waits, and goes a minute after the last', (t) => {
  const { driver, run } = grown()
  run(...plain('/t', { kind: 'ttl', ttlMs: 1_000 }))
  run(...plain('/t/x'))
  driver.pass(5_000)
  t.true(driver.has('/t'))
  run('delete', { path: '/t/x', version: -1 })
  driver.pass(59_999)
  t.true(driver.has('/t'))
  driver.pass(1)
  t.false(driver.has('/t'))
})

test('2.8: children do not renew a TTL', (t) => {
  const { driver, run } = grown()
  run(...plain('/t', { kind: 'ttl', ttlMs: 100_000 }))
  driver.later(90_000)
  run(...plain('/t/x'))
  run('delete', { path: '/t/x', version: -1 })
  driver.pass(10_000)
  t.false(driver.has('/t'))
})

test('2.8: a node that takes the place of one that was due is another one', (t) => {
  const { driver, run } = grown()
  run(...plain('/t', { kind: 'ttl', ttlMs: 1_000 }))
  run('delete', { path: '/t', version: -1 })
  run(...plain('/t'))
  driver.pass(5_000)
  t.true(driver.has('/t'))
})

test('O5: ephemerals go with their session in the order of their names, and parents count them', (t) => {
  const driver = new TreeDriver()
  const [mine, other] = [driver.open(), driver.open()]
  driver.run(mine, ...plain('/p'))
  driver.run(mine, ...plain('/p/z', { ephemeral: true }))
  driver.run(mine, ...plain('/a', { ephemeral: true }))
  driver.run(other, ...plain('/p/m', { ephemeral: true }))
  driver.end(mine)
  t.deepEqual(driver.said, ['deleted /a', 'childrenChanged /', 'deleted /p/z', 'childrenChanged /p'])
  t.deepEqual(childrenOf(driver.tree, '/p', []), ['m'])
  const { pzxid, cversion, numChildren } = driver.stat('/p')
  t.deepEqual([pzxid, cversion, numChildren], [driver.position + 1, 3, 1])
})

test('O5: the end of a session starts the last minute of a container', (t) => {
  const driver = new TreeDriver()
  const session = driver.open()
  driver.run(session, ...plain('/c', { kind: 'container' }))
  driver.run(session, ...plain('/c/a', { ephemeral: true }))
  driver.run(session, ...plain('/c/b', { ephemeral: true }))
  driver.end(session)
  driver.pass(60_000)
  t.false(driver.has('/c'))
})

test('2.8: ephemerals of a session by the beginning of their paths', (t) => {
  const { driver, session, run } = grown()
  run(...plain('/e2', { ephemeral: true }))
  run(...plain('/a/e', { ephemeral: true }))
  t.deepEqual(ephemeralsOf(driver.tree, session, null), ['/a/e', '/e', '/e2'])
  t.deepEqual(ephemeralsOf(driver.tree, session, ' '), ['/a/e', '/e', '/e2'])
  t.deepEqual(ephemeralsOf(driver.tree, session, '/'), ['/a/e', '/e', '/e2'])
  t.deepEqual(ephemeralsOf(driver.tree, session, '/e'), ['/e', '/e2'])
  t.deepEqual(ephemeralsOf(driver.tree, session + 1, null), [])
})

test('2.9: a create says created, then that the parent changed; a delete likewise; set says changed', (t) => {
  const { driver, run } = grown()
  run(...plain('/a/x'))
  t.deepEqual(driver.said, ['created /a/x', 'childrenChanged /a'])
  run('set', { path: '/a/x', data: null, version: -1 })
  t.deepEqual(driver.said, ['changed /a/x'], 'also where the bytes are the same')
  run('delete', { path: '/a/x', version: -1 })
  t.deepEqual(driver.said, ['deleted /a/x', 'childrenChanged /a'])
  run('setAcl', { path: '/a', acl: READ_ONLY, version: -1 })
  t.deepEqual(driver.said, [])
  run('check', { path: '/a', version: -1 })
  t.deepEqual(driver.said, [])
})

test('2.9: a transaction says part after part, also what a later part undoes', (t) => {
  const { driver, session } = grown()
  driver.multi(session, [
    plain('/a/x'),
    ['set', { path: '/a', data: null, version: -1 }],
    ['delete', { path: '/a/x', version: -1 }],
  ])
  t.deepEqual(driver.said, ['created /a/x', 'childrenChanged /a', 'changed /a', 'deleted /a/x', 'childrenChanged /a'])
})

test('2.9: an event has the list that the node had at that moment', (t) => {
  const { driver, session } = grown()
  driver.multi(
    session,
    [
      plain('/own/x', { acl: READ_ONLY }),
      ['setAcl', { path: '/own', acl: [[31, 'world', 'anyone']], version: -1 }],
      ['delete', { path: '/own/x', version: -1 }],
    ],
    [ann],
  )
  t.deepEqual(driver.events, [
    ['created', '/own/x', READ_ONLY],
    ['childrenChanged', '/own', OWN],
    ['deleted', '/own/x', READ_ONLY],
    ['childrenChanged', '/own'],
  ])
})

test('deleteAll takes a subtree in one entry, children first, up to a bound', (t) => {
  const { driver, session, run } = grown()
  run(...plain('/open/child/x'))
  run(...plain('/open/other'))
  const came = driver.run(session, 'deleteAll', { paths: ['/open', '/no'], subtree: true })
  t.deepEqual(came, { value: 4 })
  t.deepEqual(
    driver.said.filter((one) => one.startsWith('deleted')),
    ['deleted /open/other', 'deleted /open/child/x', 'deleted /open/child', 'deleted /open'],
  )
  const nodes = Array.from({ length: BATCH_MAX }, (_, i) => ({ path: `/a/${i}`, data: null }))
  driver.run(session, 'import', { nodes })
  t.is(run('deleteAll', { paths: ['/a'], subtree: true }), 'TOO_MANY')
  t.is(driver.stat('/a').numChildren, BATCH_MAX)
})

test('deleteAll of single nodes passes over what is not there or has children', (t) => {
  const { driver, session } = grown()
  const came = driver.run(session, 'deleteAll', { paths: ['/no', '/open', '/a'], subtree: false })
  t.deepEqual(came, { value: 1 })
  t.true(driver.has('/open'))
})

test('2.1, 2.2: imported nodes keep what they came with, below the base', (t) => {
  const driver = new TreeDriver()
  const session = driver.open()
  const base = 2 ** 33
  const came = driver.run(session, 'import', {
    base,
    nodes: [
      { path: '/', data: null, ctime: 0, creates: 7, pzxid: base - 1 },
      { path: '/a', data: null, ctime: 5, mtime: 6, version: 3, creates: 9, czxid: 11, mzxid: 12, pzxid: 13, acl: OWN },
      { path: '/b', data: null, czxid: 14, pzxid: 14 },
    ],
  })
  t.deepEqual(came, { value: 3 })
  const { czxid, mzxid, pzxid, ctime, mtime, version, cversion } = driver.stat('/a')
  t.deepEqual([czxid, mzxid, pzxid, ctime, mtime, version, cversion], [11, 12, 13, 5, 6, 3, 18])
  t.deepEqual([driver.stat('/').pzxid, driver.stat('/').cversion], [base - 1, 14 - 3])
  t.is(codeOf(driver.run(session, ...plain('/a/x'), [ann])), undefined)
  t.is(driver.stat('/a').pzxid, base + driver.position + 1)
  t.is(driver.stat('/a').mzxid, 12)
  driver.run(session, 'set', { path: '/a', data: null, version: 3 }, [ann])
  t.is(driver.stat('/a').mzxid, base + driver.position + 1)
  t.is(driver.stat('/a').czxid, 11)
})

const imports: readonly (readonly [what: string, input: object, code: string | undefined])[] = [
  ['another base', { base: 5, nodes: [] }, 'BAD_ARGUMENTS'],
  ['the same base', { base: 0, nodes: [] }, undefined],
  ['a base beyond 2^52', { base: 2 ** 52 + 1, nodes: [] }, 'BAD_ARGUMENT'],
  ['a zxid above those of the tree', { nodes: [{ path: '/x', data: null, czxid: 2 ** 20 }] }, 'BAD_ARGUMENTS'],
  ['an invalid path', { nodes: [{ path: '/x/', data: null }] }, 'BAD_ARGUMENTS'],
  ['a container with a TTL', { nodes: [{ path: '/x', data: null, container: true, ttlMs: 1 }] }, 'BAD_ARGUMENTS'],
  ['a node without its parent', { nodes: [{ path: '/no/x', data: null }] }, 'NO_NODE'],
  ['a node whose parent does not allow it', { nodes: [{ path: '/own/x', data: null }] }, 'NO_AUTH'],
  ['a node that is there', { nodes: [{ path: '/a', data: null }] }, 'NODE_EXISTS'],
  ['a child of an ephemeral', { nodes: [{ path: '/e/x', data: null }] }, 'NO_CHILDREN_FOR_EPHEMERALS'],
  ['quota, as long as nobody has changed it', { nodes: [{ path: '/zookeeper/quota', data: null }] }, undefined],
  ['config, which only allows reads', { nodes: [{ path: '/zookeeper/config', data: null }] }, 'NO_AUTH'],
]
for (const [what, input, code] of imports) {
  test(`2.2: import of ${what}: ${code ?? 'done'}`, (t) => {
    t.is(grown().run('import', input), code)
  })
}

test('describe counts nodes, ephemerals and their sessions', (t) => {
  const { driver } = grown()
  driver.run(driver.open(), ...plain('/e2', { ephemeral: true }))
  const { nodes, ephemerals, sessions } = driver.space.object('/tree')?.describe() ?? {}
  t.deepEqual([nodes, ephemerals, sessions], [10, 2, 2])
})
