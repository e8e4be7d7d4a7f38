/**
 * An election: one leads, another one waits, and takes over when the first is gone.
 *
 *     node examples/election.ts
 *
 * Here all clients are in one process and the first one closes. When a process dies instead, the next one leads once
 * its session has ended: 10 seconds after its last heartbeat unless the session was made with another timeout.
 */
import { connect } from '../index.ts'

const one = await connect('memory:election', { name: 'one' })
await using two = await connect('memory:election', { name: 'two' })
await using guest = await connect('memory:election', { name: 'guest' })

const first = await one.elect('/leader', { data: 'one', timeoutMs: 5_000 })
const later = two.elect('/leader', { data: 'two', timeoutMs: 5_000 })

const ends = new AbortController()
const leaders: unknown[] = []
const observing = (async () => {
  // Who leads now, and each time when it is somebody else or shows another value.
  for await (const leader of guest.observe('/leader', { signal: ends.signal })) {
    leaders.push(leader?.data)
    if (leader?.data === 'one, busy') await one.close()
    if (leader?.data === 'two') ends.abort()
  }
})()

await first.proclaim('one, busy')
const second = await later
await observing

console.log('leaders:', leaders.join('; '))
console.log('the first term is over:', first.signal.aborted)
console.log('the second term has a higher token:', second.token > first.token)
await second.resign()
