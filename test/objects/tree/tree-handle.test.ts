/** The handle of a tree over a cluster in memory. */
import test from 'ava'
import { ROOT_STREAM, View, spaceLogOf, type Value } from '../../../objects.ts'
import type { ObjectPort } from '../../../objects/handle.ts'
import { Session } from '../../../objects/runtime/session.ts'
import { digestIdentity } from '../../../objects/tree/acl.ts'
import type { TreeNodeJson } from '../../../objects/tree/export.ts'
import { BATCH_MAX } from '../../../objects/tree/shapes.ts'
import { openTree, type Tree } from '../../../objects/tree/tree.ts'
import { TreeType } from '../../../objects/tree/type.ts'
import { connectLog } from '../../../sequencer/connect.ts'
import type { Identity } from '../../../sequencer/session-entry.ts'

const ann = digestIdentity('ann', 'secret')

interface Opened extends AsyncDisposable {
  readonly tree: Tree<Value>
  readonly port: ObjectPort
  /** Another session of the same process. */
  other(...ids: Identity[]): ObjectPort
}

async function opened(...ids: Identity[]): Promise<Opened> {
  const { client, close } = await connectLog('memory:')
  const view = new View(spaceLogOf(client), ROOT_STREAM, [TreeType])
  const other = (...its: Identity[]): ObjectPort => {
    const session = new Session(view, { name: 'test', ids: its })
    return { view, session: () => session }
  }
  const port = other(...ids)
  const dispose = async (): Promise<void> => {
    await port.session().close()
    view.close()
    await close()
  }
  return { tree: openTree(port, '/app', { codec: 'json' }), port, other, [Symbol.asyncDispose]: dispose }
}

test('D24: a program creates, reads, changes and deletes nodes', async (t) => {
  await using app = await opened()
  const { tree } = app
  t.is(tree.get('/flags'), undefined)
  t.is(await tree.create('/flags', { dark: true }), '/flags')
  t.is(await tree.create('/flags/n-', null, { sequential: true }), '/flags/n-0000000000')
  t.deepEqual(tree.get('/flags')?.value, { dark: true })
  t.is(tree.get('/flags/n-0000000000')?.value, null)
  const { version } = await tree.set('/flags', [1, 2], { version: 0 })
  t.is(version, 1)
  t.deepEqual(tree.children('/flags'), ['n-0000000000'])
  t.deepEqual(tree.children('/'), ['flags'])
  t.deepEqual(tree.children('/', { system: true }), ['flags', 'zookeeper'])
  t.is(tree.children('/no'), undefined)
  t.is(tree.exists('/flags')?.numChildren, 1)
  await t.throwsAsync(tree.delete('/flags'), { code: 'NOT_EMPTY' })
  await tree.delete('/flags/n-0000000000')
  await tree.delete('/flags', { version: 1 })
  t.is(tree.exists('/flags'), undefined)
  t.is(tree.zxid, tree.position + 1)
})

test('D6: a refusal is an error with its code and facts', async (t) => {
  await using app = await opened()
  const { tree } = app
  await tree.create('/a')
  await t.throwsAsync(tree.create('/a'), { code: 'NODE_EXISTS' })
  const error = await t.throwsAsync(tree.set('/a', 1, { version: 5 }), { code: 'BAD_VERSION' })
  t.like(error, { facts: { path: '/a', version: 0, wanted: 5 }, next: 'stop' })
  await t.throwsAsync(tree.create('/b', 1, { container: true, ttlMs: 5 }), { code: 'BAD_ARGUMENT' })
  await t.throwsAsync(tree.create('/b', 1, { ephemeral: true, ttlMs: 5 }), { code: 'BAD_ARGUMENTS' })
})

test('D24: values are JSON, text or bytes; data that are not are unreadable', async (t) => {
  await using app = await opened()
  const { tree, port } = app
  const texts = openTree(port, '/app', { codec: 'text' })
  const bytes = openTree(port, '/app', { codec: 'bytes' })
  await texts.create('/text', 'grüße {')
  await bytes.create('/bytes', Uint8Array.of(255, 0))
  await bytes.create('/none')
  t.is(texts.get('/text')?.value, 'grüße {')
  t.deepEqual(bytes.get('/bytes')?.value, Uint8Array.of(255, 0))
  t.deepEqual(tree.get('/none'), { value: undefined, stat: tree.exists('/none') })
  t.deepEqual([tree.get('/')?.value, texts.get('/')?.value], [undefined, ''])
  t.like(
    t.throws(() => tree.get('/text'), { code: 'DATA_UNREADABLE' }),
    { next: 'stop', facts: { path: '/text' } },
  )
  t.throws(() => texts.get('/bytes'), { code: 'DATA_UNREADABLE' })
  await t.throwsAsync(tree.create('/nan', { n: Number.NaN }), { code: 'BAD_ARGUMENT' })
})

