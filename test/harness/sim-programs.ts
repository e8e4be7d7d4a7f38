/**
 * The extensions of simulated runs, each in three versions: what stands in the log are their texts.
 *
 * A version differs by what it answers with, so that a caller sees which one ran. Read next: `sim-extensions.ts`.
 */
import { number, object, string } from 'superstruct'
import { Counter } from '../../objects/counter/type.ts'
import { defineExtension, type Extension } from '../../objects/extensions/define-extension.ts'

/** So little that a loop is soon at its end. */
const FUEL = 400_000

/** A sum: adds are neither lost nor doubled, whichever versions answer them. */
const tally = (version: number) =>
  defineExtension({
    name: 'sim.tally',
    version,
    source: `({ add(ctx, { by }) {
      const value = (ctx.get('n') ?? 0) + by
      ctx.set('n', value)
      return { value, version: ${version} }
    } })`,
    ops: (op) => ({ add: op(object({ by: number() })) }),
  })

/** A queue: who has an item owns it, so that it comes back with the end of its session, or with its take's cancel. */
const mail = (version: number) =>
  defineExtension({
    name: 'sim.mail',
    version,
    waits: ['take'],
    source: `(() => {
      const give = (ctx, item, op, owner) => {
        ctx.set('taken/' + item, op, { owner })
        return { item, version: ${version} }
      }
      const put = (ctx, item) => {
        const [first] = ctx.list('waiting/', 1)
        if (first === undefined) ctx.set('items/' + item, item)
        else ctx.settle(first.value, give(ctx, item, first.value, first.session))
      }
      return {
        put(ctx, { item }) { put(ctx, item); return ${version} },
        take(ctx) {
          const [head] = ctx.list('items/', 1)
          if (head === undefined) return ctx.wait('waiting/' + ctx.order)
          ctx.delete(head.key)
          return give(ctx, head.value, ctx.position, ctx.session)
        },
        ack(ctx, { item }) { return ctx.delete('taken/' + item) },
        ended(ctx, { keys }) {
          for (const key of keys) if (key.startsWith('taken/')) put(ctx, key.slice(6))
        },
        cancelled(ctx, { op, row }) {
          for (const { key, value } of row === null ? ctx.list('taken/') : []) {
            if (value !== op) continue
            ctx.delete(key)
            put(ctx, key.slice(6))
          }
        },
      }
    })()`,
    ops: (op) => ({
      put: op(object({ item: string() })),
      take: op(object({})),
      ack: op(object({ item: string() })),
    }),
  })

/** An election by an op and an event. */
const lead = (version: number) =>
  defineExtension({
    name: 'sim.lead',
    version,
    waits: ['lead'],
    source: `({
      lead(ctx) {
        if (ctx.get('leader') !== undefined) return ctx.wait('waiting/' + ctx.order)
        ctx.set('leader', ctx.position, { owner: ctx.session })
        return { token: ctx.position, op: ctx.position, version: ${version} }
      },
      resign(ctx, { op }) { return ctx.get('leader') === op && ctx.delete('leader') },
      cancelled(ctx, { op }) { if (ctx.get('leader') === op) ctx.delete('leader') },
      left(ctx) {
        const [next] = ctx.list('waiting/', 1)
        if (next === undefined) return
        ctx.set('leader', next.value, { owner: next.session })
        ctx.settle(next.value, { token: ctx.position, op: next.value, version: ${version} })
      },
    })`,
    ops: (op) => ({ lead: op(object({})), resign: op(object({ op: number() })) }),
    events: { left: { on: ['deleted'], key: 'leader' } },
  })

/** Leases that run out by themselves. */
const lease = (version: number) =>
  defineExtension({
    name: 'sim.lease',
    version,
    source: `({
      take(ctx, { ms }) {
        ctx.set(ctx.order, ${version})
        ctx.at(ctx.order, ctx.time + ms)
        return ctx.list().length
      },
      left(ctx) { return ctx.list().length },
      due(ctx, { key }) { ctx.delete(key) },
    })`,
    ops: (op) => ({ take: op(object({ ms: number() })), left: op(object({})) }),
  })

