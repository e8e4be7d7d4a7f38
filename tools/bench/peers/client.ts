/**
 * The client process of one peer: opens its sessions, warms everything up once, then runs the loads it is sent.
 *
 *     client.ts NAME SETUP, forked; says `ready` or `error` when it is warm, then gives one answer to each question
 * Read next: `loads.ts`.
 */
import { extname, join } from 'node:path'
import { measureOperation } from '../measure.ts'
import { sessionEnds } from '../session-end.ts'
import { etcdLoads } from './etcd-loads.ts'
import type { Answer, ClientSetup, Loads, Question } from './loads.ts'
import { natsLoads } from './nats-loads.ts'
import { zookeeperLoads } from './zookeeper-loads.ts'

/**
 * Before anything is measured: after one second of writes ZooKeeper still runs at two thirds of what it does after
 * three.
 */
const WARM_UP: readonly Question[] = [
  { load: 'append', outstanding: 64, ms: 3_000 },
  { load: 'readLinearizable', outstanding: 64, ms: 300 },
  { load: 'readLocal', outstanding: 64, ms: 300 },
  { load: 'counter', outstanding: 4, ms: 300 },
]

const [name = '', setup = '{}'] = process.argv.slice(2)

async function answer(loads: Loads, { load, outstanding, ms }: Question): Promise<Answer> {
  if (load === 'sessionEnd') {
    const { ended } = loads
    if (typeof ended !== 'function') return { kind: 'unsupported', ...ended }
    const owner = { file: join(import.meta.dirname, `owner${extname(import.meta.filename)}`), args: [name, setup] }
    return { kind: 'measured', measured: await sessionEnds(outstanding, owner, ended) }
  }
  const operation = await loads.prepare(load, outstanding)
  if ('missing' in operation) return { kind: 'unsupported', ...operation }
  return { kind: 'measured', measured: await measureOperation(operation, outstanding, ms) }
}

/** The whole error stands in the log. */
function failed(thrown: unknown): Answer {
  console.error(thrown)
  return { kind: 'error', error: thrown instanceof Error ? thrown.message : String(thrown) }
}

const tell = (what: Answer): void => {
  process.send?.(what)
}

async function serve(own: ClientSetup): Promise<void> {
  const loads = await (name === 'zookeeper' ? zookeeperLoads(own) : name === 'etcd' ? etcdLoads(own) : natsLoads(own))
  for (const question of WARM_UP) await answer(loads, question)
  process.on('message', (question: Question) => {
    answer(loads, question).catch(failed).then(tell, tell)
  })
  tell({ kind: 'ready', note: loads.note })
}

process.on('disconnect', () => {
  process.exit(0)
})
serve(JSON.parse(setup)).catch((thrown: unknown) => {
  tell(failed(thrown))
})
