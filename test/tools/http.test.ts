/**
 * The pages of servers: what they answer, that a slow scraper holds nothing up, and that every metric is documented.
 */
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import { openHttp, type HttpServer, type Pages } from '../../tools/serving/http-server.ts'
import { metricsText, type Metric } from '../../tools/serving/metric.ts'
import { processMetrics } from '../../tools/serving/process-metrics.ts'
import { sequencerMetrics } from '../../tools/serving/sequencer-metrics.ts'
import { unitMetrics } from '../../tools/serving/unit-metrics.ts'
import { ended, folder, line, run, start } from './command-line.ts'

test.beforeEach((t) => {
  t.timeout(120_000)
})

const pages: Pages = {
  '/a': () => ({ status: 200, type: 'text/plain', body: 'äh' }),
  '/b': () => {
    throw new Error('no page today')
  },
}
const open = (isPublic = false, address = '127.0.0.1:0'): Promise<HttpServer> => openHttp({ address, isPublic, pages })

interface Answer {
  readonly status: number | undefined
  readonly body: string
  readonly type: string | undefined
}

const ask = (address: string, path: string, method = 'GET'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request(`http://${address}${path}`, { method, agent: false }, (response) => {
      let body = ''
      response
        .setEncoding('utf8')
        .on('data', (piece) => {
          body += String(piece)
        })
        .on('end', () => {
          resolve({ status: response.statusCode, body, type: response.headers['content-type'] })
        })
    })
    asked.on('error', reject).end()
  })

test('a page by its path, also with a question behind it; HEAD without the body', async (t) => {
  const server = await open()
  t.teardown(() => server.close())
  t.deepEqual(await ask(server.address, '/a?x=1'), { status: 200, body: 'äh', type: 'text/plain' })
  t.deepEqual(await ask(server.address, '/a', 'HEAD'), { status: 200, body: '', type: 'text/plain' })
})

test('an unknown path names the known ones, another method is refused, a page that throws is 500', async (t) => {
  const server = await open()
  t.teardown(() => server.close())
  t.like(await ask(server.address, '/x'), { status: 404, body: 'there is no /x here, only /a and /b\n' })
  t.like(await ask(server.address, '/__proto__'), { status: 404 })
  t.like(await ask(server.address, '/a', 'POST'), { status: 405 })
  t.like(await ask(server.address, '/b'), { status: 500, body: 'no page today\n' })
})

test('an address that others can reach, one in use, and one that this machine does not have are refused', async (t) => {
  const server = await open()
  t.teardown(() => server.close())
  t.like(await t.throwsAsync(open(false, '0.0.0.0:0')), { code: 'BAD_ARGUMENT' })
  t.like(await t.throwsAsync(open(false, '127.0.0.1.example.net:80')), { code: 'BAD_ARGUMENT' })
  t.like(await t.throwsAsync(open(false, server.address)), { code: 'IN_USE' })
  t.like(await t.throwsAsync(open(true, '192.0.2.1:80')), { code: 'BAD_ADDRESS' })
  const shown = await open(true, '0.0.0.0:0')
  t.teardown(() => shown.close())
  t.like(await ask(shown.address.replace('0.0.0.0', '127.0.0.1'), '/a'), { status: 200 })
})

/** A connection that says half of a request and then nothing. */
const halfAsked = (address: string): Promise<Socket> =>
  new Promise((resolve) => {
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1', () => {
      socket.write('GET /a HT', () => {
        resolve(socket)
      })
    })
    socket.on('error', () => undefined)
  })

test('connections that say nothing keep nobody else from a page, nor the server from closing', async (t) => {
  const server = await open()
  const silent = await Promise.all(Array.from({ length: 20 }, () => halfAsked(server.address)))
  const hungUp = Promise.all(
    silent.map(
      (socket) =>
        new Promise((resolve) => {
          socket.on('close', resolve)
        }),
    ),
  )
  t.like(await ask(server.address, '/a'), { status: 200 })
  await server.close()
  await hungUp
  t.pass()
})

