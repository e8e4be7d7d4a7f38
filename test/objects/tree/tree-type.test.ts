/** Trees as tables of cases: writes in the order of their checks, Stats, sequences, access lists. */
import test from 'ava'
import { aclAt, childrenOf, existsAt, readNode } from '../../../objects/tree/reads.ts'
import { ann, root, OWN, READ_ONLY, plain, codeOf, pathOf, grown, TreeDriver, WALL } from './tree-driver.ts'

const creates: readonly (readonly [what: string, input: object, code: string | undefined])[] = [
  ['an ephemeral container', { path: 'x', ephemeral: true, kind: 'container' }, 'BAD_ARGUMENTS'],
  ['an ephemeral TTL node', { path: '/x', ephemeral: true, kind: 'ttl', ttlMs: 1 }, 'BAD_ARGUMENTS'],
  ['a TTL node without ttlMs', { path: '/x', kind: 'ttl' }, 'BAD_ARGUMENTS'],
  ['ttlMs of a plain node', { path: '/x', ttlMs: 1 }, 'BAD_ARGUMENTS'],
  ['a TTL of 0', { path: '/x', kind: 'ttl', ttlMs: 0 }, 'BAD_ARGUMENTS'],
  ['a TTL of 2^40', { path: '/x', kind: 'ttl', ttlMs: 2 ** 40 }, 'BAD_ARGUMENTS'],
  ['the longest TTL', { path: '/x', kind: 'ttl', ttlMs: 2 ** 40 - 1 }, undefined],
  ['no slash, before the list', { path: 'x', acl: null }, 'BAD_ARGUMENTS'],
  ['a NUL, before the list', { path: '/x\u0000', acl: null }, 'BAD_ARGUMENTS'],
  ['a list that is none, before the parent', { path: '/no/x', acl: [] }, 'INVALID_ACL'],
  ['null as the list', { path: '/x', acl: null }, 'INVALID_ACL'],
  ['no parent, before the path', { path: '/no/..', acl: READ_ONLY }, 'NO_NODE'],
  ['no parent of a path without a root', { path: 'a/b' }, 'NO_NODE'],
  ['a parent that does not allow it, before the path', { path: '/own/..' }, 'NO_AUTH'],
  ['an invalid path', { path: '/a/..' }, 'BAD_ARGUMENTS'],
  ['an invalid path below the root', { path: '//a' }, 'BAD_ARGUMENTS'],
  ['a slash at the end', { path: '/a/' }, 'BAD_ARGUMENTS'],
  ['a slash at the end of a sequential one', { path: '/a/', sequential: true }, undefined],
  ['what is there', { path: '/a' }, 'NODE_EXISTS'],
  ['the root', { path: '/' }, 'NODE_EXISTS'],
  ['what every tree has', { path: '/zookeeper/quota' }, 'NODE_EXISTS'],
  ['a child of an ephemeral', { path: '/e/x' }, 'NO_CHILDREN_FOR_EPHEMERALS'],
  ['an ephemeral child of an ephemeral', { path: '/e/x', ephemeral: true }, 'NO_CHILDREN_FOR_EPHEMERALS'],
  ['a node below quota', { path: '/zookeeper/quota/a' }, undefined],
  ['a node below config, which only allows reads', { path: '/zookeeper/config/a' }, 'NO_AUTH'],
  ['a sequential container', { path: '/x', sequential: true, kind: 'container' }, undefined],
]
for (const [what, input, code] of creates) {
  test(`2.3: create of ${what}: ${code ?? 'done'}`, (t) => {
    t.is(grown().run('create', { data: null, ...input }), code)
  })
}

