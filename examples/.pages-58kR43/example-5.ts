import { connect, Counter } from '../../index.ts'

const client = await connect('memory:')
const session = await client.session({ name: 'worker-3', timeoutMs: 4_000 })   // 10,000 unless given
session.onState((state) => console.log(state))           // connected, and later: doubtful, lost, closed
await (await session.open(Counter, '/hits')).add({ by: 1 })
console.log(session.position, session.state)             // the position that opened it names it
await session.close()                                    // everything that it owns goes, in one entry
await client.close()
