/**
 * Random histories of locks: what is asked, how it is looked at, and what must hold of it whatever the model says.
 *
 * Read next: `model-run.ts`, `lock-model.ts`.
 */
import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { orderKey, type Space } from '../../objects.ts'
import { Lock } from '../../objects/lock/type.ts'
import { LockModel, type LockAsked } from './lock-model.ts'
import { anyPick, pickOf, settledOf, type Known, type Subject, type Watch } from './model-run.ts'

type Pick = { readonly pick: number }
/** An op whose hold is yet to be chosen. */
export type LockPlan =
  | Extract<LockAsked, { op: 'acquire' | 'setCapacity' }>
  | { readonly op: 'release' | 'downgrade' | 'proclaim' | 'requestRevoke'; readonly input: Pick }
  | { readonly op: 'held'; readonly input: Pick & { readonly other: number } }

const acquire = fc.record({
  op: fc.constant('acquire' as const),
  input: fc.record({
    weight: fc.constantFrom(0, 0, 1, 1, 2, 3),
    capacity: fc.constantFrom(null, null, null, null, 1, 3),
    wait: fc.constantFrom(true, true, false),
    once: fc.constantFrom(false, false, false, true),
    delayMs: fc.constantFrom(0, 0, 50, 5_000),
    data: fc.constantFrom(null, 'here', { n: 1 }),
  }),
})
const pick = anyPick

/** Any op of a lock. */
export const anyLockPlan: fc.Arbitrary<LockPlan> = fc.oneof(
  { weight: 10, arbitrary: acquire },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constantFrom('release' as const, 'release' as const, 'downgrade' as const),
      input: fc.record({ pick }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constantFrom('proclaim' as const, 'requestRevoke' as const),
      input: fc.record({ pick }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('held' as const), input: fc.record({ pick, other: fc.nat({ max: 2 }) }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('setCapacity' as const),
      input: fc.record({ capacity: fc.constantFrom(1, 2, 3, 4) }),
    }),
  },
)

interface Grant {
  readonly token: number
  readonly hold: number
}
const isGrant = (value: unknown): value is Grant =>
  typeof value === 'object' && value !== null && 'token' in value && 'hold' in value
const grantsIn = (values: readonly unknown[]): Grant[] => values.flat().filter(isGrant)

function resolve(planned: LockPlan, { ops, values }: Known): LockAsked {
  if (planned.op === 'acquire' || planned.op === 'setCapacity') return planned
  const grants = grantsIn(values).slice(-6)
  const holds = [...grants.map(({ hold }) => hold), ...grants.map(({ hold }) => hold), ...ops.slice(-3)]
  const hold = pickOf(holds, planned.input.pick) ?? 0
  if (planned.op === 'proclaim') return { op: 'proclaim', input: { hold, data: 'new' } }
  if (planned.op === 'requestRevoke') return { op: 'requestRevoke', input: { hold, reason: 'please' } }
  if (planned.op !== 'held') return { op: planned.op, input: { hold } }
  const token = grants.find((one) => one.hold === hold)?.token ?? 0
  return { op: 'held', input: { hold, token: token + (planned.input.other === 0 ? 1 : 0) } }
}

/** What a lock holds, in the words of its model. */
function view(space: Space, path: string): unknown {
  if (space.object(path) === undefined) return undefined
  const { state, tables } = Lock.bind(space.journal).read(path)
  const holders = [...tables.holders.range()].map(([key, row]) => ({ op: Number(key), ...row }))
  const waiters = [...tables.waiters.range()].map(([key, row]) => ({ op: Number(key), ...row }))
  const used = holders.reduce((sum, { weight }) => sum + weight, 0)
  deepStrictEqual(state.used, used, 'O7: what is used is what the holders have')
  return { capacity: state.capacity, until: state.until, holders, waiters }
}

/** What must hold of every lock, judged by what callers are told. */
function watch(): Watch<LockAsked> {
  /** What was acquired, by path and hold. */
  const acquires = new Map<string, { session: number; isWriter: boolean }>()
  /** Where an acquire that waits stands. */
  const paths = new Map<number, string>()
  const writers = new Set<string>()
  /** Until when nobody gets it, as it was before the entry. */
  const untils = new Map<string, number>()
  return (space, { played, asked, results = [] }) => {
    const { position, time } = played
    for (const { path, session, ...one } of asked) {
      if (one.kind !== 'own' || one.asked.op !== 'acquire') continue
      acquires.set(`${path} ${position}`, { session, isWriter: one.asked.input.weight === 0 })
      paths.set(position, path)
    }
    const later = settledOf(played).flatMap(([op, answer]) => {
      return typeof answer === 'object' && 'value' in answer ? [{ path: paths.get(op) ?? '', value: answer.value }] : []
    })
    const now = asked.map(({ path }, nth) => ({ path, value: results[nth] }))
    for (const { path, value } of [...later, ...now]) {
      if (!isGrant(value)) continue
      deepStrictEqual(value.token, position, 'O7: the token is the position of the grant')
      const { tables } = Lock.bind(space.journal).read(path)
      const before = [...tables.waiters.range('', orderKey(value.hold))]
      deepStrictEqual(before, [], `O7: ${value.hold} overtakes`)
      // Who drops a lock that nobody holds drops its lock-delay, and what it knew of tokens.
      if (asked.some((one) => one.kind === 'drop')) continue
      ok((untils.get(path) ?? 0) <= time, 'O13: granted before the lock-delay is over')
      if (acquires.get(`${path} ${value.hold}`)?.isWriter !== true) continue
      ok(!writers.has(`${path} ${value.token}`), 'O7: two writers share a token')
      writers.add(`${path} ${value.token}`)
    }
    for (const one of asked) {
      // A transaction may acquire behind its own cancel.
      if (one.kind !== 'cancel' || results.length === 0 || one.op === position) continue
      if (acquires.get(`${one.path} ${one.op}`)?.session !== one.session) continue
      const { holders, waiters } = Lock.bind(space.journal).read(one.path).tables
      ok(!holders.has(orderKey(one.op)) && !waiters.has(orderKey(one.op)), 'O7: a grant leaks after a cancel')
    }
    untils.clear()
    for (const { path } of space.objects()) {
      requireSound(space, path)
      untils.set(path, Lock.bind(space.journal).read(path).state.until)
    }
  }
}

function requireSound(space: Space, path: string): void {
  const { state, tables } = Lock.bind(space.journal).read(path)
  const holders = [...tables.holders.range()].map(([, row]) => row)
  const sum = holders.reduce((all, { weight }) => all + weight, 0)
  // A capacity made smaller takes nothing away.
  if (!state.fixed) ok(sum <= state.capacity, 'O7: more is held than there is')
  const hasWriter = holders.some(({ weight }) => weight === state.capacity)
  if (hasWriter && !state.fixed) deepStrictEqual(holders.length, 1, 'O7: a writer holds it alone')
  for (const { session } of [...holders, ...[...tables.waiters.range()].map(([, row]) => row)]) {
    ok(space.session(session) !== undefined, 'O5: what an ended session had is gone')
  }
}

/** Locks under random histories. */
export const lockSubject: Subject<LockPlan, LockAsked> = {
  type: Lock,
  model: (said) => new LockModel(said),
  resolve,
  view,
  watch,
}