test('no more than 32 connections are held', async (t) => {
  const server = await open()
  t.teardown(() => server.close())
  const silent = await Promise.all(Array.from({ length: 33 }, () => halfAsked(server.address)))
  t.teardown(() => {
    for (const socket of silent) socket.destroy()
  })
  await Promise.race(
    silent.map(
      (socket) =>
        new Promise((resolve) => {
          socket.on('close', resolve)
        }),
    ),
  )
  t.is(silent.filter((socket) => socket.destroyed).length, 1)
})

test('the text of metrics: help and type once, labels in quotes, what is not known is left out', (t) => {
  const metrics: readonly Metric<number>[] = [
    { name: 'a_total', type: 'counter', unit: 'things', help: 'Things\nwith \\.', read: (value) => value },
    {
      name: 'b',
      type: 'gauge',
      unit: 'one',
      help: 'By label.',
      read: () => [
        { labels: { x: 'a "b"\\\n' }, value: 0.5 },
        { labels: { x: 'c' }, value: Infinity },
      ],
    },
    { name: 'c', type: 'gauge', unit: 'one', help: 'Unknown.', read: () => undefined },
  ]
  t.is(
    metricsText(metrics, 3),
    [
      '# HELP a_total Things\\nwith \\\\.\n# TYPE a_total counter\na_total 3',
      '# HELP b By label.\n# TYPE b gauge\nb{x="a \\"b\\"\\\\\\n"} 0.5\nb{x="c"} +Inf\n',
    ].join('\n'),
  )
})

const metrics = [...unitMetrics, ...sequencerMetrics, ...processMetrics]

test('every metric is documented as it is, and nothing else is', (t) => {
  const documented = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
    .split('\n')
    .filter((one) => /\| (counter|gauge) \|/.test(one))
  t.deepEqual(
    documented,
    metrics.map(({ name, type, unit, help }) => `| \`${name}\` | ${type} | ${unit} | ${help} |`),
  )
})

