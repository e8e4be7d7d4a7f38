/**
 * One server process of the bench: a unit or the sequencer, as in production, told what to be by its arguments.
 *
 *     process.ts unit FOLDER ADDRESS   |   process.ts sequencer ADDRESS UNIT,UNIT,...   |   process.ts tokens
 *
 * Says its address when it listens; a sequencer then waits for a message: at `start` it takes its place and says
 * `open`, at `standby` it stands by. What it would tell people it says with the time, for rows that measure how long
 * something takes. `tokens` is a sequencer that serves from the start, over a unit that calls everything decided that
 * was granted.
 */
import { object } from 'superstruct'
import { systemPorts } from '../../log/io/connect.ts'
import { RegisterFile } from '../../log/io/register-file.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import type { Layout } from '../../log/layout.ts'
import { limits } from '../../log/limits.ts'
import { superviseUnit } from '../../log/unit/rejoin.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { Peers } from '../../log/wire/peers.ts'
import { openDoor } from '../../log/wire/server.ts'
import { writeProgress } from '../../log/wire/tail-messages.ts'
import { SequencerServer } from '../../sequencer/server.ts'

const [role = '', first = '', second = ''] = process.argv.slice(2)
const ports = systemPorts()
process.on('disconnect', () => {
  process.exit(0)
})

/** Tells the bench what happens here, and when. */
const tell = (text: string): void => {
  process.send?.({ told: text, at: performance.timeOrigin + performance.now() })
}

async function unit(folder: string, address: string): Promise<string> {
  const server = new UnitServer({
    ports,
    limits,
    store: new SqliteStore({ folder, random: ports.random, reserveMb: 1 }),
    register: new RegisterFile(`${folder}/acceptor.json`),
    address,
    name: folder,
  })
  server.onStopped((error) => {
    console.error(`unit ${folder} stopped: ${error.message}`)
    process.exit(1)
  })
  await server.listen()
  superviseUnit(server, tell)
  return server.address
}

async function sequencer(address: string, units: readonly string[]): Promise<string> {
  const server = new SequencerServer({ ports, limits, address, name: 'sequencer', units, log: tell })
  await server.listen()
  process.once('message', (word) => {
    const placed = word === 'standby' ? server.standBy({ timeoutMs: 20_000 }) : server.start({ timeoutMs: 20_000 })
    placed.then(
      () => process.send?.('open'),
      (thrown: unknown) => {
        console.error(thrown)
        process.exit(1)
      },
    )
  })
  return server.address
}

/** The one unit of the layout answers only how far it is: what a sequencer can do by itself, its window never full. */
async function tokens(): Promise<string> {
  const server = new SequencerServer({ ports, limits, address: '127.0.0.1:0', name: 'tokens', units: [] })
  const cluster = 'tokens'
  const door = await openDoor(ports, limits, '127.0.0.1:0', {
    cluster: () => cluster,
    layout: () => null,
    gone: () => undefined,
    request: ({ caller, kind, request }) => {
      caller.answer(kind, request, writeProgress({ prefix: server.machine.tail, logTime: 0 }, caller.version))
    },
  })
  await server.listen()
  const member = { identity: 'unit', boot: 'unit', address: door.listener.address }
  const layout: Layout = {
    cluster,
    epoch: 2,
    acceptors: [{ identity: 'acceptor', address: member.address }],
    sequencer: server.member,
    tail: 0,
    window: limits.window,
    trim: 0,
    logTime: 0,
    featureLevel: 1,
    segments: [{ from: 0, to: null, kind: 'chain', chains: [[member]] }],
    spares: [],
    absent: [],
    drops: [],
  }
  const peers = new Peers({
    ports,
    limits,
    name: 'tokens',
    cluster: () => cluster,
    nextRequest: () => 1,
    learnt: () => undefined,
  })
  await peers.at(server.address).control('bootstrap', { layout }, object({}))
  peers.close()
  return server.address
}

process.send?.(
  role === 'tokens'
    ? await tokens()
    : role === 'unit'
      ? await unit(first, second)
      : await sequencer(first, second.split(',')),
)
