/** `sirtaki top` and `sirtaki bench` against a real cluster, and while it loses a unit. */
import test from 'ava'
import { ended, json, line, run, start, startCluster, type Ran, type TestCluster } from './command-line.ts'

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

test.serial(
  'bench --json: each row with its name, latencies and calls per second, and a word before it writes',
  async (t) => {
    const ran = await on('bench', '--json', '--ms', '40', '--bytes', '16', '--stream', '77')
    t.is(ran.code, 0, ran.err)
    t.deepEqual(
      json(ran.out).map((row) => row['name']),
      ['append.sequential', 'append.64', 'append.256', 'append.1024', 'read.linearizable.1', 'read.linearizable.256'],
    )
    t.true(
      json(ran.out).every(
        (row) =>
          Number(row['perSecond']) > 0
          && Number(row['p50Ms']) <= Number(row['p99Ms'])
          && Number(row['p99Ms']) <= Number(row['p999Ms']),
      ),
    )
    t.is(
      ran.err,
      `writing entries of 16 bytes to stream 77 of ${cluster.address}: they stay until the log is trimmed `
        + `(sirtaki trim)\n`,
    )
  },
)

test.serial('bench --only: that row as a table; reads write nothing and say nothing', async (t) => {
  const ran = await on('bench', '--only', 'read.linearizable.1', '--ms', '20')
  t.regex(ran.out, /^row +p50 ms +p99 ms +p99\.9 ms +calls\/s\nread\.linearizable\.1 .*\n$/)
  t.is(ran.err, '')
  const odd = await on('bench', '--only', 'append.2')
  t.is(odd.code, 2)
  t.regex(
    odd.err,
    /append\.sequential, append\.64, append\.256, append\.1024, read\.linearizable\.1, read\.linearizable\.256/,
  )
})

test.serial('top --json: an object an interval, with rates of sequencer, units and streams', async (t) => {
  const top = start(['--cluster', cluster.address, 'top', '--json', '--interval', '100'])
  const end = ended(top)
  await line(top, 'cluster')
  t.is((await on('bench', '--only', 'append.64', '--ms', '300', '--stream', '77')).code, 0)
  top.kill('SIGINT')
  const { code, out } = await end
  t.is(code, 130)
  const blocks = JSON.stringify(json(out))
  t.regex(blocks, /"appendsPerSecond":[1-9]/)
  t.regex(
    blocks,
    /"entriesPerSecond":[1-9][\d.]*,"bytesPerSecond":[1-9][\d.]*,"commitsPerSecond":[1-9][\d.]*,"entriesPerCommit":/,
  )
  t.regex(blocks, /"stream":77,"entriesPerSecond":[1-9]/)
  t.regex(blocks, /"appendMs":\{"p50":[\d.]+,"p99":[\d.]+\}/)
})

test.serial('top --count: as many blocks as asked for, for people', async (t) => {
  const ran = await on('top', '--interval', '100', '--count', '2')
  t.is(ran.code, 0, ran.err)
  t.is(ran.out.match(/^sequencer +appends\/s +grants\/s +holes +window +p50 ms +p99 ms/gm)?.length, 2)
  t.is(
    ran.out.match(
      /^chain +unit +entries\/s +bytes\/s +commits\/s +entries\/commit +p50 ms +p99 ms +lag +waiting +sub.* +con.*$/gm,
    )?.length,
    2,
  )
})

test.serial(
  'top goes on when most units die; bench keeps its rows, names the one that failed and ends with exit code 3',
  async (t) => {
    const top = start(['--cluster', cluster.address, 'top', '--interval', '100'])
    const topEnd = ended(top)
    const bench = start(['--cluster', cluster.address, '--timeout', '500', 'bench', '--json', '--ms', '1500'])
    const benchEnd = ended(bench)
    await line(bench, 'append.sequential')
    const gone = line(top, 'unreachable')
    for (const unit of cluster.processes.slice(1, 3)) unit.kill('SIGKILL')
    t.regex(await gone, new RegExp(`^0 +(${cluster.units[1]}|${cluster.units[2]}) +unreachable$`))
    const { code, out, err } = await benchEnd
    t.is(code, 3)
    t.is(json(out)[0]?.['name'], 'append.sequential')
    t.regex(err, /\n\{"code":"(TIMEOUT|UNREACHABLE)","message":"append\.\w+ could not be measured: .*\}\n$/)
    top.kill('SIGINT')
    t.is((await topEnd).code, 130)
  },
)
