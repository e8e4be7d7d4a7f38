import { connect, Lock } from '../../index.ts'

const client = await connect('memory:')
const permit = await client.semaphore('/uploads', { capacity: 4, weight: 3, timeoutMs: 5_000 })
await (await client.open(Lock, '/uploads')).setCapacity({ capacity: 8 })   // more serves who waits; less takes nothing
console.log((await client.open(Lock, '/uploads')).state.used)              // 3
await permit.release()
await client.close()
