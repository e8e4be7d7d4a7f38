import { connect, defineObject, guards, type OpContext } from '../../index.ts'
import { object, string } from 'superstruct'

interface State { devices: number }
type Tables = {
  taken: { session: number; op: number }                 // by device
  waiting: { session: number; forMs: number }            // waits, in order of position
}
const { count, fields, integerIn } = guards

const Devices = defineObject({
  name: 'example.devices', version: 1,
  state: fields<State>({ devices: count }), initial: () => ({ devices: 2 }),
  tables: {
    taken: fields<Tables['taken']>({ session: count, op: count }),
    waiting: fields<Tables['waiting']>({ session: count, forMs: count }),
  },
  owned: { taken: 'session', waiting: 'session' },       // these rows go when that session ends
  waits: ['waiting'],                                    // rows that `ctx.wait` puts
  refusals: { NOT_TAKEN: 'stop' },
  ops: (op) => ({
    take: op.waits(fields<{ forMs: number }>({ forMs: integerIn(1, 3_600_000) }), ({ forMs }, ctx) => {
      const one = { session: ctx.session, forMs }
      const free = freeOne(ctx)
      return free === undefined ? ctx.wait('waiting', one) : give(free, ctx.position, one, ctx)
    }),
    giveBack: op(object({ device: string() }), (_draft, { device }, ctx) => {
      if (ctx.tables.taken.get(device)?.session !== ctx.session) ctx.reject('NOT_TAKEN', { device })
      takeBack(device, ctx)
    }),
  }),
  due: (device, ctx) => takeBack(device, ctx),           // a deadline that `ctx.at` has set
  ended: ({ rows }, ctx) => {                            // a session has ended; its rows are gone already
    for (const [device] of rows.taken) takeBack(device, ctx)
  },
  cancelled: ({ op, row }, ctx) => {                     // a caller gave up; no row: it had been given one
    const given = row === undefined ? ctx.tables.taken.of(ctx.session).filter(([, one]) => one.op === op) : []
    for (const [device] of given) takeBack(device, ctx)
  },
  over: () => true,
  describe: ({ state, tables }) => ({ devices: state.devices, taken: tables.taken.size, waiting: tables.waiting.size }),
})

type Ctx = OpContext<State, Tables>

function freeOne({ state, tables }: Ctx): string | undefined {
  for (let n = 0; n < state.devices; n++) if (!tables.taken.has(String(n))) return String(n)
  return undefined
}

function give(device: string, op: number, { session, forMs }: Tables['waiting'], ctx: Ctx) {
  ctx.tables.taken.set(device, { session, op })
  ctx.at(device, ctx.time + forMs)
  return { device, token: ctx.position }
}

function takeBack(device: string, ctx: Ctx): void {
  ctx.tables.taken.delete(device)
  ctx.at(device, undefined)
  for (const [op, first] of ctx.tables.waiting.range()) {
    const free = freeOne(ctx)
    if (free === undefined) return
    ctx.settle(Number(op), give(free, Number(op), first, ctx))
  }
}

const client = await connect('memory:', { types: [Devices] })
const pool = await client.open(Devices, '/devices')
const first = await pool.take({ forMs: 60_000 }, { timeoutMs: 1_000 })
const job = await client.session({ name: 'job' })
await (await job.open(Devices, '/devices')).take({ forMs: 60_000 }, { timeoutMs: 1_000 })
const third = pool.take({ forMs: 60_000 }, { timeoutMs: 5_000 })   // none is left: it waits
await job.close()                                                  // its session ends: its device goes to who waits
console.log(first.device, (await third).device, pool.describe())
await client.close()
