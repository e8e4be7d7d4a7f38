/**
 * Real processes, killed under a recorded load and started again: nothing acknowledged is missing, and the history is
 * right.
 */
import test from 'ava'
import { Load } from './load.ts'
import { RealCluster } from './processes.ts'

test.serial('L2: a client, the sequencer and one unit are killed and come back, one after the other', async (t) => {
  t.timeout(100_000)
  const cluster = await RealCluster.start(t)
  const load = await Load.start(cluster)
  await load.acknowledges(100)
  await load.clientProcess?.kill()
  await load.acknowledges(100)
  await load.startProcess()
  await cluster.kill(cluster.sequencer)
  await cluster.startSequencer()
  await load.acknowledges(100)
  await cluster.kill(cluster.unit(0))
  await cluster.startUnit(0)
  await load.acknowledges(100)
  await load.stop()
  t.like(await load.judge(), { missing: [], verdict: { kind: 'ok' } })
})

test.serial(
  'L2: a unit stands still for a second; then all units and the sequencer are killed and come back',
  async (t) => {
    t.timeout(100_000)
    const cluster = await RealCluster.start(t)
    const load = await Load.start(cluster)
    await load.acknowledges(100)
    cluster.unit(1).signal('SIGSTOP')
    await new Promise((done) => {
      setTimeout(done, 1000)
    })
    cluster.unit(1).signal('SIGCONT')
    await load.acknowledges(100)
    await cluster.kill(...cluster.units, cluster.sequencer)
    await Promise.all([cluster.startUnit(0), cluster.startUnit(1), cluster.startUnit(2), cluster.startSequencer()])
    await load.acknowledges(100)
    await load.stop()
    t.like(await load.judge(), { missing: [], verdict: { kind: 'ok' } })
  },
)
