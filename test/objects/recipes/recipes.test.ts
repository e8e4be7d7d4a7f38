/**
 * Recipes, step by step: where there is a type of ours that does the same, both come to the same.
 *
 * Read next: `../../../objects/recipes/`, `../extensions/extension-driver.ts`.
 */
import test from 'ava'
import {
  BarrierRecipe,
  Counter,
  CounterRecipe,
  ElectionRecipe,
  PriorityQueueRecipe,
  QueueRecipe,
  RateLimiterRecipe,
  SagaRecipe,
} from '../../../objects.ts'
import type { Answer, DrivenSession } from '../machine-driver.ts'
import { ExtensionDriver, type Registrable } from '../extensions/extension-driver.ts'

/** Sessions that have agreed to a recipe, and its object at /it. */
class RecipeDriver extends ExtensionDriver {
  readonly recipe: Registrable
  readonly all: readonly [DrivenSession, DrivenSession, DrivenSession]

  constructor(recipe: Registrable) {
    super([Counter])
    this.recipe = recipe
    this.all = [this.open(), this.open(), this.open()]
    for (const one of this.all) this.register(one, recipe)
  }
  call(session: DrivenSession, op: string, input: unknown = {}): Answer {
    return this.ask(session, this.recipe, '/it', op, input)
  }
  /** Calls what waits; gives its position. */
  waits(session: DrivenSession, op: string, input: unknown = {}): number {
    const answer = this.call(session, op, input)
    if (answer !== 'waiting') throw new Error(JSON.stringify(answer))
    return this.last.position
  }
}

test('the counter counts as the type of ours does', (t) => {
  const driver = new RecipeDriver(CounterRecipe)
  const [ann] = driver.all
  for (const by of [1, 41, -2, 2 ** 40]) {
    t.deepEqual(driver.call(ann, 'add', { by }), driver.ask(ann, Counter, '/count', 'add', { by }))
  }
  t.like(driver.call(ann, 'add', { by: 0.5 }), { value: 2 ** 40 + 40.5 })
  t.is(driver.replayed(), driver.digest)
})

test('the queue gives items in order, to takers in order, past who gave up or ended', (t) => {
  const driver = new RecipeDriver(QueueRecipe)
  const [ann, bob, eve] = driver.all
  t.deepEqual(
    [1, 2].map((item) => driver.call(ann, 'put', { item })),
    [{ value: undefined }, { value: undefined }],
  )
  t.deepEqual([driver.call(bob, 'take'), driver.call(eve, 'take')], [{ value: 1 }, { value: 2 }])
  const [first, second, third] = [driver.waits(ann, 'take'), driver.waits(bob, 'take'), driver.waits(eve, 'take')]
  driver.cancel(ann, '/it', first)
  driver.end(bob)
  driver.call(ann, 'put', { item: { deep: ['x'] } })
  t.deepEqual(
    [first, second, third].map((op) => driver.settled.get(op)),
    [undefined, undefined, { value: { deep: ['x'] } }],
  )
  t.is(driver.object('/it'), undefined)
  t.is(driver.replayed(), driver.digest)
})

test('the barrier opens for all at once, and closes behind them', (t) => {
  const driver = new RecipeDriver(BarrierRecipe)
  const [ann, bob, eve] = driver.all
  for (let round = 0; round < 2; round++) {
    const early = [driver.waits(ann, 'enter', { parties: 3 }), driver.waits(bob, 'enter', { parties: 3 })]
    t.deepEqual(driver.call(eve, 'enter', { parties: 3 }), { value: 3 })
    t.deepEqual(
      early.map((op) => driver.settled.get(op)),
      [{ value: 3 }, { value: 3 }],
    )
  }
  // Who is gone does not count.
  driver.waits(ann, 'enter', { parties: 3 })
  driver.end(ann)
  t.is(driver.call(eve, 'enter', { parties: 3 }), 'waiting')
})

