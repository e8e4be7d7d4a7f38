/** Which servers are healthy. */
import test from 'ava'
import type { SequencerStatus, UnitStatus } from '../../tools/cluster/members.ts'
import { SEALED_MS, UnitHealth, sequencerHealth } from '../../tools/serving/health.ts'
import { sequencerStatus, unitStatus } from './statuses.ts'

const unit = (role: string, facts: Partial<UnitStatus> = {}): UnitStatus => unitStatus({ role, sealed: 4, ...facts })
const sequencer = (role: string): SequencerStatus => sequencerStatus({ role })
const healthOf = (status: UnitStatus): boolean => new UnitHealth().judge(status, 0).isHealthy

test('a unit that serves or is spare is healthy; one in any other role says why not', (t) => {
  t.deepEqual(
    ['serving', 'spare'].map((role) => healthOf(unit(role))),
    [true, true],
  )
  t.deepEqual(
    ['serving', 'spare'].map((role) => healthOf(unit(role, { full: true }))),
    [false, false],
  )
  t.regex(new UnitHealth().judge(unit('serving', { full: true }), 0).reason ?? '', /^full: .* appends are refused/)
  t.deepEqual(
    ['blank', 'recovering', 'copying', 'stopping', 'stopped', 'unheard of'].map((role) => healthOf(unit(role))),
    [false, false, false, false, false, false],
  )
  t.regex(new UnitHealth().judge(unit('stopped', { stopped: 'disk full' }), 0).reason ?? '', /disk full/)
  t.regex(
    new UnitHealth().judge(unit('copying', { copy: { from: 0, to: 100, at: 42, bytes: 1, bytesPerSecond: 1 } }), 0)
      .reason ?? '',
    /position 42 of 100/,
  )
})

test('a sealed unit is healthy for as long as an epoch may take to open, counted anew after it served', (t) => {
  const health = new UnitHealth()
  t.true(health.judge(unit('sealed'), 1_000).isHealthy)
  t.true(health.judge(unit('sealed'), 999 + SEALED_MS).isHealthy)
  const stuck = health.judge(unit('sealed'), 1_000 + SEALED_MS)
  t.false(stuck.isHealthy)
  t.regex(stuck.reason ?? '', /sealed at epoch 4 for 10 s/)
  t.true(health.judge(unit('serving'), 1_001 + SEALED_MS).isHealthy)
  t.true(health.judge(unit('sealed'), 1_002 + SEALED_MS).isHealthy)
})

test('a sequencer is healthy when it is ready, or waits where it is meant to stand by', (t) => {
  t.deepEqual(
    [
      ['ready', false],
      ['standby', true],
      ['waiting', false],
      ['deposed', false],
      ['blind', true],
    ].map(([role, standby]) => sequencerHealth(sequencer(String(role)), standby === true).isHealthy),
    [true, true, false, false, false],
  )
})
