import { connect } from '../../index.ts'
import { object, string } from 'superstruct'

const client = await connect('memory:')
const mails = await client.queue('/mails', object({ to: string() }))
await mails.put({ to: 'ann' }, { id: 'order-17', priority: 5, maxAttempts: 3 })
await mails.put({ to: 'ben' })                           // lower numbers go first, 0 unless given; then in order

const done = new AbortController()
await mails.work(
  async (job) => {                                       // acknowledged when it returns, given back when it throws
    console.log(job.value.to, job.attempt, job.token)
    if (job.value.to === 'ann') done.abort()
  },
  { concurrency: 2, visibilityMs: 60_000, signal: done.signal },
)
console.log(mails.size)                                  // { ready: 0, delayed: 0, taken: 0, dead: 0 }
await client.close()
