/** Deadlines of many things behind one timer. */
import test from 'ava'
import { Deadlines, type Due } from '../../../log/cluster/deadlines.ts'
import { HandClock } from '../../harness/hand-clock.ts'

interface Waiting extends Due<Waiting> {
  readonly name: string
}

const waiting = (name: string, deadline: number, attended = true): Waiting => ({
  name,
  deadline,
  attended,
  before: undefined,
  after: undefined,
})

/** A clock that counts its timers and who holds the process. */
class CountingClock extends HandClock {
  made = 0
  holds = 0
  /** How far the clock has jumped ahead; timers do not. */
  ahead = 0
  override now(): number {
    return super.now() + this.ahead
  }
  override timer(...timer: Parameters<HandClock['timer']>): ReturnType<HandClock['timer']> {
    this.made++
    return super.timer(...timer)
  }
  hold(): () => void {
    this.holds++
    return () => {
      this.holds--
    }
  }
}

function listOf(clock: CountingClock): { readonly list: Deadlines<Waiting>; readonly late: string[] } {
  const late: string[] = []
  const list = new Deadlines<Waiting>(clock, (due) => {
    for (const one of due) {
      late.push(`${one.name} at ${clock.now()}`)
      list.delete(one)
    }
  })
  return { list, late }
}

test('P72: each thing that waits is told at its own deadline, whatever came before it', async (t) => {
  const clock = new CountingClock()
  const { list, late } = listOf(clock)
  for (const one of [waiting('slow', 900), waiting('quick', 50), waiting('middle', 300)]) list.add(one, clock.now())
  await clock.advance(49)
  t.deepEqual(late, [])
  await clock.advance(1_000)
  t.deepEqual(late, ['quick at 50', 'middle at 300', 'slow at 900'])
  t.deepEqual(list.all(), [])
})

test('P72: what begins after the clock has jumped ahead is in time, whatever waits since before', async (t) => {
  const clock = new CountingClock()
  const { list, late } = listOf(clock)
  list.add(waiting('before', 900), clock.now())
  await clock.advance(100)
  clock.ahead = 1_500
  list.add(waiting('after', clock.now() + 10), clock.now())
  await clock.advance(20)
  t.deepEqual(late, ['before at 1600', 'after at 1610'])
})

test('P72: what has ended is told nothing, and takes its neighbours out of nothing', async (t) => {
  const clock = new CountingClock()
  const { list, late } = listOf(clock)
  const all = ['a', 'b', 'c', 'd'].map((name) => waiting(name, 100))
  for (const one of all) list.add(one, clock.now())
  for (const i of [1, 0, 3]) list.delete(all[i] ?? waiting('none', 0))
  t.deepEqual(
    list.all().map(({ name }) => name),
    ['c'],
  )
  await clock.advance(200)
  t.deepEqual(late, ['c at 100'])
})

test('P72: thousands that end in time share a timer', async (t) => {
  const clock = new CountingClock()
  const { list, late } = listOf(clock)
  for (let i = 0; i < 1_000; i++) {
    const one = waiting(`${i}`, clock.now() + 5_000)
    list.add(one, clock.now())
    list.delete(one)
    await clock.advance(1)
  }
  t.deepEqual([clock.made, late], [1, []])
})

test('P73: the process is held while somebody awaits one of them, and only then', (t) => {
  const clock = new CountingClock()
  const { list } = listOf(clock)
  const [first, second, background] = [waiting('first', 100), waiting('second', 100), waiting('background', 100, false)]
  list.add(background, clock.now())
  t.is(clock.holds, 0)
  list.add(first, clock.now())
  list.add(second, clock.now())
  t.is(clock.holds, 1)
  list.delete(first)
  t.is(clock.holds, 1)
  list.delete(second)
  t.is(clock.holds, 0)
})