test('every metric that the pages name is one that /metrics has', (t) => {
  const pagesOf = [
    'README.md',
    'ARCHITECTURE.md',
    'docs/metrics.md',
    'docs/operations.md',
    'docs/commands.md',
    'docs/chaos.md',
  ]
  const text = pagesOf.map((page) => readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8')).join('\n')
  const known = new Set(metrics.map(({ name }) => name))
  const used = [...text.matchAll(/\b(?:sirtaki_(?:unit|sequencer)|process)_[a-z_]+/g)].map(([name]) => name)
  t.true(used.length > metrics.length)
  t.deepEqual(
    used.filter((name) => !known.has(name)),
    [],
  )
})

test('names follow the rules: whose it is first, base units last, counters end in _total', (t) => {
  t.deepEqual(
    metrics.filter(({ name }) => !/^(sirtaki_(unit|sequencer)|process)(_[a-z]+)+$/.test(name)),
    [],
  )
  t.deepEqual(
    metrics.filter(({ name, type }) => name.endsWith('_total') !== (type === 'counter')),
    [],
  )
  t.deepEqual(
    metrics.filter(
      ({ name, unit }) => ['seconds', 'bytes'].includes(unit) && !name.replace(/_total$/, '').endsWith(`_${unit}`),
    ),
    [],
  )
  t.is(new Set(metrics.map(({ name }) => name)).size, metrics.length)
})

const told = (text: string): Record<string, string> => ({ ...JSON.parse(text) })
const named = (page: string): string[] => [...page.matchAll(/^# TYPE (\S+) /gm)].map((found) => found[1] ?? '')
const names = (...all: readonly (readonly { readonly name: string }[])[]): string[] =>
  all.flat().map(({ name }) => name)

const LINE = /^(|# (HELP|TYPE) .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? \S+)$/

/** What `promtool check metrics` would complain of in a page, by its rules. */
function complaints(page: string): string[] {
  const lines = page.split('\n')
  const heads = lines.flatMap((one) => /^# (HELP|TYPE) (\S+)/.exec(one)?.slice(1, 3).join(' ') ?? [])
  const samples = lines.filter((one) => one !== '' && !one.startsWith('#')).map((one) => one.replace(/ \S+$/, ''))
  const families = samples.map((one) => one.replace(/\{.*/, ''))
  const twice = (all: readonly string[]): string[] => all.filter((one, i) => all.indexOf(one) !== i)
  const types = new Map([...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((found) => [found[1] ?? '', found[2] ?? '']))
  return [
    ...twice(heads).map((one) => `${one} comes twice`),
    ...twice(samples).map((one) => `the sample ${one} comes twice`),
    ...twice(families.filter((one, i) => one !== families[i - 1])).map((one) => `${one} is no group`),
    ...families.filter((one) => !types.has(one) || !heads.includes(`HELP ${one}`)).map((one) => `${one} has no head`),
    ...[...types].flatMap(([name, type]) =>
      name.endsWith('_total') === (type === 'counter') ? [] : [`${name} is no ${type}`],
    ),
    ...samples.filter((one) => /[{,](quantile|le)="/.test(one)).map((one) => `${one} is no summary or histogram`),
    ...lines.filter((one) => !LINE.test(one)).map((one) => `${one} makes no sense`),
    ...(page.endsWith('\n') ? [] : ['the last line does not end']),
  ]
}

test('real servers print exactly the documented metrics, and their health follows their role', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  const unit = start(['unit', '--json', '--data', join(path, 'u'), '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0'])
  t.teardown(() => {
    unit.kill('SIGKILL')
  })
  const { address = '', http: unitPages = '' } = told(await line(unit, 'listening'))
  const blank = await ask(unitPages, '/healthz')
  t.is(blank.status, 503)
  t.like(told(blank.body), { status: 'unavailable', role: 'blank', epoch: 0 })
  t.is((await run(['init', '--units', address])).code, 0)
  const sequencer = start([
    'sequencer',
    '--json',
    '--listen',
    '127.0.0.1:0',
    '--units',
    address,
    '--http',
    '127.0.0.1:0',
  ])
  t.teardown(() => {
    sequencer.kill('SIGKILL')
  })
  const ready = line(sequencer, 'ready')
  const { http: sequencerPages = '' } = told(await line(sequencer, 'listening'))
  await ready
  const standby = start(['sequencer', '--json', '--standby', '--listen', '127.0.0.1:0', '--units', address], {
    env: { SIRTAKI_HTTP: '127.0.0.1:0' },
  })
  t.teardown(() => {
    standby.kill('SIGKILL')
  })
  const { http: standbyPages = '' } = told(await line(standby, 'listening'))
  t.is((await run(['--cluster', `tcp://${address}`, 'append', 'counted'])).code, 0)
  const [serving, granting, standing] = await Promise.all(
    [unitPages, sequencerPages, standbyPages].map((pagesAt) => ask(pagesAt, '/healthz')),
  )
  t.deepEqual(
    [serving, granting, standing].map((one) => [one?.status, told(one?.body ?? '')['role']]),
    [
      [200, 'serving'],
      [200, 'ready'],
      [200, 'standby'],
    ],
  )
  const [unitPage, sequencerPage] = await Promise.all(
    [unitPages, sequencerPages].map((pagesAt) => ask(pagesAt, '/metrics')),
  )
  t.is(unitPage?.type, 'text/plain; version=0.0.4; charset=utf-8')
  t.deepEqual(
    named(unitPage?.body ?? ''),
    names(unitMetrics, processMetrics).filter((name) => !/_cop(y|ied)_/.test(name)),
  )
  t.deepEqual(named(sequencerPage?.body ?? ''), names(sequencerMetrics, processMetrics))
  t.deepEqual(
    [unitPage, sequencerPage].flatMap((page) => complaints(page?.body ?? '')),
    [],
  )
  t.regex(unitPage?.body ?? '', /^sirtaki_unit_stored_entries_total 1$/m)
  t.regex(sequencerPage?.body ?? '', /^sirtaki_sequencer_granted_positions_total 1$/m)
  const ends = [sequencer, standby, unit].map((child) => ended(child))
  for (const child of [sequencer, standby, unit]) child.kill('SIGTERM')
  t.deepEqual(
    (await Promise.all(ends)).map(({ code }) => code),
    [0, 0, 0],
  )
})
