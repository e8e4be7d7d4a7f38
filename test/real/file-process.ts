/**
 * A process of a `file:` cluster: `FOLDER NAME`. Adds to the counter /NAME on each line `add`, one after the other,
 * and says `added VALUE` or `failed CODE MESSAGE`; on `go` it adds on and on. On `end` it closes. Says `ready PID`
 * first, or `error CODE MESSAGE` when it cannot connect.
 *
 * Read next: `file.test.ts`.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { asError } from '../../log/errors.ts'
import { connect } from '../../objects/connect.ts'
import { Counter } from '../../objects/counter/type.ts'

const [, , folder = '', name = ''] = process.argv
const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}
const told = (thrown: unknown): string => {
  const { code, message } = asError(thrown)
  return `${code} ${message}`
}

try {
  const client = await connect(`file:${folder}`, { name, timeoutMs: 8_000 })
  const counter = await client.open(Counter, `/${name}`)
  say(`ready ${process.pid}`)
  const add = async (): Promise<void> => {
    try {
      say(`added ${await counter.add({ by: 1 })}`)
    } catch (thrown) {
      say(`failed ${told(thrown)}`)
    }
  }
  let going = true
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'end') break
    if (line === 'add') await add()
    if (line === 'go') {
      void (async () => {
        while (going) await add()
      })()
    }
  }
  going = false
  await client.close()
  say('closed')
  process.exit(0)
} catch (thrown) {
  say(`error ${told(thrown)}`)
  process.exit(2)
}
