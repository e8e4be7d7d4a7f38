/**
 * One object, two processes' worth of clients: every add has one place in the log, so both agree.
 *
 *     node examples/counter.ts
 */
import { Counter, connect } from '../index.ts'

// A name shares the cluster inside this process; tcp://host:port would share it between machines.
await using one = await connect('memory:example', { name: 'one' })
await using other = await connect('memory:example', { name: 'other' })

const hits = await one.open(Counter, '/hits')
const same = await other.open(Counter, '/hits')

await Promise.all([hits.add({ by: 1 }), same.add({ by: 10 }), hits.add({ by: 100 })])

// A sync sees everything that was acknowledged before it.
await Promise.all([hits.sync(), same.sync()])
console.log('one sees', hits.state.value, 'and the other', same.state.value)
console.log('the same state:', one.digest().digest === other.digest().digest)
