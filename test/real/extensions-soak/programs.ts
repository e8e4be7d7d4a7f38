/**
 * The programs of a run: recipes, counters and queues that are replaced by higher versions, programs that listen to
 * changes and to themselves, that do ops of other types, wait, own and fall due; and the hostile ones of the corpus.
 *
 * A program and its version name one source, the same in every process. Read next: `lane.ts` (who calls them).
 */
import { number, object, string } from 'superstruct'
import { Counter } from '../../../objects/counter/type.ts'
import { anyValue, defineExtension, type Extension } from '../../../objects/extensions/define-extension.ts'
import { Queue } from '../../../objects/queue/type.ts'
import { BarrierRecipe } from '../../../objects/recipes/barrier.ts'
import { CounterRecipe } from '../../../objects/recipes/counter.ts'
import { ElectionRecipe } from '../../../objects/recipes/election.ts'
import { PriorityQueueRecipe } from '../../../objects/recipes/priority-queue.ts'
import { QueueRecipe } from '../../../objects/recipes/queue.ts'
import { RateLimiterRecipe } from '../../../objects/recipes/rate-limiter.ts'
import { SagaRecipe } from '../../../objects/recipes/saga.ts'
import type { Value } from '../../../objects/runtime/values.ts'
import { TreeType } from '../../../objects/tree/type.ts'
import type { Prng } from '../../harness/prng.ts'
import { long, odd } from '../../objects/extensions/corpus.ts'

/** Objects of the types that every client knows. */
export const counters = ['/soak/counters/a', '/soak/counters/b', '/soak/counters/c']
export const queues = ['/soak/queues/a', '/soak/queues/b']
export const TREE = '/soak/tree'

/** A call of a program: an op, and what it is given. */
export type ProgramCall = readonly [op: string, input: Value]

/** A program of the pool. `versions`: it is replaced so often at most. */
export interface Program {
  readonly name: string
  readonly versions: number
  make(version: number): Extension<object>
  call(prng: Prng): ProgramCall
}

/** Programs of one version: recipes. */
function recipe(extension: Extension<object>, call: (prng: Prng) => ProgramCall): Program {
  return { name: extension.extension, versions: 1, make: () => extension, call }
}

const sagaOf = (prng: Prng): string => `saga-${prng.integer(0, 20)}`

const recipes: readonly Program[] = [
  recipe(CounterRecipe, (prng) => ['add', { by: prng.integer(-5, 10) }]),
  recipe(QueueRecipe, (prng) => (prng.chance(0.5) ? ['put', { item: prng.integer(0, 1_000) }] : ['take', {}])),
  recipe(BarrierRecipe, (prng) => ['enter', { parties: prng.integer(1, 4) }]),
  recipe(ElectionRecipe, (prng) => (prng.chance(0.5) ? ['lead', {}] : ['resign', { op: prng.integer(0, 1_000) }])),
  recipe(RateLimiterRecipe, (prng) => ['take', { key: `k${prng.integer(0, 9)}`, burst: 3, everyMs: 100 }]),
  recipe(PriorityQueueRecipe, (prng) =>
    prng.chance(0.4) ? ['put', { item: prng.id(), priority: prng.integer(0, 5) }] : ['take', {}],
  ),
  recipe(SagaRecipe, (prng) => {
    const saga = sagaOf(prng)
    if (prng.chance(0.3)) return ['begin', { saga, steps: 3, timeoutMs: prng.integer(100, 2_000) }]
    return prng.chance(0.1) ? ['fail', { saga }] : ['done', { saga, step: `step-${prng.integer(0, 4)}` }]
  }),
]

/** Programs whose versions have sources of their own, which cost differently and leave other records behind. */
const replaced: readonly Program[] = [
  {
    name: 'soak.counter',
    versions: 1_000,
    make: (version) =>
      defineExtension({
        name: 'soak.counter',
        version,
        source: `({
          add(ctx, { by }) {
            let n = ctx.get('n') ?? 0
            for (let i = 0; i < ${(version * 7) % 60}; i++) n = (n * 31 + i) % 1000003
            ctx.set('n', n + by)
            ctx.set('by/' + (ctx.position % ${2 + (version % 11)}), { version: ${version}, by })
            return n + by
          },
          sum(ctx) { return ctx.list('by/').reduce((sum, { value }) => sum + value.by, 0) },
        })`,
        ops: (op) => ({ add: op(anyValue), sum: op(anyValue) }),
      }),
    call: (prng) => (prng.chance(0.8) ? ['add', { by: prng.integer(-3, 8) }] : ['sum', {}]),
  },
  {
    name: 'soak.queue',
    versions: 1_000,
    make: (version) =>
      defineExtension({
        name: 'soak.queue',
        version,
        waits: ['take'],
        source: `({
          put(ctx, { item }) {
            const [first] = ctx.list('waiting/', 1)
            if (first !== undefined) return ctx.settle(Number(first.value), item)
            ctx.set('items/' + ctx.order, ${version % 2 === 0 ? 'item' : `{ item, version: ${version} }`})
            for (const { key } of ctx.list('items/').slice(0, -${20 + (version % 9)})) ctx.delete(key)
            return true
          },
          take(ctx) {
            const [head] = ctx.list('items/', 1)
            if (head === undefined) return ctx.wait('waiting/' + ctx.order)
            ctx.delete(head.key)
            return head.value.item ?? head.value
          },
        })`,
        ops: (op) => ({ put: op(anyValue), take: op(anyValue) }),
      }),
    call: (prng) => (prng.chance(0.6) ? ['put', { item: prng.id() }] : ['take', {}]),
  },
]

