/** The rates of `sirtaki top`: differences of two looks, and nothing that is not known. */
import test from 'ava'
import type { Layout } from '../../log/layout.ts'
import type { SequencerStatus, UnitStatus } from '../../tools/cluster/members.ts'
import { ratesOf, type Look } from '../../tools/cluster/rates.ts'
import { sequencerStatus, unitStatus } from './statuses.ts'

const unit = unitStatus({
  identity: 'disk',
  boot: 'b1',
  epoch: 2,
  sealed: 2,
  opened: 2,
  prefix: 10,
  highest: 11,
  streams: 1,
  connections: 3,
})
const sequencer = sequencerStatus({
  boot: 's1',
  epoch: 2,
  tail: 100,
  prefix: 90,
  holes: 10,
  streams: 1,
  connections: 2,
})
const layout: Layout = {
  cluster: 'c',
  epoch: 2,
  acceptors: [],
  sequencer: { boot: 's1', address: 's:1' },
  tail: 0,
  window: 40,
  trim: 0,
  logTime: 0,
  featureLevel: 1,
  segments: [],
  spares: [],
  absent: [],
  drops: [],
}

/** One unit and a sequencer as they say at `atMs`. */
const look = (
  atMs: number,
  ofUnit: Partial<UnitStatus> | undefined,
  ofSequencer: Partial<SequencerStatus> = {},
): Look => ({
  atMs,
  members: {
    layout,
    spares: [],
    absent: [],
    units: [
      {
        chain: 0,
        address: 'u:1',
        identity: 'disk',
        boot: 'b1',
        status: ofUnit === undefined ? undefined : { ...unit, ...ofUnit },
        problem: ofUnit === undefined ? 'it is away' : undefined,
      },
    ],
    sequencer: { address: 's:1', boot: 's1', status: { ...sequencer, ...ofSequencer }, problem: undefined },
  },
})

test('counters become rates per second, entries per commit follow', (t) => {
  const { units, seconds } = ratesOf(
    look(1_000, { entries: 100, bytes: 1_000, commits: 10 }),
    look(3_000, { entries: 300, bytes: 5_000, commits: 20 }),
  )
  t.is(seconds, 2)
  t.like(units[0], { entriesPerSecond: 100, bytesPerSecond: 2_000, commitsPerSecond: 5, entriesPerCommit: 20 })
})

test('the sequencer gives appends, the share of the window in use, and streams by rate', (t) => {
  const before = look(
    0,
    {},
    {
      granted: 50,
      grants: 5,
      busiest: [
        { stream: 1, entries: 40 },
        { stream: 2, entries: 10 },
      ],
    },
  )
  const after = look(
    1_000,
    {},
    {
      granted: 80,
      grants: 7,
      appendMs: { p50: 1, p99: 2 },
      busiest: [
        { stream: 1, entries: 45 },
        { stream: 2, entries: 35 },
        { stream: 3, entries: 1 },
      ],
    },
  )
  const rates = ratesOf(before, after)
  t.like(rates.sequencer, {
    appendsPerSecond: 30,
    grantsPerSecond: 2,
    holes: 10,
    windowUse: 0.25,
    appendMs: { p50: 1, p99: 2 },
  })
  t.deepEqual(rates.streams, [
    { stream: 2, entriesPerSecond: 25 },
    { stream: 1, entriesPerSecond: 5 },
    { stream: 3, entriesPerSecond: undefined },
  ])
})

test('a restart, a counter that went backwards and a first look give no rate', (t) => {
  const restarted = ratesOf(look(0, { entries: 100 }), look(1_000, { boot: 'b2', entries: 500 }))
  const backwards = ratesOf(look(0, { entries: 100 }), look(1_000, { entries: 5 }))
  const first = ratesOf(undefined, look(1_000, { entries: 5 }))
  t.deepEqual(
    [restarted, backwards, first].map(({ units }) => units[0]?.entriesPerSecond),
    [undefined, undefined, undefined],
  )
})

test('a sequencer that was named anew counts from the start: no rate', (t) => {
  t.is(
    ratesOf(look(0, {}, { granted: 10 }), look(1_000, {}, { epoch: 3, granted: 500 })).sequencer?.appendsPerSecond,
    undefined,
  )
})

test('a server that does not tell the new figures has none, one that does not answer has a problem', (t) => {
  const [old] = ratesOf(look(0, {}), look(1_000, {})).units
  t.is(old?.entriesPerSecond, undefined)
  t.is(old?.commitMs, undefined)
  t.is(old?.connections, 3)
  const [away] = ratesOf(look(0, {}), look(1_000, undefined)).units
  t.like(away, { address: 'u:1', problem: 'it is away' })
  t.is(away?.lag, undefined)
})
