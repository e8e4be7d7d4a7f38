/**
 * The client process of one peer: opens its sessions, warms everything up once, then runs the loads it is sent.
 *
 *     client.ts NAME SETUP, forked; says `ready` or `error` when it is warm, then gives one answer to each question
 * Read next: `loads.ts`.
 */
import { measure } from '../measure.ts'
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

async function answer(loads: Loads, { load, outstanding, ms }: Question): Promise<Answer> {
  const operation = await loads.prepare(load, outstanding)
  if (operation === undefined) return { kind: 'unsupported' }
  const { run, total } = operation
  if (total === undefined) return { kind: 'measured', measured: await measure(outstanding, ms, run) }
  const before = await total()
  let added = 0
  const measured = await measure(outstanding, ms, async (caller) => {
    await run(caller)
    added++
  })
  const after = await total()
  if (after - before !== added) throw new Error(`added ${added} to ${before}, but the counter stands at ${after}`)
  return { kind: 'measured', measured }
}

/** The whole error stands in the log. */
function failed(thrown: unknown): Answer {
  console.error(thrown)
  return { kind: 'error', error: thrown instanceof Error ? thrown.message : String(thrown) }
}

const tell = (what: Answer): void => {
  process.send?.(what)
}

async function serve(name: string | undefined, setup: ClientSetup): Promise<void> {
  const loads = await (name === 'zookeeper'
    ? zookeeperLoads(setup)
    : name === 'etcd'
      ? etcdLoads(setup)
      : natsLoads(setup))
  for (const question of WARM_UP) await answer(loads, question)
  process.on('message', (question: Question) => {
    answer(loads, question).catch(failed).then(tell, tell)
  })
  tell({ kind: 'ready', note: loads.note })
}

process.on('disconnect', () => {
  process.exit(0)
})
const [name, setup = '{}'] = process.argv.slice(2)
serve(name, JSON.parse(setup)).catch((thrown: unknown) => {
  tell(failed(thrown))
})