/** Programs that changes call: of a counter and a tree, and of their own records, also until they are disabled. */
const listening: readonly Program[] = [
  {
    name: 'soak.mirror',
    versions: 50,
    make: (version) =>
      defineExtension({
        name: 'soak.mirror',
        version,
        records: number(),
        ops: (op) => ({ count: op(object({}), (ctx) => ctx.list().length) }),
        events: {
          counted: {
            on: ['created', 'changed'],
            path: '/soak/counters/*',
            run: (ctx, { changes }) => {
              for (const { path } of changes) ctx.set(path, (ctx.get(path) ?? 0) + 1)
            },
          },
          grown: {
            on: ['created', 'changed', 'deleted'],
            path: '/soak/tree',
            table: 'nodes',
            run: (ctx, { changes }) => {
              for (const { on, key } of changes) ctx.set(`${on}${key}`, (ctx.get(`${on}${key}`) ?? 0) + 1)
            },
          },
        },
      }),
    call: () => ['count', {}],
  },
  {
    name: 'soak.cascade',
    versions: 50,
    make: (version) =>
      defineExtension({
        name: 'soak.cascade',
        version,
        records: number(),
        ops: (op) => ({ fall: op(object({ steps: number() }), (ctx, { steps }) => ctx.set('left', steps)) }),
        events: {
          fell: {
            on: ['created', 'changed'],
            key: 'left',
            run: (ctx) => {
              const left = ctx.get('left') ?? 0
              if (left > 0) ctx.set('left', left - 1)
              ctx.set(`seen/${left}`, ctx.position)
            },
          },
        },
      }),
    // With more steps than an entry has rounds it is disabled.
    call: (prng) => ['fall', { steps: prng.chance(0.1) ? 20 : prng.integer(0, 6) }],
  },
  {
    name: 'soak.faller',
    versions: 50,
    make: (version) =>
      defineExtension({
        name: 'soak.faller',
        version,
        records: number(),
        ops: (op) => ({ put: op(object({ n: number() }), (ctx, { n }) => ctx.set('n', n)) }),
        events: {
          // Three failures in a row disable it.
          fell: {
            on: ['created', 'changed'],
            key: 'n',
            run: (ctx) => {
              const n = ctx.get('n') ?? 0
              if (n % 2 === 0) throw new RangeError(`no ${n}`)
              if (n % 50 === 1) for (;;) ctx.set('never', n)
              ctx.set('last', n)
            },
          },
        },
        fuel: 400_000,
      }),
    call: (prng) => ['put', { n: prng.integer(0, 1_000_000) }],
  },
]

