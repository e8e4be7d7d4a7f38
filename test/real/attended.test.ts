/** Real processes that wait for a call, or for nothing: which of them end, and with what. */
import test from 'ava'
import { hostOf } from '../../log/io/host-folder.ts'
import { makeFolder, type Teardown } from '../log/io/folder.ts'
import { RealCluster, RealProcess } from './processes.ts'

async function program(address: string, what: string, t: Teardown): Promise<RealProcess> {
  const started = new RealProcess('attended-process.ts', [address, what])
  t.teardown(() => started.kill())
  await started.start('ready')
  return started
}

test.beforeEach((t) => {
  t.timeout(100_000)
})

test.serial(
  'P73: a program that awaits a call when all servers are gone hears of it, and then ends with 0',
  async (t) => {
    const cluster = await RealCluster.start(t)
    const address = `tcp://${cluster.addresses.join()}`
    const programs = await Promise.all(['append', 'op', 'sync', 'read'].map((what) => program(address, what, t)))
    await cluster.kill(...cluster.units, cluster.sequencer)
    for (const one of programs) one.send('go')
    const ended = await Promise.all(
      programs.map(async (one) => [await one.ended(), one.lines.at(-1)?.split(' ').slice(0, 2).join(' ')]),
    )
    t.deepEqual(
      ended,
      programs.map(() => [0, 'failed TIMEOUT']),
    )
  },
)

test.serial(
  'P73: an idle client does not keep its program alive, and a subscription that somebody reads does',
  async (t) => {
    const cluster = await RealCluster.start(t)
    const folder = makeFolder(t)
    const host = new RealProcess('file-process.ts', [folder, 'host'])
    t.teardown(() => host.kill())
    await host.start('ready')
    const addresses = [`tcp://${cluster.addresses.join()}`, 'memory:', `file:${folder}`]
    for (const what of ['idle', 'subscribe']) {
      const programs = await Promise.all(addresses.map((address) => program(address, what, t)))
      t.deepEqual(
        await Promise.all(programs.map(async (one) => [await one.ended(), one.lines])),
        programs.map(() => [0, ['ready', 'done']]),
        what,
      )
    }
  },
)

const ROUNDS = Number(process.env['SIRTAKI_ROUNDS'] ?? 2)

test.serial(
  `P73: six processes that wait all go on when their host was stopped and then killed, ${ROUNDS} times`,
  async (t) => {
    t.timeout(60_000 * ROUNDS)
    for (let round = 0; round < ROUNDS; round++) {
      const folder = makeFolder(t)
      const all = ['host', 'a', 'b', 'c', 'd', 'e', 'f'].map(
        (name) => new RealProcess('file-process.ts', [folder, name]),
      )
      t.teardown(async () => {
        for (const one of all) await one.kill()
      })
      const [host, ...joiners] = all
      await host?.start('ready')
      await Promise.all(joiners.map((one) => one.start('ready')))
      t.truthy(hostOf({ path: folder }))
      for (const one of joiners) one.send('go')
      await Promise.all(joiners.map((one) => one.said('added')))
      host?.signal('SIGSTOP')
      await new Promise((done) => {
        setTimeout(done, 500)
      })
      for (const one of joiners) one.lines.length = 0
      await host?.kill()
      await Promise.all(joiners.map((one) => one.said('added')))
      for (const one of joiners) await one.kill()
    }
    t.pass()
  },
)
