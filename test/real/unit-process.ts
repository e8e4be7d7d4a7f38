/**
 * A unit as a process: `FOLDER ADDRESS NAME`. Says `ready ADDRESS`; ends with 2 and a line `error CODE MESSAGE` when
 * it cannot start, with 1 when it has to stop.
 *
 * Read next: `processes.ts`.
 */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { asError } from '../../log/errors.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { RegisterFile } from '../../log/io/register-file.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { limits } from '../../log/limits.ts'
import { superviseUnit } from '../../log/unit/rejoin.ts'
import { UnitServer } from '../../log/unit/server.ts'

const [, , folder = '', address = '', name = ''] = process.argv
const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}
const end = (code: number, thrown: unknown): never => {
  const error = asError(thrown)
  say(`error ${error.code} ${error.message}`)
  process.exit(code)
}

const ports = systemPorts()
try {
  const store = new SqliteStore({ folder, random: ports.random, walMb: 4, reserveMb: 1 })
  const server = new UnitServer({
    ports,
    limits,
    store,
    register: new RegisterFile(join(folder, 'acceptor')),
    address,
    name,
  })
  server.onStopped((error) => {
    end(1, error)
  })
  await server.listen()
  superviseUnit(server, (text) => {
    say(`log ${text}`)
  })
  say(`ready ${server.address}`)
} catch (thrown) {
  end(2, thrown)
}
