/** Acceptors of whole clusters in memory whose disks are lost: who votes, and for whom. */
import test from 'ava'
import { Promised } from '../../../log/wire/control.ts'
import { HandCluster } from '../../harness/hand-cluster.ts'
import { appends } from '../limits/client.ts'

const times = { probeMs: 40, stuckMs: 100, requestMs: 1_000, window: 64 }

test('Y1: a lost acceptor leaves no seat at its address for a blank disk: the next loss stops nothing', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  const log = await hand.client()
  await hand.done(Promise.all(appends(log, 3)), 100)
  await hand.unit('unit-2').close()
  await hand.drive({ absent: ['unit-2'] })
  await hand.replaceDisk('unit-2', 'blank')
  const layout = await hand.drive({ drop: ['unit-1'], join: [{ address: 'unit-2' }] })
  t.is(new Set(layout.acceptors.map(({ address }) => address)).size, layout.acceptors.length)
  hand.supervise('unit-0', 'unit-2')
  await hand.until(() => hand.unit('unit-0').unit.state.layout?.segments.length === 1, 5_000)
  await hand.unit('unit-2').close()
  await hand.drive({ absent: ['blank'] }, 1_000)
  await hand.done(Promise.all(appends(log, 3, { from: 3 })), 1_000)
})

test('Y2: who answers at the address of a lost acceptor does not vote in its name', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  const raw = await hand.raw()
  const { cluster = '', epoch = 0, acceptors = [] } = raw.layout ?? {}
  const [asked, other] = acceptors
  const ask = (acceptor: string | undefined): Promise<unknown> => {
    const rank = { round: 9, proposer: 'p' }
    const message = { cluster, slot: epoch + 1, rank, ...(acceptor === undefined ? {} : { acceptor }) }
    const answer = raw.peer(asked?.address ?? '').control('prepare', message, Promised)
    return hand.outcome(
      answer.then(({ promised }) => promised),
      10,
    )
  }
  t.is(await ask(other?.identity), 'NOT_MEMBER/refresh')
  t.true(await ask(asked?.identity))
})
