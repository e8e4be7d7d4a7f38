import { connect } from '../../index.ts'

const client = await connect('memory:')
const lock = await client.lock('/locks/report', { timeoutMs: 5_000, data: { host: 'a' } })
lock.signal.addEventListener('abort', () => console.log('released, or lost'))
lock.assertHeld()                                        // throws NOT_HELD; looks at the clocks now
console.log('write with token', lock.token)              // the protected side refuses lower tokens
console.log(await client.tryLock('/locks/report'))       // undefined: it would wait
await lock.release()                                     // the next one has it when this settles

const readers = await Promise.all([1, 2].map(() => client.lock('/locks/report', { shared: true, timeoutMs: 5_000 })))
await Promise.all(readers.map((reader) => reader.release()))
await client.close()
