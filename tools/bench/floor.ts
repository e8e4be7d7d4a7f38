/**
 * The floor of the append path: a sequencer and three SQLite units as processes, nothing checked, nothing replayed.
 *
 * The least that any design with a token, three durable copies and group commit has to do on this machine; our own
 * path is measured against it in the same run. One packed row per commit, write-ahead log grown once,
 * `synchronous=FULL`.
 *
 *     floor.ts unit FOLDER   |   floor.ts sequencer          each tells its port
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
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
    const whole = bytes.length - (bytes.length % size)
    rest = bytes.subarray(whole)
    if (whole > 0) each(bytes.subarray(0, whole))
  })
}

function unit(folder: string): void {
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
  listen(
    createServer((socket) => {
      records(socket, SIZE, (bytes) => {
        if (queue.length === 0) {
          setImmediate(() => {
            const all = Buffer.concat(queue)
            queue = []
            begin.run()
            insert.run(all.readDoubleLE(4), all)
            commit.run()
            const answers = Buffer.allocUnsafe((all.length / SIZE) * 8)
            for (let from = 0, to = 0; from < all.length; from += SIZE, to += 8) {
              all.copy(answers, to, from + 4, from + 12)
            }
            socket.write(answers)
          })
        }
        queue.push(bytes)
      })
    }),
  )
}

function sequencer(): void {
  let tail = 0
  listen(
    createServer((socket) => {
      records(socket, 4, (bytes) => {
        const out = Buffer.allocUnsafe(bytes.length * 2)
        for (let at = 0; at < bytes.length; at += 4) {
          out.writeDoubleLE(tail, at * 2)
          tail += bytes.readUInt32LE(at)
        }
        socket.write(out)
      })
    }),
  )
}

type Append = () => Promise<void>
const known = new Map<string, Append>()

/** Appends against a floor; `address` is the ports of its sequencer and its three units. */
export function floorLoad(address: string, outstanding: number, ms: number): Promise<Measured> {
  const append = known.get(address) ?? connectFloor(address.split(',').map(Number))
  known.set(address, append)
  return measure(outstanding, ms, append)
}

function connectFloor([sequencerPort = 0, ...unitPorts]: readonly number[]): Append {
  const units = unitPorts.map((port) => connect(port, '127.0.0.1'))
  const tokens = connect(sequencerPort, '127.0.0.1')
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
  for (const socket of units) {
    records(socket, 8, (bytes) => {
      for (let at = 0; at < bytes.length; at += 8) {
        const position = bytes.readDoubleLE(at)
        const entry = waiting.get(position)
        if (entry === undefined || --entry.left > 0) continue
        waiting.delete(position)
        entry.done()
      }
    })
  }
  return () =>
    new Promise((done) => {
      if (queue.length === 0) {
        queueMicrotask(() => {
          const ask = Buffer.allocUnsafe(4)
          ask.writeUInt32LE(queue.length)
          asked.push(queue)
          queue = []
          tokens.write(ask)
        })
      }
      queue.push(done)
    })
}

/** Listens on a port that is free and tells it. */
function listen(server: Server): void {
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    process.send?.(typeof address === 'object' && address !== null ? address.port : 0)
  })
}

if (process.argv[1] === import.meta.filename) {
  process.on('disconnect', () => {
    process.exit(0)
  })
  const [role, folder] = process.argv.slice(2)
  if (role === 'unit') unit(folder ?? '.')
  else sequencer()
}
