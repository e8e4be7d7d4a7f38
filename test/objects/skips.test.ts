/**
 * P27: the player of the skips, a stream on which hardly anything happens, goes on with the space.
 *
 * Read next: `../../objects/runtime/skips.ts`, `skip.test.ts` (what skips do).
 */
import test from 'ava'
import { Skips } from '../../objects/runtime/skips.ts'
import { FakeLog } from './fake-log.ts'

test('P27: skips are read on once the space is far ahead, and no more often than that', async (t) => {
  const log = new FakeLog()
  const asked: number[] = []
  const play = log.play.bind(log)
  log.play = (stream, events, from) => {
    const player = play(stream, events, from)
    return {
      ...player,
      playTo: (to) => {
        asked.push(to)
        return player.playTo(to)
      },
    }
  }
  const skips = new Skips(log, { found: () => undefined, failed: () => undefined })
  t.true(await skips.begin())
  asked.length = 0
  skips.follows(4_095)
  t.deepEqual(asked, [])
  log.jump(5_000)
  skips.follows(5_000)
  await log.settle(2)
  t.deepEqual(asked, [5_000])
  skips.follows(5_001)
  t.deepEqual(asked, [5_000])
  skips.close()
})
