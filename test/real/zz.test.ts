import test from 'ava'
import { Load } from './load.ts'
import { RealCluster } from './processes.ts'
test.serial('prof', async (t) => {
  const t0 = performance.now()
  const m = (s: string) => { console.log(s, Math.round(performance.now() - t0)) }
  const cluster = await RealCluster.start((run) => { t.teardown(run) }); m('cluster')
  const load = await Load.start(cluster); m('load')
  await load.acknowledges(300); m('300')
  await cluster.kill(...cluster.units, cluster.sequencer); m('killed')
  await Promise.all([cluster.startUnit(0), cluster.startUnit(1), cluster.startUnit(2), cluster.startSequencer()]); m('started')
  await load.acknowledges(1); m('first')
  await load.acknowledges(300); m('300')
  await load.stop(); m('stop')
  await load.judge(); m('judge')
  console.log(JSON.stringify([...load.errors]), cluster.units.map((u) => u.lines), cluster.sequencer.lines)
  t.pass()
})
