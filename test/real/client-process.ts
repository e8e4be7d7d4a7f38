/**
 * A client as a process: `ADDRESS`. Appends each line that it is given and says `LINE POSITION`, or `LINE failed CODE`.
 *
 * Read next: `processes.ts`.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { asError } from '../../log/errors.ts'
import { connectLog } from '../../sequencer/connect.ts'

const [, , address = ''] = process.argv
const { client } = await connectLog(address, { name: 'client process', timeoutMs: 10_000 })
writeSync(1, 'ready\n')
for await (const line of createInterface({ input: process.stdin })) {
  client.append(new TextEncoder().encode(line), { timeoutMs: 10_000 }).then(
    ({ position }) => {
      writeSync(1, `${line} ${position}\n`)
    },
    (thrown: unknown) => {
      writeSync(1, `${line} failed ${asError(thrown).code}\n`)
    },
  )
}
