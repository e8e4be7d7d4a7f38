/**
 * The real clock never fires early.
 *
 * Read next: `../../../log/io/clock.ts`.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { makeClock, systemClock } from '../../../log/io/clock.ts'
import { systemRandom } from '../../../log/io/random.ts'

/** Keeps the event loop busy, so that its idea of the time grows old. */
function stall(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

const waited = (ms: number): Promise<number> => {
  const start = systemClock.now()
  return new Promise((done) => {
    systemClock.timer(ms, () => {
      done(systemClock.now() - start)
    })
  })
}

test('a timer set in a long turn does not fire early', async (t) => {
  stall(40)
  const all = Promise.all([waited(20), waited(0.5), waited(7.3)])
  const [twenty, half, seven] = await all
  t.true(twenty >= 20)
  t.true(half >= 0.5)
  t.true(seven >= 7.3)
})

test('a cancelled timer does not fire, and a very long one does not fire at once', async (t) => {
  const fired: string[] = []
  systemClock
    .timer(5, () => {
      fired.push('cancelled')
    })
    .cancel()
  const long = systemClock.timer(2 ** 40, () => {
    fired.push('long')
  })
  await waited(30)
  long.cancel()
  t.deepEqual(fired, [])
})

test('a turn runs after what this one has begun', async (t) => {
  const order: string[] = []
  await new Promise<void>((done) => {
    systemClock.turn(() => {
      order.push('turn')
      done()
    })
    queueMicrotask(() => {
      order.push('microtask')
    })
    order.push('now')
  })
  t.deepEqual(order, ['now', 'microtask', 'turn'])
})

test('uptime goes on at the pace of the clock', async (t) => {
  const before = { uptime: systemClock.uptime(), now: systemClock.now() }
  await waited(100)
  const went = systemClock.uptime() - before.uptime
  t.true(went >= 80 && Math.abs(went - (systemClock.now() - before.now)) <= 30, `${went} ms`)
})

test('timers of an unreferenced clock let the process end', (t) => {
  const clock = join(import.meta.dirname, '../../../log/io/clock.ts')
  const imports = `import { makeClock } from ${JSON.stringify(clock)}`
  const script = `${imports}; makeClock({ unreferenced: true }).timer(60_000, () => {})`
  t.is(spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 }).status, 0)
  t.true(makeClock().wall() > 1_600_000_000_000)
})

test('names are 128 bits and differ, numbers lie in [0, 1)', (t) => {
  const names = Array.from({ length: 1000 }, () => systemRandom.id())
  t.is(new Set(names).size, 1000)
  t.true(names.every((name) => /^[0-9a-f]{32}$/.test(name)))
  t.true(Array.from({ length: 1000 }, () => systemRandom.next()).every((number) => number >= 0 && number < 1))
})
