/** Acceptors of whole clusters in memory whose disks are lost: who votes, and for whom. */
import test from 'ava'
import { Promised } from '../../../log/wire/control.ts'
import { LimitBench } from '../limit-bench.ts'
import { appends } from '../limit-drives-client.ts'

const times = { probeMs: 40, stuckMs: 100, requestMs: 1_000, window: 64 }

test('Y1: a lost acceptor leaves no seat at its address for a blank disk: the next loss stops nothing', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  const log = await bench.client()
  await bench.done(Promise.all(appends(log, 3)), 100)
  await bench.unit('unit-2').close()
  await bench.drive({ absent: ['unit-2'] })
  await bench.replaceDisk('unit-2', 'blank')
  const layout = await bench.drive({ drop: ['unit-1'], join: [{ address: 'unit-2' }] })
  t.is(new Set(layout.acceptors.map(({ address }) => address)).size, layout.acceptors.length)
  bench.supervise('unit-0', 'unit-2')
  await bench.until(() => bench.unit('unit-0').unit.state.layout?.segments.length === 1, 5_000)
  await bench.unit('unit-2').close()
  await bench.drive({ absent: ['blank'] }, 1_000)
  await bench.done(Promise.all(appends(log, 3, { from: 3 })), 1_000)
})

test('Y2: who answers at the address of a lost acceptor does not vote in its name', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  const raw = await bench.raw()
  const { cluster = '', epoch = 0, acceptors = [] } = raw.layout ?? {}
  const [asked, other] = acceptors
  const ask = (acceptor: string | undefined): Promise<unknown> => {
    const rank = { round: 9, proposer: 'p' }
    const message = { cluster, slot: epoch + 1, rank, ...acceptor === undefined ? {} : { acceptor } }
    const answer = raw.peer(asked?.address ?? '').control('prepare', message, Promised)
    return bench.outcome(answer.then(({ promised }) => promised), 10)
  }
  t.is(await ask(other?.identity), 'NOT_MEMBER/refresh')
  t.true(await ask(asked?.identity))
})