const others: readonly (readonly [what: string, op: string, input: object, code: string | undefined])[] = [
  ['no slash', 'delete', { path: 'a', version: -1 }, 'BAD_ARGUMENTS'],
  ['the root', 'delete', { path: '/', version: -1 }, 'BAD_ARGUMENTS'],
  ['what every tree has', 'delete', { path: '/zookeeper/config', version: -1 }, 'BAD_ARGUMENTS'],
  ['a node without a parent', 'delete', { path: '/no/a', version: -1 }, 'NO_NODE'],
  ['a node whose parent does not allow it', 'delete', { path: '/own/x', version: -1 }, 'NO_AUTH'],
  ['no node', 'delete', { path: '/no', version: 5 }, 'NO_NODE'],
  ['a path that no node may have', 'delete', { path: '/a/..', version: -1 }, 'NO_NODE'],
  ['another version, before its children', 'delete', { path: '/open', version: 5 }, 'BAD_VERSION'],
  ['a node with children', 'delete', { path: '/open', version: 0 }, 'NOT_EMPTY'],
  ['a node that only its owner may change', 'delete', { path: '/own', version: 0 }, undefined],
  ['an invalid path', 'set', { path: '/a/', data: null, version: -1 }, 'BAD_ARGUMENTS'],
  ['no node', 'set', { path: '/no', data: null, version: -1 }, 'NO_NODE'],
  ['what does not allow it, before the version', 'set', { path: '/own', data: null, version: 9 }, 'NO_AUTH'],
  ['another version', 'set', { path: '/a', data: null, version: 1 }, 'BAD_VERSION'],
  ['the same version', 'set', { path: '/a', data: null, version: 0 }, undefined],
  ['the root', 'set', { path: '/', data: null, version: -1 }, undefined],
  ['config', 'set', { path: '/zookeeper/config', data: null, version: -1 }, 'NO_AUTH'],
  ['an invalid path, before the list', 'setAcl', { path: 'a', acl: null, version: -1 }, 'BAD_ARGUMENTS'],
  ['a list that is none, before the node', 'setAcl', { path: '/no', acl: [], version: -1 }, 'INVALID_ACL'],
  ['no node', 'setAcl', { path: '/no', acl: READ_ONLY, version: -1 }, 'NO_NODE'],
  ['what does not allow it', 'setAcl', { path: '/own', acl: READ_ONLY, version: 9 }, 'NO_AUTH'],
  ['another version', 'setAcl', { path: '/a', acl: READ_ONLY, version: 1 }, 'BAD_VERSION'],
  ['an invalid path', 'check', { path: '/a//b', version: -1 }, 'BAD_ARGUMENTS'],
  ['no node', 'check', { path: '/no', version: -1 }, 'NO_NODE'],
  ['what does not allow it', 'check', { path: '/own', version: 9 }, 'NO_AUTH'],
  ['another version', 'check', { path: '/a', version: 1 }, 'BAD_VERSION'],
  ['any version', 'check', { path: '/a', version: -1 }, undefined],
  ['config, which anybody reads', 'check', { path: '/zookeeper/config', version: 0 }, undefined],
  ['what every tree has', 'deleteAll', { paths: ['/zookeeper'], subtree: true }, 'BAD_ARGUMENTS'],
  ['what its parent does not allow', 'deleteAll', { paths: ['/own/x'], subtree: false }, undefined],
]
for (const [what, op, input, code] of others) {
  test(`2.3: ${op} of ${what}: ${code ?? 'done'}`, (t) => {
    t.is(grown().run(op, input), code)
  })
}

test('2.3: a refused op changes nothing, emits nothing and takes no number', (t) => {
  const { driver, session, run } = grown()
  const before = driver.stat('/a')
  t.is(run(...plain('/a/x/y', { sequential: true })), 'NO_NODE')
  t.is(run(...plain('/a/n-', { sequential: true, acl: null })), 'INVALID_ACL')
  t.deepEqual(driver.said, [])
  t.deepEqual(driver.stat('/a'), before)
  t.is(pathOf(driver.run(session, ...plain('/a/n-', { sequential: true }))), '/a/n-0000000000')
})

test('2.1: a tree in which nothing has changed is no object', (t) => {
  const driver = new TreeDriver()
  const session = driver.open()
  t.is(codeOf(driver.run(session, 'check', { path: '/zookeeper', version: -1 })), undefined)
  t.is(codeOf(driver.run(session, ...plain('/no/x'))), 'NO_NODE')
  t.false(driver.exists)
  driver.run(session, ...plain('/a'))
  t.true(driver.exists)
})