/** Writes, and fails behind it, in every way there is. */
const flaky = (version: number) =>
  defineExtension({
    name: 'sim.flaky',
    version,
    fuel: FUEL,
    source: `({
      boom(ctx) { ctx.set('n', ${version}); throw new Error('boom') },
      spin(ctx) { ctx.set('n', ${version}); for (;;); },
      deep(ctx) { ctx.set('n', ${version}); const f = () => f() + 1; return f() },
      wide(ctx) { for (let i = 0; ; i++) ctx.set('n' + i, ${version}) },
      swollen(ctx) { ctx.set('n', ${version}); let text = 'x'; for (;;) text += text },
      peek(ctx) { return ctx.list().length },
    })`,
    ops: (op) => ({
      boom: op(object({})),
      spin: op(object({})),
      deep: op(object({})),
      wide: op(object({})),
      swollen: op(object({})),
      peek: op(object({})),
    }),
  })

/** Counts changes of the counters that transactions move; it fails at some positions, three times in a row at some. */
const count = (version: number) =>
  defineExtension({
    name: 'sim.count',
    version,
    source: `({
      look(ctx) { return ctx.read('/accounts/a')?.value ?? 0 },
      moved(ctx, { changes }) {
        ctx.set('n', (ctx.get('n') ?? 0) + changes.length)
        if (ctx.position % 5 < ${version}) throw new Error('moved at ' + ctx.order)
      },
    })`,
    uses: { '/accounts/*': Counter },
    ops: (op) => ({ look: op(object({})) }),
    events: { moved: { on: ['created', 'changed'], path: '/accounts/*' } },
  })

/** Goes on and on by its own changes, until it is disabled. */
const cascade = (version: number) =>
  defineExtension({
    name: 'sim.cascade',
    version,
    source: `({
      poke(ctx, { rounds }) { ctx.set('left', rounds); return ${version} },
      again(ctx) {
        const left = ctx.get('left')
        if (left > 0) ctx.set('left', left - 1)
      },
    })`,
    ops: (op) => ({ poke: op(object({ rounds: number() })) }),
    events: { again: { on: ['created', 'changed'], key: 'left' } },
  })

/** Adds to a counter of ours in its place. */
const taker = (version: number) =>
  defineExtension({
    name: 'sim.taker',
    version,
    source: `({
      taken(ctx, { path, op, input }) {
        ctx.set('sum', (ctx.get('sum') ?? 0) + input.by)
        return ctx.do(path, op, input)
      },
    })`,
    takes: { taken: { type: Counter, op: 'add', path: '/taken' } },
    ops: () => ({}),
  })

/** One program in each of its versions. */
export type Versions<O extends object> = readonly [Extension<O>, ...Extension<O>[]]
const inVersions = <O extends object>(make: (version: number) => Extension<O>): Versions<O> => [
  make(1),
  make(2),
  make(3),
]

export const programs = {
  tally: inVersions(tally),
  mail: inVersions(mail),
  lead: inVersions(lead),
  lease: inVersions(lease),
  flaky: inVersions(flaky),
  count: inVersions(count),
  cascade: inVersions(cascade),
  taker: inVersions(taker),
} as const

/** All of them. */
export const names = ['tally', 'mail', 'lead', 'lease', 'flaky', 'count', 'cascade', 'taker'] as const
export type Name = (typeof names)[number]
/** Those that people may remove: nobody counts on what they hold. */
export const removable: readonly Name[] = ['tally', 'flaky', 'count', 'cascade', 'taker']
/** Those that may be disabled for a while: what they hold waits for them. */
export const mayRest: readonly Name[] = [...removable, 'lease']
