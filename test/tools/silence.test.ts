/** No command is silent for long: what takes its time says what it waits for. */
import test from 'ava'
import { run, startCluster } from './command-line.ts'

test.beforeEach((t) => {
  t.timeout(180_000)
})

/** The seconds after which a command said that it still waits, as it counts them, each less those before. */
function silences(err: string): number[] {
  const said = [...err.matchAll(/\((\d+) s so far\)$/gm)].map(([, seconds]) => Number(seconds))
  return said.map((seconds, i) => seconds - (said[i - 1] ?? 0))
}

test('with two of three units stopped, commands say within three seconds whom they wait for', async (t) => {
  const cluster = await startCluster({ window: 1_024 })
  t.teardown(() => {
    cluster.close()
  })
  const [a = '', b = '', c = ''] = cluster.units
  const stopped = cluster.processes.slice(1, 3)
  for (const unit of stopped) unit.kill('SIGSTOP')
  t.teardown(() => {
    for (const unit of stopped) unit.kill('SIGCONT')
  })
  const trim = await run(['--cluster', cluster.address, 'trim', '--before', '10'])
  const status = await run(['--cluster', cluster.address, 'status'])
  t.not(trim.code, 0)
  t.not(status.code, 0)
  const waiting = new RegExp(`^waiting: ${b}, ${c} do not answer \\(\\d+ s so far\\)$`, 'm')
  for (const { err } of [trim, status]) t.regex(err, waiting)
  for (const { err } of [trim, status]) t.false(err.includes(`waiting: ${a}`), err)
  for (const { err } of [trim, status]) t.true(silences(err).length > 0 && Math.max(...silences(err)) <= 3, err)
})
