/**
 * A work queue: a worker is killed in the middle of its items, and another one works them off.
 *
 *     node examples/queue-with-crash.ts
 *
 * The program starts itself once more as the worker that is killed. An item belongs to the session of its taker; when
 * that session ends, the item stands again where it stood.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { object, string } from 'superstruct'
import { connect } from '../index.ts'

const Mail = object({ to: string() })
const [, , role, given = ''] = process.argv
if (role === 'worker') await worker(given)
else await main()

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'queue-'))
  const client = await connect(`file:${join(folder, 'log')}`)
  const mails = await client.queue('/mails', Mail)
  for (const to of ['ann', 'ben', 'cleo']) await mails.put({ to })

  const child = fork(import.meta.filename, ['worker', folder])
  await once(child, 'message')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await client.sync()
  console.log('killed with', mails.size.taken, 'taken items and', mails.size.ready, 'ready ones')

  const done = new AbortController()
  await mails.work(
    ({ value, attempt }) => {
      console.log('sent to', value.to, 'on attempt', attempt)
      if (value.to === 'ben') done.abort()
    },
    { signal: done.signal },
  )
  console.log('left:', mails.size.ready + mails.size.taken)
  await client.close()
  await rm(folder, { recursive: true })
}

async function worker(folder: string): Promise<void> {
  const client = await connect(`file:${join(folder, 'log')}`)
  const session = await client.session({ name: 'worker', timeoutMs: 2_000 })
  const mails = await session.queue('/mails', Mail)
  await mails.take({ n: 2, timeoutMs: 5_000 })
  process.send?.('taken')
}
