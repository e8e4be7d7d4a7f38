/**
 * Appends whose fate is not the straight one, over a cluster in memory.
 *
 * Read next: `../../../log/client/append.ts`.
 */
import test from 'ava'
import { HandCluster, payload, whichOf } from '../../harness/hand-cluster.ts'

test('L1: an append whose position was read and trimmed before its writer heard of it is not made again', async (t) => {
  const hand = await HandCluster.start({}, { units: 2 })
  const [writer, other] = [await hand.client('writer'), await hand.client('other')]
  hand.wire('writer').hold('unit-0')
  const { tail: position } = await hand.done(other.tail(), 5)
  const append = writer.append(payload(7), { streams: [23] })
  await hand.advance(10)
  const read = await hand.done(other.read(position), 200)
  t.is(read.kind === 'data' ? whichOf(read.entry.payload) : read.kind, 7)
  await hand.done(other.trim(position + 1), 200)
  // The answer is lost with the connection: the writer has to ask what became of its entry.
  hand.wire('writer').cut('unit-0')
  hand.wire('writer').release('unit-0')
  hand.wire('writer').mend('unit-0')
  const error = await hand.done(
    append.catch((thrown: unknown) => thrown),
    2_000,
  )
  t.like(error, { code: 'TRIMMED', next: 'unknown', facts: { position } })
  t.is((await hand.done(other.tail(), 5)).tail, position + 1)
  t.is((await hand.done(writer.append(payload(8)), 500)).position, position + 1)
})