test('the election elects one at a time, whatever takes the leader away', (t) => {
  const driver = new RecipeDriver(ElectionRecipe)
  const [ann, bob, eve] = driver.all
  const won = driver.call(ann, 'lead')
  t.deepEqual(won, { value: { token: driver.last.position, op: driver.last.position } })
  const [second, third, fourth] = [driver.waits(bob, 'lead'), driver.waits(eve, 'lead'), driver.waits(bob, 'lead')]
  driver.end(ann, { clean: false, by: 3 })
  t.deepEqual(driver.settled.get(second), { value: { token: driver.last.position, op: second } })
  driver.cancel(bob, '/it', second)
  t.deepEqual(driver.settled.get(third), { value: { token: driver.last.position, op: third } })
  t.deepEqual(driver.call(bob, 'resign', { op: second }), { value: false })
  driver.call(eve, 'resign', { op: third })
  t.deepEqual(driver.settled.get(fourth), { value: { token: driver.last.position, op: fourth } })
  driver.end(bob)
  t.is(driver.object('/it'), undefined)
  t.is(driver.replayed(), driver.digest)
})

test('the limiter gives a burst, then one each so often, and forgets a full bucket', (t) => {
  const driver = new RecipeDriver(RateLimiterRecipe)
  const [ann] = driver.all
  const take = (): Answer => driver.call(ann, 'take', { key: 'a', burst: 2, everyMs: 100 })
  t.deepEqual([take(), take(), take()], [{ value: 0 }, { value: 0 }, { value: 100 }])
  driver.after(40)
  t.deepEqual(take(), { value: 60 })
  driver.after(60)
  t.deepEqual([take(), take()], [{ value: 0 }, { value: 100 }])
  driver.after(200).tick()
  t.is(driver.object('/it'), undefined)
})

test('the queue by priority gives the lowest first, and what has waited long before that', (t) => {
  const driver = new RecipeDriver(PriorityQueueRecipe)
  const [ann] = driver.all
  const put = (item: string, priority: number): Answer => driver.call(ann, 'put', { item, priority })
  const take = (): Answer => driver.call(ann, 'take')
  put('low', 5)
  put('high', 1)
  put('high too', 1)
  t.deepEqual([take(), take()], [{ value: 'high' }, { value: 'high too' }])
  driver.after(5_000)
  put('new', 1)
  t.deepEqual([take(), take(), take()], [{ value: 'low' }, { value: 'new' }, { value: null }])
})

test('the saga ends when all is done; else what was done is to be undone, the last first', (t) => {
  const driver = new RecipeDriver(SagaRecipe)
  const [ann] = driver.all
  const begin = (saga: string): Answer => driver.call(ann, 'begin', { saga, steps: 3, timeoutMs: 1_000 })
  const done = (saga: string, step: string): Answer => driver.call(ann, 'done', { saga, step })
  begin('good')
  t.deepEqual(
    ['book', 'pay', 'pay', 'ship'].map((step) => done('good', step)),
    [2, 1, 1, 0].map((value) => ({ value })),
  )
  begin('late')
  t.like(begin('late'), { code: 'REJECTED', facts: { reason: 'BEGUN' } })
  done('late', 'book')
  done('late', 'pay')
  driver.after(1_000).tick()
  t.deepEqual(driver.last.events, [{ path: '/it', kind: 'undo', facts: { saga: 'late', steps: ['pay', 'book'] } }])
  t.like(done('late', 'ship'), { code: 'REJECTED', facts: { reason: 'OVER', saga: 'late' } })
  begin('bad')
  done('bad', 'book')
  driver.call(ann, 'fail', { saga: 'bad' })
  driver.tick()
  t.deepEqual(
    driver.last.events.map(({ facts }) => facts),
    [{ saga: 'bad', steps: ['book'] }],
  )
  t.is(driver.object('/it'), undefined)
})
