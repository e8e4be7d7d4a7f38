/**
 * A sequencer as a process: `ADDRESS UNITS NAME`. Says `listening ADDRESS`, then `ready EPOCH`.
 *
 * Read next: `processes.ts`.
 */
import { writeSync } from 'node:fs'
import { asError } from '../../log/errors.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { limits } from '../../log/limits.ts'
import { SequencerServer } from '../../sequencer/server.ts'

const [, , address = '', units = '', name = ''] = process.argv
const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}

const server = new SequencerServer({
  ports: systemPorts(),
  limits,
  address,
  name,
  units: units.split(','),
  log: (text) => {
    say(`log ${text}`)
  },
})
await server.listen()
say(`listening ${server.address}`)
for (let tries = 0; ; tries++) {
  try {
    const { epoch } = await server.start()
    say(`ready ${epoch}`)
    break
  } catch (thrown) {
    const error = asError(thrown)
    say(`log ${error.code} ${error.message}`)
    if (error.next === 'stop' || tries > 20) process.exit(1)
  }
}
