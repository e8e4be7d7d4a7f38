/**
 * A process that commits to a store and may be killed: `FOLDER MODE COUNT`.
 *
 * `hold` opens and waits; `stream` commits until it is killed, a line for each acknowledgement; `crash` commits COUNT
 * rows and kills itself; `commit` commits COUNT rows, a line for each outcome, and ends without closing. The rows
 * have 6000 bytes, so that each transaction has several frames. Read next: `folder.ts`.
 */
import { writeSync } from 'node:fs'
import { systemRandom } from '../../../log/io/random.ts'
import { SqliteStore } from '../../../log/io/sqlite-store.ts'

const [, , folder = '', mode = '', count = '0'] = process.argv
const store = new SqliteStore({ folder, random: systemRandom, walMb: 1, reserveMb: 1 })
let id = [...store.open().headers].length
const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}

const commitOne = (): void => {
  const row = { id, header: new Uint8Array([id % 256]), bytes: new Uint8Array(6000).fill(id) }
  store.commit({ expectEpoch: 0, row }, (error) => {
    say(error === undefined ? `kept ${id}` : `failed ${id} ${error.message}`)
  })
  id++
}

switch (mode) {
  case 'hold':
    say('open')
    setInterval(() => {}, 1000)
    break
  case 'stream':
    for (;;) commitOne()
  case 'crash':
    for (let left = Number(count); left > 0; left--) commitOne()
    process.kill(process.pid, 'SIGKILL')
    break
  default:
    say('open')
    for (let left = Number(count); left > 0; left--) commitOne()
    process.exit(0)
}
