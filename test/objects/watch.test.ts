/**
 * Watches: when items come, where they begin, and what is said of those that are not at hand any more.
 *
 * Read next: `../../objects/runtime/watcher.ts`, `../../objects/runtime/watch-hub.ts`.
 */
import test from 'ava'
import { Counter } from '../../objects.ts'
import { requestOf, targetOf } from '../../objects/handle.ts'
import { Session } from '../../objects/runtime/session.ts'
import { View } from '../../objects/runtime/view.ts'
import { RING_ITEMS_MAX, WatchHub, type ChangeItem } from '../../objects/runtime/watch-hub.ts'
import { Watcher, type WatchItem } from '../../objects/runtime/watcher.ts'
import { FakeLog } from './fake-log.ts'
import { MachineDriver } from './machine-driver.ts'

const selector = { kind: 'object', path: '/hits' } as const
const addOne = () => requestOf(targetOf(Counter, '/hits', 'add', Counter.ops.add), { by: 1 })

/** A view whose session has added 1 at position 2. */
async function counted() {
  const log = new FakeLog()
  const view = new View(log, 1, [Counter], { watchFrom: 0 })
  const session = new Session(view, { name: 'watched' })
  const add = async (): Promise<unknown> => {
    const [value] = await Promise.all([session.call(addOne()), log.settle(4)])
    return value
  }
  await add()
  return { log, view, session, add }
}

/** The next items, as kind and value or position. */
async function next(watcher: Watcher, count: number): Promise<unknown[]> {
  const items: (WatchItem | undefined)[] = []
  while (items.length < count) items.push((await watcher.next()).value)
  return items.map((item) => (item?.kind === 'change' ? item.changes.map(({ after }) => after) : item?.kind))
}

test('O6: an item comes before the outcome of the op that caused it', async (t) => {
  const { log, view, session } = await counted()
  const watcher = new Watcher(view, selector)
  await log.settle(2)
  await next(watcher, 1)
  const told: string[] = []
  const item = watcher.next().then(() => told.push('item'))
  const outcome = session.call(addOne()).then(() => told.push('outcome'))
  await log.settle(4)
  await Promise.all([item, outcome])
  t.deepEqual(told, ['item', 'outcome'])
})

test('O6: a watch that begins behind a position gives nothing of it, and all that follows once', async (t) => {
  const { view, add } = await counted()
  await add()
  await add()
  const late = new Watcher(view, selector, { after: 3 })
  const now = new Watcher(view, selector)
  await add()
  t.deepEqual(await next(late, 3), [[{ value: 3 }], [{ value: 4 }], 'caughtUp'])
  t.deepEqual(await next(now, 2), [[{ value: 4 }], 'caughtUp'])
  const all = new Watcher(view, selector, { after: -1 })
  t.deepEqual(await next(all, 4), [[{ value: 1 }], [{ value: 2 }], [{ value: 3 }], [{ value: 4 }]])
})

test('O6: what is not at hand any more is said, by an error or by all that there is', async (t) => {
  const { view, add } = await counted()
  await add()
  view.hub.restart(view.position + 1)
  t.throws(() => new Watcher(view, selector, { after: 2 }), { code: 'TRIMMED', message: /oldest that are begin at 4/ })
  const anew = new Watcher(view, selector, { after: 2, onGap: 'resync' })
  await add()
  t.deepEqual(await next(anew, 3), ['resync', [{ value: 3 }], 'caughtUp'])
})

test('O6: the ring drops the oldest items, and says from where on it has all of them', (t) => {
  const driver = new MachineDriver([Counter])
  driver.tick()
  const session = driver.open()
  const hub = new WatchHub(0)
  for (let i = 0; i < RING_ITEMS_MAX + 3; i++) hub.played(driver.op(session, Counter, '/hits', 'add', { by: 1 }))
  const oldest = 2 + 3
  t.is(hub.oldest, oldest)
  const { items, next: following } = hub.read(selector, hub.oldest, 2)
  const positions = items.map(({ position }: ChangeItem) => position)
  t.deepEqual([positions, following], [[oldest, oldest + 1], oldest + 2])
})
