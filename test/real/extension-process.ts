/**
 * A process of a `file:` cluster that plays extensions: `FOLDER`. On `digest POSITION` it plays so far and says
 * `digest POSITION HEX`, on `add` it says `added VALUE` of the extension's counter at /count. Says `ready` first.
 *
 * Read next: `extensions.test.ts`.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { asError } from '../../log/errors.ts'
import { connect } from '../../objects/connect.ts'
import { CounterRecipe } from '../../objects/recipes/counter.ts'

const [, , folder = ''] = process.argv
const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}

try {
  const client = await connect(`file:${folder}`, { name: 'extensions', timeoutMs: 8_000 })
  say('ready')
  for await (const line of createInterface({ input: process.stdin })) {
    const [word, position] = line.split(' ')
    if (word === 'digest') {
      await client.sync({ atLeast: Number(position), timeoutMs: 60_000 })
      say(`digest ${position} ${client.digest().digest}`)
    }
    if (word === 'add') say(`added ${await (await client.open(CounterRecipe, '/count')).add({ by: 1 })}`)
    if (word === 'end') break
  }
  await client.close()
  process.exit(0)
} catch (thrown) {
  const { code, message } = asError(thrown)
  say(`error ${code} ${message}`)
  process.exit(2)
}
