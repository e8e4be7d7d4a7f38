/** When sessions are due, with times as literals: a look every 25 ms, a proof good for 500, timeouts of 2,000. */
import test from 'ava'
import { Expiry } from '../../sequencer/expiry.ts'

const times = { attendMs: 25, proofMs: 500 }

/** Attends without a pause until a time that is a multiple of 25; gives who became due on the way. */
function attend(expiry: Expiry, from: number, to: number): { readonly at: number; readonly due: readonly number[] }[] {
  const seen: { at: number; due: readonly number[] }[] = []
  for (let now = from; now <= to; now += 25) {
    expiry.look(now)
    const due = expiry.due()
    if (due.length > 0) seen.push({ at: now, due })
  }
  return seen
}

/** A sequencer that looked at time 0, with session 7 opened then. */
function watching(): Expiry {
  const expiry = new Expiry(times)
  expiry.look(0)
  expiry.opened(7, 2_000)
  return expiry
}

test('O5: who is silent for more than its timeout is due, once', (t) => {
  const expiry = watching()
  t.deepEqual(attend(expiry, 25, 2_000), [])
  t.deepEqual(attend(expiry, 2_025, 9_000), [{ at: 2_025, due: [7] }])
  t.deepEqual([...expiry.ending], [7])
})

test('O5: the timeout counts from when it was heard of last', (t) => {
  const expiry = watching()
  attend(expiry, 25, 1_500)
  expiry.heard(7)
  t.deepEqual(attend(expiry, 1_525, 3_500), [])
  t.deepEqual(attend(expiry, 3_525, 4_000), [{ at: 3_525, due: [7] }])
})

test('O5: time in which this process did not run counts as two looks at most', (t) => {
  const expiry = watching()
  attend(expiry, 25, 1_000)
  expiry.look(100_000)
  t.is(expiry.attended, 1_050)
  t.deepEqual(expiry.due(), [])
  t.deepEqual(attend(expiry, 100_025, 100_950), [])
  t.deepEqual(attend(expiry, 100_975, 101_100), [{ at: 100_975, due: [7] }])
})

test('heartbeats of who is not known, has ended or was resumed are nothing', (t) => {
  const expiry = watching()
  expiry.heard(8)
  expiry.closed(7)
  expiry.heard(7)
  t.deepEqual(attend(expiry, 25, 9_000), [])
  expiry.opened(9, 2_000)
  t.deepEqual(attend(expiry, 9_025, 11_025), [{ at: 11_025, due: [9] }])
  expiry.closed(9)
  t.deepEqual([...expiry.ending], [])
})

test('each is due by its own timeout, the earliest first', (t) => {
  const expiry = new Expiry(times)
  expiry.look(0)
  for (const [incarnation, timeoutMs] of [
    [1, 4_000],
    [2, 2_000],
    [3, 9e12],
    [4, 3_000],
    [5, 2_010],
  ] as const) {
    expiry.opened(incarnation, timeoutMs)
  }
  t.deepEqual(attend(expiry, 25, 20_000), [
    { at: 2_025, due: [2, 5] },
    { at: 3_025, due: [4] },
    { at: 4_025, due: [1] },
  ])
})

test('O5: after another sequencer everybody counts as heard when the grace is over', (t) => {
  const expiry = watching()
  attend(expiry, 25, 1_900)
  expiry.bootstrapped(false)
  t.deepEqual(attend(expiry, 1_925, 4_400), [])
  t.deepEqual(attend(expiry, 4_425, 5_000), [{ at: 4_425, due: [7] }])
})

test('O5: who is played only after the bootstrap gets the grace as well', (t) => {
  const expiry = new Expiry(times)
  expiry.look(0)
  expiry.bootstrapped(false)
  expiry.opened(7, 2_000)
  t.deepEqual(attend(expiry, 25, 2_500), [])
  t.deepEqual(attend(expiry, 2_525, 3_000), [{ at: 2_525, due: [7] }])
})

test('after an epoch of its own nobody gets grace', (t) => {
  const expiry = watching()
  attend(expiry, 25, 1_900)
  expiry.bootstrapped(true)
  t.deepEqual(attend(expiry, 1_925, 3_000), [{ at: 2_025, due: [7] }])
})

test('a bootstrap takes back what was ending; who stays silent is due again', (t) => {
  const expiry = watching()
  attend(expiry, 25, 2_025)
  expiry.bootstrapped(true)
  t.deepEqual([...expiry.ending], [])
  expiry.heard(7)
  t.deepEqual(attend(expiry, 2_050, 5_000), [{ at: 4_050, due: [7] }])
  expiry.bootstrapped(true)
  t.deepEqual(attend(expiry, 5_025, 6_000), [{ at: 5_025, due: [7] }])
})

test('sessions that come and go leave nothing behind, however long their timeouts', (t) => {
  const expiry = watching()
  for (let one = 100; one < 20_000; one++) {
    expiry.opened(one, 9e12)
    expiry.closed(one)
  }
  t.true(expiry.items < 2_000, `${expiry.items} items`)
  t.deepEqual(attend(expiry, 25, 3_000), [{ at: 2_025, due: [7] }])
})

// ---- confirming

/** The same time on both clocks. */
const moment = (now: number, uptime = now): { now: number; uptime: number } => ({ now, uptime })

test('O5: nobody is confirmed without a proof that began less than half a second ago', (t) => {
  const expiry = watching()
  t.false(expiry.confirms(7, moment(0)))
  expiry.proved(moment(100))
  t.true(expiry.confirms(7, moment(599)))
  t.true(expiry.confirms(8, moment(599)))
  t.false(expiry.confirms(7, moment(600)))
})

test('O5: the older clock counts: one stands still while the machine is suspended', (t) => {
  const expiry = watching()
  expiry.proved(moment(100, 5_000))
  t.true(expiry.confirms(7, moment(500, 5_400)))
  t.false(expiry.confirms(7, moment(500, 5_500)))
  t.false(expiry.confirms(7, moment(600, 5_400)))
})

test('a proof that began earlier and ended later takes nothing back', (t) => {
  const expiry = watching()
  expiry.proved(moment(300))
  expiry.proved(moment(100))
  t.true(expiry.confirms(7, moment(700)))
})

test('O5: a proof of the epoch before is none of this one', (t) => {
  const expiry = watching()
  expiry.proved(moment(100))
  expiry.bootstrapped(true)
  t.false(expiry.confirms(7, moment(200)))
})

test('O5: nobody is confirmed whose end has begun in this epoch', (t) => {
  const expiry = watching()
  attend(expiry, 25, 2_025)
  expiry.heard(7)
  expiry.proved(moment(2_000))
  t.false(expiry.confirms(7, moment(2_050)))
  t.true(expiry.confirms(8, moment(2_050)))
})