test('2.1: a fresh tree has a root, zookeeper, config and quota', (t) => {
  const driver = new TreeDriver()
  const none = { czxid: 0, mzxid: 0, pzxid: 0, ctime: 0, mtime: 0, version: 0, ephemeralOwner: 0, dataLength: 0 }
  t.deepEqual(driver.stat('/'), { ...none, cversion: -1, aversion: 0, numChildren: 1 })
  t.deepEqual(driver.stat('/zookeeper'), { ...none, cversion: -2, aversion: 0, numChildren: 2 })
  t.deepEqual(driver.stat('/zookeeper/config'), { ...none, cversion: 0, aversion: -1, numChildren: 0 })
  t.deepEqual(driver.stat('/zookeeper/quota'), { ...none, cversion: 0, aversion: 0, numChildren: 0 })
  t.deepEqual(readNode(driver.tree, '/', []), { data: new Uint8Array(0), stat: driver.stat('/') })
  t.deepEqual(childrenOf(driver.tree, '/zookeeper', []), ['config', 'quota'])
})

test('2.1: a Stat says what made and changed the node, its data, its children and its list', (t) => {
  const driver = new TreeDriver()
  const session = driver.open()
  driver.run(session, ...plain('/a', { data: new Uint8Array(3) }))
  const [made, madeAt] = [driver.position + 1, driver.time + WALL]
  driver.later(5)
  driver.run(session, 'set', { path: '/a', data: new Uint8Array(2), version: 0 })
  const [changed, changedAt] = [driver.position + 1, driver.time + WALL]
  driver.later(5)
  driver.run(session, 'setAcl', {
    path: '/a',
    acl: [
      [31, 'world', 'anyone'],
      [1, 'digest', 'ann:1'],
    ],
    version: 0,
  })
  driver.run(session, ...plain('/a/x', { ephemeral: true }))
  driver.run(session, ...plain('/a/y'))
  driver.run(session, 'delete', { path: '/a/y', version: 0 })
  const child = driver.position + 1
  driver.run(session, 'set', { path: '/a/x', data: null, version: -1 })
  t.deepEqual(driver.stat('/a'), {
    czxid: made,
    mzxid: changed,
    pzxid: child,
    ctime: madeAt,
    mtime: changedAt,
    version: 1,
    cversion: 3,
    aversion: 1,
    ephemeralOwner: 0,
    dataLength: 2,
    numChildren: 1,
  })
  t.is(driver.stat('/a/x').ephemeralOwner, session + 1)
})

test('2.1: null and empty data are two things', (t) => {
  const { driver, run } = grown()
  run('set', { path: '/a', data: new Uint8Array(0), version: -1 })
  t.deepEqual(readNode(driver.tree, '/a', []), { data: new Uint8Array(0), stat: driver.stat('/a') })
  run('set', { path: '/a', data: null, version: -1 })
  t.deepEqual(readNode(driver.tree, '/a', []), { data: null, stat: driver.stat('/a') })
})

test('2.1: versions jump over -1, and -1 means any', (t) => {
  const driver = new TreeDriver()
  const session = driver.open()
  driver.run(session, 'import', { nodes: [{ path: '/a', data: null, version: -2, aversion: -2 }] })
  t.is(codeOf(driver.run(session, 'set', { path: '/a', data: null, version: -1 })), undefined)
  driver.run(session, 'setAcl', { path: '/a', acl: OWN, version: -2 })
  t.is(driver.stat('/a').version, 0)
  t.is(driver.stat('/a').aversion, 0)
})

test('2.2: all parts of a transaction have one zxid, and each sees those before it', (t) => {
  const driver = new TreeDriver()
  const session = driver.open()
  const came = driver.multi(session, [
    plain('/a'),
    plain('/a/n-', { sequential: true }),
    plain('/a/n-', { sequential: true }),
    ['set', { path: '/a', data: new Uint8Array(1), version: 0 }],
    ['check', { path: '/a', version: 1 }],
    ['delete', { path: '/a/n-0000000000', version: 0 }],
  ])
  t.is(codeOf(came), undefined)
  const zxid = driver.position + 1
  const { czxid, mzxid, pzxid, cversion } = driver.stat('/a')
  t.deepEqual([czxid, mzxid, pzxid, cversion], [zxid, zxid, zxid, 3])
  t.deepEqual(childrenOf(driver.tree, '/a', []), ['n-0000000001'])
})

