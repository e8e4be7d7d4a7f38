import { connect, Counter, Queue } from '../../index.ts'

const client = await connect('memory:')
const [hits, jobs] = [await client.open(Counter, '/hits'), await client.open(Queue, '/jobs')]
await hits.add({ by: 101 })
await using lock = await client.lock('/locks/report', { timeoutMs: 5_000 })

const ids = await client.transaction((tx) => {
  if (tx.get(hits).value <= 100) return undefined        // read: guarded
  tx.requires(lock)                                      // NOT_HELD unless it is held; of a term: term.held
  tx.do(hits, 'set', { value: 0 })
  const item = { value: 'flush', id: null, priority: 0, delayMs: 0, maxAttempts: 3 }
  return tx.do(jobs, 'put', { items: [item] })           // its value is there once the transaction has committed
})
console.log(ids?.value.length, hits.state.value)         // 1 0
await client.close()
