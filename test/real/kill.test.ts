/** Real processes, killed under a recorded load and started again: nothing acknowledged is missing, and the history is right. */
import test from 'ava'
import { Load } from './load.ts'
import { RealCluster } from './processes.ts'

test.serial('L2: a client is killed, the others do not notice', async (t) => {
  const cluster = await RealCluster.start((run) => { t.teardown(run) })
  const load = await Load.start(cluster)
  await load.acknowledges(300)
  await load.clientProcess?.kill()
  await load.acknowledges(300)
  await load.startProcess()
  await load.acknowledges(300)
  await load.stop()
  t.like(await load.judge(), { missing: [], verdict: { kind: 'ok' } })
})

test.serial('L2: the sequencer is killed and comes back in a new epoch', async (t) => {
  const cluster = await RealCluster.start((run) => { t.teardown(run) })
  const load = await Load.start(cluster)
  await load.acknowledges(300)
  await cluster.kill(cluster.sequencer)
  await cluster.startSequencer()
  await load.acknowledges(300)
  await load.stop()
  t.like(await load.judge(), { missing: [], verdict: { kind: 'ok' } })
})

test.serial('L2: the unit that decides is killed and comes back in a new epoch', async (t) => {
  const cluster = await RealCluster.start((run) => { t.teardown(run) })
  const load = await Load.start(cluster)
  await load.acknowledges(300)
  await cluster.kill(cluster.unit(0))
  await cluster.startUnit(0)
  await load.acknowledges(300)
  await cluster.kill(cluster.unit(2))
  await cluster.startUnit(2)
  await load.acknowledges(300)
  await load.stop()
  t.like(await load.judge(), { missing: [], verdict: { kind: 'ok' } })
})

test.serial('L2: all units and the sequencer are killed and come back', async (t) => {
  const cluster = await RealCluster.start((run) => { t.teardown(run) })
  const load = await Load.start(cluster)
  await load.acknowledges(300)
  await cluster.kill(...cluster.units, cluster.sequencer)
  await Promise.all([cluster.startUnit(0), cluster.startUnit(1), cluster.startUnit(2), cluster.startSequencer()])
  await load.acknowledges(300)
  await load.stop()
  t.like(await load.judge(), { missing: [], verdict: { kind: 'ok' } })
})

test.serial('L11: a unit that stands still for a second is waited for, nothing is lost', async (t) => {
  const cluster = await RealCluster.start((run) => { t.teardown(run) })
  const load = await Load.start(cluster)
  await load.acknowledges(300)
  cluster.unit(1).signal('SIGSTOP')
  await new Promise((done) => { setTimeout(done, 1000) })
  cluster.unit(1).signal('SIGCONT')
  await load.acknowledges(300)
  await load.stop()
  t.like(await load.judge(), { missing: [], verdict: { kind: 'ok' } })
})
