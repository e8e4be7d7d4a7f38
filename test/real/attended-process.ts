/**
 * A program that does one thing at ADDRESS and then has nothing left to do: `ADDRESS WHAT`. It says `ready`, waits
 * for a line where one is needed, and says how its call ended. It never closes its client and never exits by itself.
 *
 * Read next: `attended.test.ts`.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { asError } from '../../log/errors.ts'
import { connect } from '../../objects/connect.ts'
import { Counter } from '../../objects/counter/type.ts'

const [, , address = '', what = ''] = process.argv
const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}
const line = (): Promise<void> =>
  new Promise((done) => {
    const lines = createInterface({ input: process.stdin })
    lines.once('line', () => {
      lines.close()
      process.stdin.unref?.()
      done()
    })
  })
const bytes = Uint8Array.of(1)

try {
  const client = await connect(address, { timeoutMs: 10_000 })
  await client.log.append(bytes, { streams: [20] })
  const counter = await client.open(Counter, '/count')
  await counter.add({ by: 1 })
  say('ready')
  switch (what) {
    case 'idle':
      break
    case 'append':
      await line()
      await client.log.append(bytes, { timeoutMs: 1_500 })
      break
    case 'op':
      await line()
      await counter.add({ by: 1 }, { timeoutMs: 1_500 })
      break
    case 'sync':
      await line()
      await counter.sync({ timeoutMs: 1_500 })
      break
    case 'read':
      await line()
      await client.log.read(0, { timeoutMs: 1_500 })
      break
    case 'subscribe': {
      for await (const { position } of client.log.subscribe({ stream: 21, signal: AbortSignal.timeout(1_500) })) {
        say(`entry ${position}`)
      }
      break
    }
    default:
      throw new Error(`there is no ${what}`)
  }
  say('done')
} catch (thrown) {
  const { code, next } = asError(thrown)
  say(`failed ${code} ${next}`)
}
