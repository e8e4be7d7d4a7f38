import { DatabaseSync } from 'node:sqlite'
import { connect } from '../../index.ts'

const database = new DatabaseSync(':memory:')            // what the lock protects: yours
database.exec(`CREATE TABLE report (text TEXT, token INTEGER); INSERT INTO report VALUES ('', -1)`)
const update = database.prepare('UPDATE report SET text = ?1, token = ?2 WHERE token <= ?2')

const client = await connect('memory:')                  // or 'file:DIR', or 'tcp://127.0.0.1:7101,127.0.0.1:7102'
const first = await client.lock('/locks/report', { timeoutMs: 5_000 })
console.log(update.run('first', first.token).changes)    // 1: written
await first.release()                                    // or its session ended: the process died, or was stopped

const second = await client.lock('/locks/report', { timeoutMs: 5_000 })
console.log(update.run('second', second.token).changes)  // 1
console.log(update.run('late', first.token).changes)     // 0: refused
await client.close()
