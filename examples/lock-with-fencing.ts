/**
 * A lock whose token a SQLite table enforces: a holder that was stopped for too long writes late, and is refused.
 *
 *     node examples/lock-with-fencing.ts
 *
 * The program starts itself once more as the first holder. That one checks its lock, is stopped (as by a debugger or a
 * paused machine) before it writes, and goes on when another process has the lock. No check before the write can help
 * there: the table compares the tokens.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { connect } from '../index.ts'

const [, , role, given = ''] = process.argv
if (role === 'holder') await holder(given)
else await main()

/** Writes the row unless a later holder has written it; false: refused. */
function write(folder: string, text: string, token: number): boolean {
  const database = new DatabaseSync(join(folder, 'reports.db'), { timeout: 5_000 })
  database.exec('CREATE TABLE IF NOT EXISTS report (id TEXT PRIMARY KEY, text TEXT, token INTEGER)')
  const { changes } = database
    .prepare(
      `INSERT INTO report VALUES ('daily', ?, ?)
       ON CONFLICT (id) DO UPDATE SET text = excluded.text, token = excluded.token
       WHERE excluded.token >= report.token`,
    )
    .run(text, token)
  database.close()
  return changes === 1
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fencing-'))
  const client = await connect(`file:${join(folder, 'log')}`)
  const child = fork(import.meta.filename, ['holder', folder])
  await once(child, 'message')
  console.log('the first holder has written, and is stopped')

  // Granted once the session of the first holder has ended: 2 seconds without a heartbeat.
  const lock = await client.lock('/locks/report', { timeoutMs: 30_000 })
  console.log('the second holder writes:', write(folder, 'second', lock.token) ? 'taken' : 'refused')

  child.kill('SIGCONT')
  await once(child, 'exit')
  await lock.release()
  await client.close()
  await rm(folder, { recursive: true })
}

async function holder(folder: string): Promise<void> {
  const client = await connect(`file:${join(folder, 'log')}`)
  const session = await client.session({ name: 'first holder', timeoutMs: 2_000 })
  const lock = await session.lock('/locks/report', { timeoutMs: 5_000 })
  write(folder, 'first', lock.token)
  process.send?.('written')

  lock.assertHeld()
  process.kill(process.pid, 'SIGSTOP')
  console.log('the first holder writes late:', write(folder, 'first, late', lock.token) ? 'taken' : 'refused')
  console.log('it may still count on its lock:', lock.isCurrent)
  process.exit()
}
