/** What `status` and `doctor` make of a cluster that is not as it was made. */
import test from 'ava'
import type { Members, OtherUnit, UnitStatus } from '../../tools/cluster/members.ts'
import { standingOf } from '../../tools/cluster/standing.ts'
import { layoutOf, type LayoutShape } from '../log/layouts.ts'
import { json, line, run, start, startCluster, type Ran, type TestCluster } from './command-line.ts'
import { sequencerStatus, unitStatus } from './statuses.ts'

const statusOf = (identity: string, facts: Partial<UnitStatus> = {}): UnitStatus =>
  unitStatus({ name: identity, identity, ...facts })

interface Shape extends LayoutShape {
  readonly units?: readonly OtherUnit[]
  readonly left?: readonly OtherUnit[]
  readonly standbys?: readonly string[]
}

/** A cluster whose chain is the units that are named, all well unless told. */
function members({ units = [], left = [], standbys = ['sequencer at t:1'], ...shape }: Shape): Members {
  return {
    layout: layoutOf({ sequencer: 's', ...shape }),
    spares: [],
    absent: left,
    units: units.map((unit) => ({ chain: 0, boot: 'b', ...unit })),
    sequencer: {
      address: 'sequencer:1',
      boot: 's',
      status: sequencerStatus({ standbys: [...standbys] }),
      problem: undefined,
    },
  }
}

const answers = (name: string, facts: Partial<UnitStatus> = {}): OtherUnit => ({
  address: `${name}:1`,
  identity: name,
  status: statusOf(name, facts),
  problem: undefined,
})
const silent = (name: string): OtherUnit => ({
  address: `${name}:1`,
  identity: name,
  status: undefined,
  problem: 'connection refused',
})

test('a cluster with all its members, one of which stands by, stands well', (t) => {
  t.deepEqual(standingOf(members({ units: [answers('a'), answers('b'), answers('c')] })), { degraded: [], notes: [] })
})

test('without a sequencer that stands by it is worth a note, and no more', (t) => {
  const { degraded, notes } = standingOf(members({ units: [answers('a')], chains: [['a']], standbys: [] }))
  t.deepEqual(degraded, [])
  t.regex(notes.join(), /no sequencer stands by: start one with sirtaki sequencer --standby/)
})

test('a unit that was left out is named, with the reason why it is not back', (t) => {
  const units = [answers('a'), answers('b')]
  const why = (one: OtherUnit, shape: LayoutShape = {}): string =>
    standingOf(members({ units, chains: [['a', 'b']], absent: [{ name: 'c' }], left: [one], ...shape })).degraded.join()
  const left = /^the unit at c:1 was left out of its chain: it does not answer \(connection refused\): start it again/
  t.regex(why(silent('c')), left)
  const another = { ...answers('c'), status: statusOf('another') }
  t.regex(why(another), /another disk is at its address: .*sirtaki reconfigure replace c c:1$/)
  t.regex(why(answers('c', { role: 'stopped', stopped: 'the disk failed' })), /it has stopped \(the disk failed\)/)
  t.regex(why(answers('c')), /it answers, and asks for its place again$/)
  const drops = [{ identity: 'c', times: 4, at: 0 }]
  t.regex(why(answers('c'), { drops }), /was left out 4 times lately, and waits some minutes/)
})

test('where a spare has the place of a unit it is a note', (t) => {
  const absent = [{ name: 'c', replaced: true }]
  const { degraded, notes } = standingOf(
    members({ units: [answers('a')], chains: [['a']], absent, left: [silent('c')] }),
  )
  t.deepEqual(degraded, [])
  t.regex(notes.join(), /the unit at c:1 was left out, and a spare has its place/)
})

test('positions with fewer copies than the chain has units, and full disks, are named', (t) => {
  const closed = [{ to: 64, chains: [['a']] }]
  const full = answers('a', { full: true, store: { kind: 'sqlite', diskBytes: 0, freeBytes: 5e6 } })
  const { degraded } = standingOf(members({ units: [full, answers('b')], chains: [['a', 'b']], closed }))
  t.deepEqual(degraded, [
    'the unit at b:1 has not copied everything below position 64 yet',
    'the disk of the unit at a:1 is full (5.0 MB free): appends are refused until there is room, make some '
      + 'there or trim',
  ])
})

/** Asks until it is as it should be: who is gone is left out within a second or two. */
async function until(cluster: TestCluster, args: readonly string[], isRight: (ran: Ran) => boolean): Promise<Ran> {
  for (let left = 30; ; left--) {
    const ran = await run(['--cluster', cluster.address, '--timeout', '15000', ...args])
    if (left === 0 || isRight(ran)) return ran
  }
}

test('a cluster that goes on without a unit: status and doctor end with 1; who stands by is listed', async (t) => {
  t.timeout(240_000)
  const cluster = await startCluster({ window: 1_024 })
  t.teardown(() => {
    cluster.close()
  })
  const at = `127.0.0.1:${cluster.spare}`
  const standby = start(['sequencer', '--json', '--standby', '--listen', at, '--units', cluster.units.join(',')])
  t.teardown(() => {
    standby.kill('SIGKILL')
  })
  await line(standby, 'standby')
  const well = await until(cluster, ['status'], ({ out }) => out.includes('standbys'))
  t.is(well.code, 0, well.err)
  t.regex(well.out, new RegExp(`^standbys +127\\.0\\.0\\.1:${cluster.spare}$`, 'm'))
  t.false(/degraded|note/.test(well.out))
  cluster.processes[2]?.kill('SIGKILL')
  const status = await until(cluster, ['status'], ({ code }) => code === 1)
  t.is(status.code, 1, status.out)
  const left = `the unit at ${cluster.units[2]} was left out of its chain: it does not answer`
  t.regex(status.err, new RegExp(`^sirtaki: the cluster is degraded: ${left}`, 'm'))
  t.regex(status.out, new RegExp(`^absent +${cluster.units[2]} `, 'm'))
  const [look] = json((await run(['--cluster', cluster.address, 'status', '--json'])).out)
  t.like(look, { standbys: [at], absent: [{ address: cluster.units[2] }] })
  const doctor = await run(['--cluster', cluster.address, 'doctor', '--data', cluster.data])
  t.is(doctor.code, 1)
  t.regex(doctor.out, new RegExp(`^fail +replication +the unit at ${cluster.units[2]} was left out`, 'm'))
})
