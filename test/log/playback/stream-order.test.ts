/** The order of one stream, with positions as literals. The stream is 7. */
import test from 'ava'
import fc from 'fast-check'
import type { Entry, Previous } from '../../../log/entry.ts'
import { StreamOrder } from '../../../log/playback/stream-order.ts'
import { entryOf } from '../layouts.ts'

const at = (position: number, previous: Previous): Entry =>
  entryOf({
    position,
    links: [
      [3, { before: 0 }],
      [7, previous],
    ],
  })
const positionsOf = (entries: readonly Entry[]): number[] => entries.map(({ position }) => position)

test('entries that follow each other are due at once, each once', (t) => {
  const order = new StreamOrder(7, 0)
  t.deepEqual(positionsOf(order.offer(at(2, { before: 0 }))), [2])
  t.deepEqual(positionsOf(order.offer(at(5, 2))), [5])
  t.deepEqual(positionsOf(order.offer(at(5, 2))), [])
  t.deepEqual(positionsOf(order.offer(at(2, { before: 0 }))), [])
  t.is(order.next, 6)
})

test('an entry that comes before its turn waits for the one before it', (t) => {
  const order = new StreamOrder(7, 0)
  t.deepEqual(positionsOf(order.offer(at(9, 5))), [])
  t.deepEqual(positionsOf(order.offer(at(5, 2))), [])
  t.deepEqual([order.early, order.gapTo], [2, 3])
  t.deepEqual(positionsOf(order.offer(at(2, { before: 0 }))), [2, 5, 9])
  t.deepEqual([order.early, order.gapTo], [0, 10])
})

test('Q4: "nothing from b on" is believed from b on only', (t) => {
  const order = new StreamOrder(7, 0)
  t.deepEqual(positionsOf(order.offer(at(20, { before: 10 }))), [])
  t.is(order.gapTo, 10)
  t.deepEqual(positionsOf(order.complete(0, 10, [at(4, { before: 0 })])), [4, 20])
  const later = new StreamOrder(7, 10)
  t.deepEqual(positionsOf(later.offer(at(20, { before: 10 }))), [20])
})

test('Q4: a previous that turned out junk is passed by a complete answer, not before', (t) => {
  const order = new StreamOrder(7, 0)
  order.offer(at(2, { before: 0 }))
  t.deepEqual(positionsOf(order.offer(at(9, 5))), [])
  t.deepEqual(positionsOf(order.complete(3, 5, [])), [])
  t.deepEqual(positionsOf(order.complete(5, 6, [])), [9])
})

test('a complete answer that does not join what was delivered is ignored', (t) => {
  const order = new StreamOrder(7, 0)
  t.deepEqual(positionsOf(order.complete(3, 9, [at(4, { before: 0 })])), [])
  t.is(order.next, 0)
  t.deepEqual(positionsOf(order.complete(0, 5, [at(4, { before: 0 })])), [4])
  t.deepEqual(positionsOf(order.complete(0, 5, [at(4, { before: 0 })])), [])
})

test('entries of a complete answer above its end wait for their turn', (t) => {
  const order = new StreamOrder(7, 0)
  t.deepEqual(positionsOf(order.complete(0, 5, [at(2, { before: 0 }), at(7, 2)])), [2])
  t.deepEqual(positionsOf(order.complete(5, 8, [at(7, 2)])), [7])
})

test('what lies below the start is not given', (t) => {
  const order = new StreamOrder(7, 5)
  t.deepEqual(positionsOf(order.offer(at(3, { before: 0 }))), [])
  t.deepEqual(positionsOf(order.offer(at(8, 3))), [8])
})

test('Q4: in any order of arrival, with any junk and forgetting, everything comes in order, once', (t) => {
  const positions = fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 15 }).map((all) => all.sort((a, b) => a - b))
  const scenario = positions.chain((all) =>
    fc.record({
      all: fc.constant(all),
      junk: fc.subarray(all),
      forgot: fc.subarray(all),
      arrivals: fc.array(
        fc.oneof(
          fc.constantFrom(...all),
          fc.nat(45).map((to) => ({ to })),
        ),
        { maxLength: 40 },
      ),
    }),
  )
  fc.assert(
    fc.property(scenario, ({ all, junk, forgot, arrivals }) => {
      const linkOf = (position: number): Previous => {
        const before = all[all.indexOf(position) - 1]
        return forgot.includes(position) ? { before: (before ?? -1) + 1 } : (before ?? { before: 0 })
      }
      const decided = all
        .filter((position) => !junk.includes(position))
        .map((position) => at(position, linkOf(position)))
      const order = new StreamOrder(7, 0)
      const delivered: Entry[] = []
      for (const arrival of arrivals) {
        const entry = typeof arrival === 'number' ? decided.find(({ position }) => position === arrival) : undefined
        if (entry !== undefined) delivered.push(...order.offer(entry))
        // An answer holds everything decided from its start on, also what lies above its end.
        else if (typeof arrival === 'object') {
          delivered.push(
            ...order.complete(
              order.next,
              arrival.to,
              decided.filter(({ position }) => position >= order.next),
            ),
          )
        }
        t.deepEqual(positionsOf(delivered), positionsOf(decided.slice(0, delivered.length)))
      }
      delivered.push(
        ...order.complete(
          order.next,
          50,
          decided.filter(({ position }) => position >= order.next),
        ),
      )
      t.deepEqual(positionsOf(delivered), positionsOf(decided))
    }),
    { numRuns: 3000 },
  )
})
