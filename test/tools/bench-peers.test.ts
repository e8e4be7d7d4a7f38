/**
 * The peers of the bench short of running them: what is missing, what is generated, what stays behind when a start
 * fails.
 */
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http2'
import { delimiter, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { etcd, memberArguments } from '../../tools/bench/peers/etcd.ts'
import { connectGrpc, field, fieldsOf, fieldsWithin, framed } from '../../tools/bench/peers/grpc.ts'
import { peers } from '../../tools/bench/peers/index.ts'
import { natsConfig } from '../../tools/bench/peers/nats.ts'
import { serverPorts } from '../../tools/bench/peers/processes.ts'
import { zookeeperRecipes } from '../../tools/bench/peers/zookeeper-recipes.ts'
import type { RecipeSession } from '../../tools/bench/peers/zookeeper-sessions.ts'
import { logback, pom, zookeeperConfig } from '../../tools/bench/peers/zookeeper.ts'
import { folder } from './command-line.ts'

/** A cache and a PATH of this test's own; programs are shell scripts by their path below the folder. */
function machine(
  t: ExecutionContext,
  { path, programs = {} }: { path: readonly string[]; programs?: Record<string, string> },
): string {
  const { path: root, remove } = folder()
  const before = { PATH: process.env['PATH'] ?? '', SIRTAKI_PEERS: process.env['SIRTAKI_PEERS'] }
  t.teardown(() => {
    process.env['PATH'] = before.PATH
    delete process.env['SIRTAKI_PEERS']
    Object.assign(process.env, before.SIRTAKI_PEERS === undefined ? {} : before)
    remove()
  })
  process.env['SIRTAKI_PEERS'] = root
  process.env['PATH'] = path.map((part) => part.replace('ROOT', root)).join(delimiter)
  for (const [name, script] of Object.entries(programs)) {
    mkdirSync(join(root, name, '..'), { recursive: true })
    writeFileSync(join(root, name), `#!/bin/sh\n${script.replaceAll('ROOT', root)}\n`)
    chmodSync(join(root, name), 0o755)
  }
  return root
}

const quiet = (): void => undefined
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
/** What is left of a text when elements are taken away from the innermost out: nothing of a well-formed one. */
function unfolded(xml: string): string {
  const rest = xml.replaceAll(/<(\w+)(?:\s[^<>]*)?>[^<>]*<\/\1>|<\w+[^<>]*\/>/g, '')
  return rest === xml ? xml.trim() : unfolded(rest)
}

test.serial('tools that are missing are named', async (t) => {
  machine(t, { path: [] })
  t.deepEqual(await Promise.all(peers.map((peer) => peer.missing())), [
    'java, mvn, npm: not found on the PATH',
    'go: not found on the PATH',
    'go, npm: not found on the PATH',
  ])
})

test.serial('a tool is needed only for what is not built yet', async (t) => {
  machine(t, { path: ['ROOT/bin'], programs: { 'etcd-3.7.3/etcd': '', 'bin/npm': '' } })
  t.deepEqual(await Promise.all(peers.map((peer) => peer.missing())), [
    'java, mvn: not found on the PATH',
    undefined,
    'go: not found on the PATH',
  ])
})

test.serial(
  'a server that dies at once fails the start with the last line of its log, and nothing runs on',
  async (t) => {
    const server =
      'echo $$ >> ROOT/pids\ncase "$*" in *"--name n2"*) echo starting; echo no space left; exit 3;; '
      + 'esac\nexec sleep 60'
    const root = machine(t, { path: [process.env['PATH'] ?? ''], programs: { 'etcd-3.7.3/etcd': server } })
    const started = performance.now()
    await t.throwsAsync(etcd.start(join(root, 'data'), quiet), {
      message: `etcd did not start: n2 ended with 3: no space left (log: ${join(root, 'data/etcd/n2.log')})`,
    })
    t.true(performance.now() - started < 8_000)
    const pids = readFileSync(join(root, 'pids'), 'utf8').trim().split('\n').map(Number)
    t.true(pids.length > 0)
    t.deepEqual(pids.filter(isAlive), [])
  },
)

test.serial('an installation that fails says why, and what is half made is not taken for whole', async (t) => {
  const root = machine(t, {
    path: ['ROOT/bin', process.env['PATH'] ?? ''],
    programs: { 'bin/go': 'echo no such module; exit 1' },
  })
  await t.throwsAsync(etcd.start(join(root, 'data'), quiet), {
    message: `go get ended with 1: no such module (log: ${join(root, 'etcd-3.7.3.log')})`,
  })
  t.false(existsSync(join(root, 'etcd-3.7.3')))
})

test('generated descriptors are well-formed', (t) => {
  t.is(unfolded(pom), '')
  t.is(unfolded(logback), '')
  t.is(unfolded(pom.replace('</dependency>', '')).slice(0, 9), '<project>')
})

test('generated configurations name every server', (t) => {
  const ports = [
    [1, 11, 21],
    [2, 12, 22],
    [3, 13, 23],
  ] as const
  t.is(
    zookeeperConfig(2, ports, '/data').split('\n').slice(-4).join('\n'),
    'server.1=127.0.0.1:11:21\nserver.2=127.0.0.1:12:22\nserver.3=127.0.0.1:13:23\n',
  )
  t.true(
    zookeeperConfig(2, ports, '/data')
      .trimEnd()
      .split('\n')
      .every((line) => /^[\w.]+=\S+$/.test(line)),
  )
  t.is(
    natsConfig('n2', ports[1], [21, 22, 23], '/da ta'),
    `server_name: n2
listen: 127.0.0.1:2
http: 127.0.0.1:12
jetstream { store_dir: "/da ta", sync_interval: always, max_mem: 1G, max_file: 20G }
cluster {
  name: bench, listen: 127.0.0.1:22
  routes: [ nats://127.0.0.1:21, nats://127.0.0.1:22, nats://127.0.0.1:23 ]
}
`,
  )
  const members = [
    { name: 'n1', client: 'http://c:1', peer: 'http://p:1' },
    { name: 'n2', client: 'http://c:2', peer: 'http://p:2' },
  ] as const
  t.regex(
    memberArguments(members[1], members, '/data').join(' '),
    /^--name n2 --data-dir \/data .*--initial-cluster n1=http:\/\/p:1,n2=http:\/\/p:2 /,
  )
})

test('ports are free and all different', async (t) => {
  const ports = (await serverPorts(3)).flat()
  t.is(new Set(ports).size, 9)
  t.true(ports.every((port) => port > 0))
})

test('fields of a message are read as they were written', (t) => {
  const message = Buffer.concat([
    field(1, 0),
    field(2, Buffer.concat([field(3, 2 ** 40 + 300), field(20, Buffer.from('text'))])),
  ])
  t.is(fieldsOf(message).numbers.get(1), 0)
  t.is(fieldsWithin(message, 2).numbers.get(3), 2 ** 40 + 300)
  t.is(fieldsWithin(message, 2).bytes.get(20)?.toString(), 'text')
  t.is(fieldsWithin(message, 7, 8).numbers.size, 0)
})

test('of a call with several answers the one of that number is given, however they are cut', async (t) => {
  const server = createServer().on('stream', (stream) => {
    stream.respond({ ':status': 200 })
    const both = Buffer.concat([framed(Buffer.from('made')), framed(Buffer.from('gone'))])
    stream.write(both.subarray(0, 7))
    setTimeout(() => stream.write(both.subarray(7)), 20)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
  })
  const address = server.address()
  const session = await connectGrpc(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`)
  t.is((await session.nthAnswer('/watch', framed(Buffer.from('me')), 1)).toString(), 'gone')
})

/** Servers of ZooKeeper short of all but nodes: names, versions, sequential numbers, one-time watches. */
function fakeSession(): RecipeSession & { readonly paths: () => string[] } {
  const nodes = new Map<string, number>()
  const watches = new Map<string, (() => void)[]>()
  let created = 0
  const remove = async (path: string): Promise<boolean> => {
    await Promise.resolve()
    for (const told of watches.get(path) ?? []) told()
    watches.delete(path)
    return nodes.delete(path)
  }
  const set = (path: string, version: number): boolean => {
    if (nodes.get(path) !== version) return false
    nodes.set(path, version + 1)
    return true
  }
  const create = (path: string): void => {
    if (nodes.has(path)) throw new Error(`${path} exists`)
    nodes.set(path, 0)
  }
  return {
    paths: () => [...nodes.keys()].filter((path) => path.lastIndexOf('/') > 0),
    create: async (path, _data, kind = 'plain') => {
      await Promise.resolve()
      const name = kind.toLowerCase().includes('sequential') ? path + String(created++).padStart(10, '0') : path
      create(name)
      return name
    },
    remove,
    set: (path, _data, version) => Promise.resolve(set(path, version)),
    get: (path) => Promise.resolve({ version: nodes.get(path) ?? 0, data: Buffer.alloc(0) }),
    children: (path) =>
      Promise.resolve(
        [...nodes.keys()].filter((one) => one.startsWith(`${path}/`)).map((one) => one.split('/')[2] ?? ''),
      ),
    changed: (path) =>
      new Promise((resolve) => {
        if (nodes.has(path)) watches.set(path, [...(watches.get(path) ?? []), resolve])
        else resolve()
      }),
    multi: async (ops) => {
      for (const op of ops) {
        if (op.kind === 'create') create(op.path)
        else if (op.kind === 'set' && !set(op.path, op.version)) throw new Error(`${op.path} has another version`)
        else if (op.kind === 'remove' && !(await remove(op.path))) throw new Error(`there is no ${op.path}`)
      }
    },
  }
}

test('recipes of ZooKeeper: one holder, each item once, versions as they go on, nothing left behind', async (t) => {
  const session = fakeSession()
  const recipes = await zookeeperRecipes(session)
  const callers = Array.from({ length: 4 }, () => session)
  const operations = [
    recipes.queue(callers),
    recipes.lock(callers),
    recipes.createDelete(session),
    recipes.ephemeral(session),
    await recipes.multi(session, 4),
    await recipes.txn(session, 4),
  ]
  for (const { run, clean } of operations) {
    for (let round = 0; round < 3; round++) await Promise.all(callers.map((_, caller) => run(caller)))
    await clean?.()
  }
  t.deepEqual(session.paths(), [])
})
