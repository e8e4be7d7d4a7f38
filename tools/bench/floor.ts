/**
 * The floor of the append path: a sequencer and three SQLite units as processes, nothing checked, nothing replayed.
 *
 * The least that any design with a token, three durable copies and group commit has to do on this machine; our own path is
 * measured against it in the same run. One packed row per commit, write-ahead log grown once, `synchronous=FULL`.
 *
 *     floor.ts unit PORT FOLDER   |   floor.ts sequencer PORT   |   floor.ts client PORT
 */
import { connect, createServer, type Socket } from 'node:net'
import Database from 'better-sqlite3'
import { measure, type Measured } from './measure.ts'

const PAYLOAD = 128
const HEAD = 12
const SIZE = HEAD + PAYLOAD

/** Cuts a socket's bytes into records of a fixed size, given together. */
function records(socket: Socket, size: number, each: (bytes: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.setNoDelay(true)
  socket.on('error', () => undefined)
  socket.on('data', (data) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, data]) : data
    const whole = bytes.length - bytes.length % size
    rest = bytes.subarray(whole)
    if (whole > 0) each(bytes.subarray(0, whole))
  })
}

function unit(port: number, folder: string): void {
  const db = new Database(`${folder}/floor.db`)
  db.pragma('locking_mode=EXCLUSIVE')
  db.pragma('journal_mode=WAL')
  db.exec('create table entry(position integer primary key, bytes blob)')
  db.pragma('synchronous=FULL')
  db.exec('create table filler(b blob)')
  db.prepare('insert into filler values(?)').run(Buffer.alloc(32 << 20))
  db.exec('drop table filler')
  db.pragma('wal_checkpoint(RESTART)')
  db.pragma('wal_autocheckpoint=4000')
  const insert = db.prepare('insert into entry values(?,?)')
  const begin = db.prepare('begin immediate')
  const commit = db.prepare('commit')
  let queue: Buffer[] = []
  createServer((socket) => {
    records(socket, SIZE, (bytes) => {
      if (queue.length === 0) setImmediate(() => {
        const all = Buffer.concat(queue)
        queue = []
        begin.run()
        insert.run(all.readDoubleLE(4), all)
        commit.run()
        const answers = Buffer.allocUnsafe(all.length / SIZE * 8)
        for (let from = 0, to = 0; from < all.length; from += SIZE, to += 8) all.copy(answers, to, from + 4, from + 12)
        socket.write(answers)
      })
      queue.push(bytes)
    })
  }).listen(port, '127.0.0.1', () => process.send?.('ready'))
}

function sequencer(port: number): void {
  let tail = 0
  createServer((socket) => {
    records(socket, 4, (bytes) => {
      const out = Buffer.allocUnsafe(bytes.length * 2)
      for (let at = 0; at < bytes.length; at += 4) { out.writeDoubleLE(tail, at * 2); tail += bytes.readUInt32LE(at) }
      socket.write(out)
    })
  }).listen(port, '127.0.0.1', () => process.send?.('ready'))
}

/** Runs the loads against a floor whose sequencer listens at `port` and whose units at the three ports after it. */
export async function floorLoads(port: number, loads: readonly number[], ms: number): Promise<Map<number, Measured>> {
  const units = [1, 2, 3].map((i) => connect(port + i, '127.0.0.1'))
  const tokens = connect(port, '127.0.0.1')
  const waiting = new Map<number, { left: number; done: () => void }>()
  const asked: (() => void)[][] = []
  let queue: (() => void)[] = []
  records(tokens, 8, (bytes) => {
    for (let at = 0; at < bytes.length; at += 8) {
      const from = bytes.readDoubleLE(at)
      const batch = asked.shift() ?? []
      const out = Buffer.alloc(batch.length * SIZE, 7)
      batch.forEach((done, i) => {
        waiting.set(from + i, { left: units.length, done })
        out.writeUInt32LE(PAYLOAD, i * SIZE)
        out.writeDoubleLE(from + i, i * SIZE + 4)
      })
      for (const socket of units) socket.write(out)
    }
  })
  for (const socket of units) records(socket, 8, (bytes) => {
    for (let at = 0; at < bytes.length; at += 8) {
      const position = bytes.readDoubleLE(at)
      const entry = waiting.get(position)
      if (entry === undefined || --entry.left > 0) continue
      waiting.delete(position)
      entry.done()
    }
  })
  const append = (): Promise<void> => new Promise((done) => {
    if (queue.length === 0) queueMicrotask(() => {
      const ask = Buffer.allocUnsafe(4)
      ask.writeUInt32LE(queue.length)
      asked.push(queue)
      queue = []
      tokens.write(ask)
    })
    queue.push(done)
  })
  await measure(1, 300, append)
  const results = new Map<number, Measured>()
  for (const outstanding of loads) results.set(outstanding, await measure(outstanding, ms, append))
  for (const socket of [tokens, ...units]) socket.destroy()
  return results
}

if (process.argv[1] === import.meta.filename) {
  process.on('disconnect', () => { process.exit(0) })
  const [role, port, folder] = process.argv.slice(2)
  if (role === 'unit') unit(Number(port), folder ?? '.')
  else if (role === 'sequencer') sequencer(Number(port))
}
