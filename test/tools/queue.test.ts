/** `sirtaki queue`: items go in, come out, and the dead ones live again. */
import test from 'ava'
import { json } from './command-line.ts'
import { host, somebodyWaits } from './host.ts'

test.beforeEach((t) => {
  t.timeout(120_000)
})

test.serial('queue: items are put, in order, and taken once they are printed', async (t) => {
  const { on, with: run, client } = await host(t)
  const put = await on('queue', 'put', '/mail', '"first"', '{"to": "ann"}')
  t.is(put.code, 0, put.err)
  t.is(put.out.trim().split('\n').length, 2)
  const more = await run({ stdin: '3\n\n[4]\n' }, 'queue', 'put', '/mail', '-', '--json')
  t.is(json(more.out).length, 2)
  t.is((await on('queue', 'take', '/mail')).out, '"first"\n')
  const taken = json((await on('queue', 'take', '/mail', '--n', '10', '--json')).out)
  t.like(taken, [{ value: { to: 'ann' }, attempt: 1 }, { value: 3 }, { value: [4] }])
  const none = await on('queue', 'take', '/mail')
  t.is(none.code, 4)
  t.regex(none.err, /^sirtaki: no item of \/mail is ready/)
  await client.sync()
  t.is(client.describe('/mail'), undefined)
})

test.serial('queue put: priority, delay and id are those of the item', async (t) => {
  const { on, client } = await host(t)
  await on('queue', 'put', '/mail', '"late"', '--delay', '3600000')
  await on('queue', 'put', '/mail', '"low"', '--priority', '9')
  const named = await on('queue', 'put', '/mail', '"high"', '--priority', '1', '--id', 'order-17')
  t.is(named.out, 'order-17\n')
  const again = await on('queue', 'put', '/mail', '"high"', '--id', 'order-17')
  t.is(again.code, 5)
  t.regex(again.err, /EXISTS \(id order-17\) \[EXISTS\]\n$/)
  await client.sync()
  const queue = await client.queue('/mail')
  t.deepEqual(queue.peek(5), ['high', 'low'])
  t.is(queue.size.delayed, 1)
})

test.serial('queue take --wait: waits for the first item, and no longer than it was told', async (t) => {
  const { on, start, client } = await host(t)
  const queue = await client.queue('/mail')
  t.is((await on('queue', 'take', '/mail', '--wait', '200')).code, 4)
  const waiting = start('queue', 'take', '/mail', '--wait', '60000')
  const printed = new Promise((resolve) => {
    waiting.stdout?.once('data', (piece) => {
      resolve(String(piece))
    })
  })
  await somebodyWaits(client, '/mail', 'takers')
  await queue.put('at last')
  t.is(await printed, '"at last"\n')
})

test.serial(
  'queue dead and requeue: what was tried too often is printed with the reason, and made ready',
  async (t) => {
    const { on, client } = await host(t)
    const queue = await client.queue('/mail')
    await queue.putAll([
      { value: 'a', id: 'a' },
      { value: 'b', id: 'b' },
      { value: 'c', id: 'c' },
    ])
    const jobs = await queue.tryTake({ n: 3 })
    await Promise.all(jobs.map((job) => job.bury('no such address')))
    t.regex((await on('queue', 'dead', '/mail')).out, /^id +attempts +reason +value\na +1 +no such address +"a"\nb +1/)
    t.like(json((await on('queue', 'dead', '/mail', '--json')).out), [
      { id: 'a', reason: 'no such address' },
      { id: 'b' },
      { id: 'c' },
    ])
    t.is((await on('queue', 'requeue', '/mail', 'b')).out, 'b\n')
    const missing = await on('queue', 'requeue', '/mail', 'b')
    t.is(missing.code, 4)
    t.regex(missing.err, /\[MISSING\]\n$/)
    t.is((await on('queue', 'requeue', '/mail', '--all')).out, 'a\nc\n')
    await client.sync()
    t.deepEqual(queue.peek(3), ['a', 'b', 'c'])
    t.is((await on('queue', 'dead', '/mail', '--json')).out, '')
  },
)

test.serial('queue: another object is no queue, with exit code 5', async (t) => {
  const { on, client } = await host(t)
  await client.lock('/locks/one', { timeoutMs: 10_000 })
  const [dead, put] = await Promise.all([
    on('queue', 'dead', '/locks/one', '--json'),
    on('queue', 'put', '/locks/one', '1'),
  ])
  t.deepEqual([dead.code, put.code], [5, 5])
  t.like(json(dead.err)[0], { code: 'WRONG_TYPE', facts: { type: 'sirtaki.lock', wanted: 'sirtaki.queue' } })
})