/** Programs that do ops of other types, and those that sessions and deadlines call. */
const acting: readonly Program[] = [
  {
    name: 'soak.taker',
    versions: 50,
    make: (version) =>
      defineExtension({
        name: 'soak.taker',
        version,
        records: number(),
        ops: (op) => ({ taken: op(object({}), (ctx) => ctx.get('taken') ?? 0) }),
        takes: {
          adds: {
            type: Counter,
            op: 'add',
            path: '/soak/counters/*',
            run: (ctx, { path, op, input }) => {
              ctx.set('taken', (ctx.get('taken') ?? 0) + 1)
              if (ctx.position % 17 === 0) ctx.reject('NOT_NOW', { path })
              return ctx.do(path, op, input)
            },
          },
          puts: {
            type: Queue,
            op: 'put',
            path: '/soak/queues/a',
            run: (ctx, { path, op, input }) => {
              ctx.set('put', (ctx.get('put') ?? 0) + 1)
              return ctx.do(path, op, input)
            },
          },
        },
      }),
    call: () => ['taken', {}],
  },
  {
    name: 'soak.mover',
    versions: 50,
    make: (version) =>
      defineExtension({
        name: 'soak.mover',
        version,
        records: number(),
        uses: { '/soak/counters/*': Counter, '/soak/queues/*': Queue, '/soak/tree': TreeType },
        ops: (op) => ({
          move: op(object({ from: string(), to: string(), by: number() }), (ctx, { from, to, by }) => {
            ctx.do(from, 'add', { by: -by })
            ctx.set(to, by)
            return ctx.do(to, 'add', { by })
          }),
          look: op(object({ path: string() }), (ctx, { path }) => [
            ctx.range(path, 'ready', '', 5).length,
            ctx.range('/soak/tree', 'nodes', '/', 20).length,
            ctx.read('/soak/counters/a') ?? null,
          ]),
        }),
      }),
    call: (prng) => {
      if (prng.chance(0.3)) return ['look', { path: prng.pick([...queues, '/elsewhere']) }]
      return ['move', { from: prng.pick(counters), to: prng.pick([...counters, '/elsewhere']), by: prng.integer(1, 9) }]
    },
  },
  {
    name: 'soak.lease',
    versions: 50,
    make: (version) =>
      defineExtension({
        name: 'soak.lease',
        version,
        records: number(),
        ops: (op) => ({
          take: op(object({ key: string(), ms: number() }), (ctx, { key, ms }) => {
            if (ctx.get(key) !== undefined) ctx.reject('TAKEN', { key })
            ctx.set(key, ctx.position, { owner: ctx.session })
            ctx.at(key, ctx.time + ms)
          }),
        }),
        due: (ctx, { key }) => {
          ctx.delete(key)
          ctx.set('due', (ctx.get('due') ?? 0) + 1)
        },
        ended: (ctx, { keys }) => {
          ctx.set('ended', (ctx.get('ended') ?? 0) + keys.length)
          ctx.at(`late/${keys[0]}`, ctx.time + 100)
        },
      }),
    call: (prng) => ['take', { key: `lease-${prng.integer(0, 40)}`, ms: prng.integer(10, 4_000) }],
  },
  {
    name: 'soak.gate',
    versions: 50,
    make: (version) =>
      defineExtension({
        name: 'soak.gate',
        version,
        records: number(),
        waits: ['pass'],
        ops: (op) => ({
          pass: op(object({}), (ctx) => ctx.wait(`waiting/${ctx.order}`)),
          open: op(object({}), (ctx) => {
            const [first, ...others] = ctx.list('waiting/', 8)
            if (first !== undefined) ctx.refuse(first.value, 'SHUT')
            return others.filter(({ value, session }) => ctx.settle(value, session % 7)).length
          }),
        }),
        cancelled: (ctx) => {
          ctx.set('cancelled', (ctx.get('cancelled') ?? 0) + 1)
        },
      }),
    call: (prng) => [prng.chance(0.6) ? 'pass' : 'open', {}],
  },
]

/**
 * A program that uses up what an entry has: a dozen of its ops in one transaction leave too little for their events,
 * and eight deadlines or ends of a session at once too little for the next ones.
 */
export const burner: Program = {
  name: 'soak.burner',
  versions: 50,
  make: (version) =>
    defineExtension({
      name: 'soak.burner',
      version,
      source: `({
        burn(ctx, { steps }) {
          const n = (ctx.get('n') ?? 0) + 1
          ctx.set('n', n)
          ctx.set('of/' + ctx.session, n, { owner: ctx.session })
          ctx.at('due/' + (n % 4), ctx.time + 300)
          let x = n
          for (let i = 0; i < steps; i++) x = (x * 31 + i) % 1000003
          return x
        },
        due(ctx, { key }) { ctx.set('fired', (ctx.get('fired') ?? 0) + this.spend(7000)) },
        ended(ctx, { keys }) { ctx.set('ended', (ctx.get('ended') ?? 0) + this.spend(7000)) },
        burnt(ctx) { ctx.set('burnt', (ctx.get('burnt') ?? 0) + this.spend(5000)) },
        spend(steps) { let x = 1; for (let i = 0; i < steps; i++) x = (x * 31 + i) % 1000003; return x },
      })`,
      fuel: 18_000_000,
      ops: (op) => ({ burn: op(anyValue) }),
      events: { burnt: { on: ['created', 'changed'], key: 'n' } },
    }),
  call: (prng) => ['burn', { steps: prng.integer(1_000, 6_000) }],
}

/** Programs that throw, loop and exceed every bound there is. */
const hostile: readonly Program[] = [...long, ...odd].map((body, i): Program => {
  const name = `soak.hostile-${i}`
  const source = `({ run(ctx, input) { ${body} } })`
  return {
    name,
    versions: 3,
    make: (version) =>
      defineExtension({ name, version, source, fuel: 1_000_000, ops: (op) => ({ run: op(anyValue) }) }),
    call: () => ['run', null],
  }
})

/** All programs but the hostile ones, which are too many and too dear to be as likely as the others. */
export const plain: readonly Program[] = [...recipes, ...replaced, ...listening, ...acting]
export { hostile }