test('D25: ephemerals go with the session, not with the handle', async (t) => {
  await using app = await opened()
  const theirs = app.other()
  const tree = openTree(theirs, '/app', { codec: 'json' })
  await tree.create('/mine', 1, { ephemeral: true })
  await tree.close()
  await t.throwsAsync(tree.set('/mine', 2), { code: 'CLOSED' })
  t.is(app.tree.get('/mine')?.value, 1)
  await theirs.session().close()
  t.is(app.tree.get('/mine'), undefined)
})

test('2.6: reads and writes are judged by the identities of the session', async (t) => {
  await using app = await opened(ann)
  const { tree } = app
  await tree.create('/own', 1, { acl: [[31, 'auth', '']] })
  const others = openTree(app.other(), '/app', { codec: 'json' })
  t.is(tree.get('/own')?.value, 1)
  t.throws(() => others.get('/own'), { code: 'NO_AUTH' })
  await t.throwsAsync(others.set('/own', 2), { code: 'NO_AUTH' })
  await tree.setAcl('/own', [
    [31, ...ann],
    [1, 'world', 'anyone'],
  ])
  t.deepEqual(others.getAcl('/own')?.acl, [
    [31, 'digest', 'ann:x'],
    [1, 'world', 'anyone'],
  ])
  t.is(others.get('/own')?.value, 1)
  t.throws(() => others.exportJson(), { code: 'NO_AUTH' })
})

test('a recursive delete takes all below a node, in pieces', async (t) => {
  await using app = await opened()
  const { tree } = app
  const nodes = Array.from({ length: BATCH_MAX + 5 }, (_, i): TreeNodeJson => ({ path: `/a/${i}`, data: null }))
  t.is(await tree.importJson([{ path: '/a', data: null }, ...nodes]), BATCH_MAX + 6)
  t.is(await tree.deleteRecursive('/a'), BATCH_MAX + 6)
  t.is(tree.exists('/a'), undefined)
  await t.throwsAsync(tree.deleteRecursive('/a'), { code: 'NO_NODE' })
  await t.throwsAsync(tree.deleteRecursive('/zookeeper'), { code: 'BAD_ARGUMENTS' })
})

test('D24: a tree that is exported and imported is the same, Stats included', async (t) => {
  await using app = await opened(ann)
  const { tree, port } = app
  await tree.create('/a', { n: 1 }, { acl: [[31, ...ann]] })
  await tree.create('/a/b', 'ü', { container: true })
  await tree.create('/a/b/c')
  await tree.create('/a/e', 0, { ephemeral: true })
  await tree.create('/t', 0, { ttlMs: 3_600_000 })
  await tree.set('/a/b', 'ö')
  await tree.delete('/a/e')
  const lines = [...tree.exportJson()].map((node) => JSON.stringify(node))
  const copy = openTree(port, '/copy', { codec: 'json' })
  const parsed = lines.map((line): TreeNodeJson => JSON.parse(line))
  t.is(await copy.importJson(parsed, { base: tree.zxid }), 4)
  t.deepEqual([...copy.exportJson()], parsed)
  t.deepEqual(copy.get('/a/b'), tree.get('/a/b'))
  t.deepEqual(copy.getAcl('/a'), tree.getAcl('/a'))
  t.true(copy.zxid > tree.zxid)
})

test('D24: without a base an import makes new zxids', async (t) => {
  await using app = await opened()
  const { tree } = app
  await tree.importJson(
    (async function* nodes(): AsyncGenerator<TreeNodeJson> {
      yield { path: '/a', data: btoa('1'), version: 4, czxid: 3, pzxid: 3 }
      yield await Promise.resolve({ path: '/a/b', data: null })
    })(),
  )
  t.like(tree.get('/a'), { value: 1, stat: { version: 4, numChildren: 1, cversion: 1 } })
  t.is(tree.exists('/a')?.czxid, tree.zxid)
  const odd: TreeNodeJson = JSON.parse('{"path":"/x","data":5}')
  await t.throwsAsync(tree.importJson([odd]), { code: 'BAD_ARGUMENT' })
  await t.throwsAsync(tree.importJson([{ path: '/x', data: '%' }]), { code: 'BAD_ARGUMENT' })
})