test('2.4: a transaction whose part fails does nothing', (t) => {
  const { driver, session } = grown()
  const came = driver.multi(session, [plain('/x'), plain('/y'), ['check', { path: '/a', version: 7 }]])
  t.deepEqual(came, { code: 'BAD_VERSION', part: 2 })
  t.false(driver.has('/x'))
  t.deepEqual(driver.said, [])
})

test('2.5: the number counts every create, and deletes give nothing back', (t) => {
  const { driver, session, run } = grown()
  run(...plain('/a/plain'))
  t.is(pathOf(driver.run(session, ...plain('/a/n-', { sequential: true }))), '/a/n-0000000001')
  run('delete', { path: '/a/n-0000000001', version: -1 })
  run(...plain('/a/plain'))
  t.is(pathOf(driver.run(session, ...plain('/a/', { sequential: true }))), '/a/0000000002')
  t.is(pathOf(driver.run(session, ...plain('/', { sequential: true }))), '/0000000004')
})

test('2.5: behind 2147483647 comes -2147483648', (t) => {
  const driver = new TreeDriver()
  const session = driver.open()
  driver.run(session, 'import', { nodes: [{ path: '/a', data: null, creates: 2 ** 31 - 1 }] })
  t.is(pathOf(driver.run(session, ...plain('/a/n-', { sequential: true }))), '/a/n-2147483647')
  t.is(pathOf(driver.run(session, ...plain('/a/n-', { sequential: true }))), '/a/n--2147483648')
  t.is(driver.stat('/a').pzxid, driver.position + 1)
})

test('2.6: reads need READ, the list READ or ADMIN', (t) => {
  const { driver, session } = grown()
  driver.run(
    session,
    ...plain('/write', {
      acl: [
        [18, 'world', 'anyone'],
        [1, 'digest', 'ann:1'],
      ],
    }),
  )
  t.is(readNode(driver.tree, '/own', []), 'NO_AUTH')
  t.is(existsAt(driver.tree, '/own', []), 'NO_AUTH')
  t.is(childrenOf(driver.tree, '/own', []), 'NO_AUTH')
  t.is(aclAt(driver.tree, '/own', []), 'NO_AUTH')
  t.is(existsAt(driver.tree, '/no', []), 'NO_NODE')
  t.is(existsAt(driver.tree, '/a/..', []), 'NO_NODE')
  t.deepEqual(existsAt(driver.tree, '/own', [ann]), driver.stat('/own'))
  t.deepEqual(existsAt(driver.tree, '/own', [root]), driver.stat('/own'))
  t.is(readNode(driver.tree, '/write', []), 'NO_AUTH')
  t.deepEqual(aclAt(driver.tree, '/write', []), {
    acl: [
      [18, 'world', 'anyone'],
      [1, 'digest', 'ann:1'],
    ],
    stat: driver.stat('/write'),
  })
})

test('2.6: a list is stored once, and forgotten with the last node that has it', (t) => {
  const { driver, session, run } = grown()
  driver.run(session, ...plain('/own2', { acl: OWN }), [ann])
  t.is(driver.tree.tables.acls.size, 1)
  run('delete', { path: '/own', version: -1 })
  t.is(existsAt(driver.tree, '/own2', []), 'NO_AUTH')
  t.deepEqual(existsAt(driver.tree, '/own2', [ann]), driver.stat('/own2'))
  driver.run(session, 'setAcl', { path: '/own2', acl: READ_ONLY, version: -1 }, [ann])
  t.is(driver.tree.tables.acls.size, 0)
  t.deepEqual(aclAt(driver.tree, '/own2', []), { acl: READ_ONLY, stat: driver.stat('/own2') })
})
