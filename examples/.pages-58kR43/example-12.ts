import { connect, Counter } from '../../index.ts'

const client = await connect('memory:')
const hits = await client.open(Counter, '/hits')
const once = { idempotencyKey: 'order-17' }
console.log(await hits.add({ by: 1 }, once), await hits.add({ by: 1 }, once))   // 1 1: applied once
await client.close()
