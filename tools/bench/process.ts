/**
 * One server process of the bench: a unit or the sequencer, as in production, told what to be by its arguments.
 *
 *     process.ts unit FOLDER ADDRESS   |   process.ts sequencer ADDRESS UNIT,UNIT,...
 */
import { systemPorts } from '../../log/io/connect.ts'
import { RegisterFile } from '../../log/io/register-file.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { limits } from '../../log/limits.ts'
import { superviseUnit } from '../../log/unit/rejoin.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { SequencerServer } from '../../sequencer/server.ts'

const [role = '', first = '', second = ''] = process.argv.slice(2)
const ports = systemPorts()
process.on('disconnect', () => { process.exit(0) })
if (role === 'unit') {
  const server = new UnitServer({ ports, limits, store: new SqliteStore({ folder: first, random: ports.random }), register: new RegisterFile(`${first}/acceptor.json`), address: second, name: second })
  server.onStopped((error) => { console.error(`unit ${second} stopped: ${error.message}`); process.exit(1) })
  await server.listen()
  superviseUnit(server)
} else {
  const server = new SequencerServer({ ports, limits, address: first, name: first, units: second.split(',') })
  await server.listen()
  process.once('message', () => { void server.start({ timeoutMs: 20_000 }).then(() => { process.send?.('open') }) })
}
process.send?.('ready')
