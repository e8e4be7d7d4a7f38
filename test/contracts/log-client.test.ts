/**
 * The log's client over memory, over sockets with SQLite and on a folder, under one contract; and addresses that lead
 * nowhere.
 *
 * Read next: `log-client.ts`.
 */
import { join } from 'node:path'
import test from 'ava'
import { Cluster } from '../../log/cluster/cluster.ts'
import { init } from '../../log/epochs/genesis.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { RegisterFile } from '../../log/io/register-file.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { limits } from '../../log/limits.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { connectLog } from '../../sequencer/connect.ts'
import { SequencerServer } from '../../sequencer/server.ts'
import { makeFolder } from '../log/io/folder.ts'
import { logClientContract, type MakeCluster } from './log-client.ts'

let names = 0

const memory =
  (shape: { chains?: number; unitsPerChain?: number }): MakeCluster =>
  (t) => {
    const address = `memory:contract-${names++}`
    return Promise.resolve({
      client: async () => {
        const { client, close } = await connectLog(address, shape)
        t.teardown(close)
        return client
      },
    })
  }

/** Three units with a folder each and a sequencer, over sockets of this machine. */
const sockets: MakeCluster = async (t) => {
  const ports = systemPorts({ unreferenced: true })
  const folder = makeFolder(t)
  const units = ['a', 'b', 'c'].map(
    (name) =>
      new UnitServer({
        ports,
        limits,
        store: new SqliteStore({ folder: join(folder, name), random: ports.random, walMb: 8, reserveMb: 1 }),
        register: new RegisterFile(join(folder, name, 'acceptor')),
        address: '127.0.0.1:0',
        name,
      }),
  )
  await Promise.all(units.map((unit) => unit.listen()))
  const addresses = units.map((unit) => unit.address)
  const operator = new Cluster({ ports, limits, name: 'init', addresses })
  await init(operator, { chains: [addresses], window: 8192 })
  operator.close()
  const sequencer = new SequencerServer({ ports, limits, address: '127.0.0.1:0', name: 'sequencer', units: addresses })
  await sequencer.listen()
  await sequencer.start()
  t.teardown(async () => {
    await sequencer.close()
    await Promise.all(units.map((unit) => unit.close()))
  })
  return {
    client: async () => {
      const { client, close } = await connectLog(`tcp://${addresses.join()}`)
      t.teardown(close)
      return client
    },
  }
}

/** The first client hosts, the others join it. */
const folder: MakeCluster = (t) => {
  const path = makeFolder(t)
  return Promise.resolve({
    client: async () => {
      const { client, close } = await connectLog(`file:${path}`)
      t.teardown(close)
      return client
    },
  })
}

logClientContract(test, 'memory, one unit', memory({}))
logClientContract(test, 'memory, two chains of two', memory({ chains: 2, unitsPerChain: 2 }))
logClientContract(test.serial, 'sockets and SQLite', sockets)
logClientContract(test.serial, 'a folder', folder)

test('an address that is none is refused with what was expected', async (t) => {
  await t.throwsAsync(connectLog('localhost:7000'), { code: 'BAD_ADDRESS' })
  await t.throwsAsync(connectLog('tcp://'), { code: 'BAD_ADDRESS' })
  await t.throwsAsync(connectLog('tcp://host'), { code: 'BAD_ADDRESS' })
  await t.throwsAsync(connectLog('tcp://host:70000'), { code: 'BAD_ADDRESS' })
  await t.throwsAsync(connectLog('file:'), { code: 'BAD_ADDRESS' })
})

test('an address at which nobody answers ends within its deadline and names it', async (t) => {
  const error = await t.throwsAsync(connectLog('tcp://127.0.0.1:1', { timeoutMs: 200 }))
  t.regex(error.message, /127\.0\.0\.1:1/)
})
