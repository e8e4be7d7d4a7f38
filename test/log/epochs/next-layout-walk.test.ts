/**
 * Random walks of layouts: whatever is wanted, in whatever order, what was decided stays where the layout says that
 * it is.
 *
 * A model beside the function: it knows which unit holds which positions, as stores and copies would have it.
 * Read next: `next-layout.test.ts`.
 */
import test from 'ava'
import fc from 'fast-check'
import type { Intent, Survey, Findings } from '../../../log/epochs/intent.ts'
import { namesAll, nextLayout } from '../../../log/epochs/next-layout.ts'
import { isError } from '../../../log/errors.ts'
import { chainOf, openSegment, type Layout } from '../../../log/layout.ts'
import type { Identity } from '../../../log/wire/control.ts'
import { layoutOf } from '../layouts.ts'

const UNITS = ['a', 'b', 'c', 'd', 'e', 'f']
const WINDOW = 4
const addressOf = (name: string): string => `${name}:1`
const answerOf = (name: string): Identity => ({
  kind: 'unit',
  identity: name,
  acceptor: `acceptor-${name}`,
  boot: `${name}-1`,
  role: 'serving',
  cluster: 'c1',
  epoch: 1,
  opened: 1,
  sealed: 1,
  slot: 1,
  initialised: true,
})
const sequencers: readonly (readonly [string, Identity])[] = ['s', 'n'].map((boot) => [
  `${boot}:1`,
  { ...answerOf(boot), kind: 'sequencer', boot },
])
/** Everybody answers all the time: a unit that is called absent was silent for a while only. */
const survey: Survey = new Map([...UNITS.map((name) => [addressOf(name), answerOf(name)] as const), ...sequencers])

/**
 * One thing that is wanted. `copy`: before it everybody copies what it lacks; `lose`: a unit has lost its disk; `trim`:
 * how far behind the tail.
 */
interface Wish {
  readonly intent: Intent
  readonly copy?: boolean
  readonly lose?: string
  readonly trim?: number
}

const unit = fc.constantFrom(...UNITS)
const chains = fc
  .shuffledSubarray(UNITS, { minLength: 1 })
  .chain((units) =>
    fc
      .integer({ min: 1, max: Math.min(3, units.length) })
      .map((count) =>
        Array.from({ length: count }, (_, i) => units.filter((_name, at) => at % count === i).map(addressOf)),
      ),
  )
const wishes: fc.Arbitrary<Wish> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(unit, fc.option(fc.nat(2), { nil: undefined }))
      .map(([name, chain]) => ({ intent: { join: [{ address: addressOf(name), chain }] } })),
  },
  { weight: 2, arbitrary: fc.subarray(UNITS, { maxLength: 2 }).map((absent) => ({ intent: { absent } })) },
  { weight: 2, arbitrary: fc.subarray(UNITS, { maxLength: 2 }).map((drop) => ({ intent: { drop } })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(unit, unit)
      .map(([old, fresh]) => ({ intent: { drop: [old], join: [{ address: addressOf(fresh) }] } })),
  },
  { weight: 2, arbitrary: unit.map((name) => ({ intent: { spares: [addressOf(name)] } })) },
  { weight: 2, arbitrary: chains.map((wanted) => ({ intent: { chains: wanted } })) },
  { weight: 3, arbitrary: fc.constant({ intent: { merge: true }, copy: true }) },
  { weight: 1, arbitrary: unit.map((name) => ({ intent: {}, lose: name })) },
  { weight: 1, arbitrary: fc.nat(20).map((trim) => ({ intent: {}, trim })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Wish>(
      { intent: { absent: ['s'], standby: { boot: 'n', address: 'n:1' } } },
      { intent: { sequencer: { boot: 's', address: 's:1' } } },
    ),
  },
)

/** Which positions each unit holds. */
type Held = ReadonlyMap<string, Set<number>>
const upTo = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
const copyOf = (held: Held): Map<string, Set<number>> =>
  new Map([...held].map(([name, positions]) => [name, new Set(positions)]))

/** Everything granted under a layout was stored by its chains before the next one. */
function store(held: Held, layout: Layout, to: number): void {
  for (const position of upTo(layout.tail, to)) {
    for (const { identity } of chainOf(layout, position).units) held.get(identity)?.add(position)
  }
}

/** The units of the open segment take what they have to hold of the closed ones. */
function copyClosed(held: Held, { segments, trim }: Layout, open: Layout['segments'][number]): void {
  for (const position of upTo(trim, segments.at(-1)?.from ?? 0)) {
    for (const { identity } of open.chains[position % open.chains.length] ?? []) held.get(identity)?.add(position)
  }
}

/** What a walk must keep, as a text of what is wrong. */
function faultOf(layout: Layout, held: Held): string | undefined {
  const { segments, acceptors, trim, tail } = layout
  if (segments.at(-1)?.to !== null || segments.some(({ to }, i) => to !== null && segments[i + 1]?.from !== to)) {
    return 'segments do not join up to the open one'
  }
  if (segments.some((segment) => segment.chains.some((chain) => chain.length === 0))) return 'a chain without a unit'
  if (acceptors.length % 2 === 0) return `${acceptors.length} acceptors`
  if (new Set(acceptors.map(({ identity }) => identity)).size !== acceptors.length) return 'an acceptor twice'
  for (const position of upTo(trim, tail)) {
    for (const { identity } of chainOf(layout, position).units) {
      if (held.get(identity)?.has(position) !== true) {
        return `${identity} is named for position ${position} and lacks it`
      }
    }
  }
  return undefined
}

test(
  'Y1, Y4, P26: after any sequence of wishes segments join, every member holds what it is named for, and no '
    + 'wish has to be repeated',
  (t) => {
    let built = 0
    let refused = 0
    const seen = new Set<string>()
    fc.assert(
      fc.property(fc.array(wishes, { minLength: 1, maxLength: 14 }), (sequence) => {
        let layout = layoutOf({
          chains: [['a', 'b', 'c']],
          acceptors: ['acceptor-a', 'acceptor-b', 'acceptor-c'],
          window: WINDOW,
        })
        let held: Held = new Map(UNITS.map((name) => [name, new Set<number>()]))
        for (const { intent, copy = false, lose, trim = 0 } of sequence) {
          const after = copyOf(held)
          const tail = layout.tail + 2 * WINDOW
          store(after, layout, tail)
          if (copy) copyClosed(after, layout, openSegment(layout))
          if (lose !== undefined) after.set(lose, new Set())
          const findings: Findings = {
            notWhole: lose === undefined ? undefined : new Set([lose]),
            sealed: { tail, trim: Math.max(layout.trim, tail - 2 * WINDOW - trim), logTime: layout.logTime + 1_000 },
            whole: copy
              ? new Map(
                  layout.segments.slice(0, -1).map(({ from }) => [
                    from,
                    new Set(
                      openSegment(layout)
                        .chains.flat()
                        .map(({ identity }) => identity),
                    ),
                  ]),
                )
              : undefined,
          }
          try {
            const next = nextLayout(
              layout,
              survey,
              intent,
              trim === 0
                ? { ...findings, sealed: { tail, trim: layout.trim, logTime: layout.logTime + 1_000 } }
                : findings,
            )
            const fault = faultOf(next, after)
            if (fault !== undefined) {
              throw new Error(
                `${fault}: ${JSON.stringify(intent)} made ${JSON.stringify(next.segments)} of `
                  + JSON.stringify(layout.segments),
              )
            }
            if (!namesAll(next, survey, intent)) {
              throw new Error(
                `not stable: ${JSON.stringify(intent)} on ${JSON.stringify(next)} gives `
                  + JSON.stringify(nextLayout(next, survey, intent)),
              )
            }
            built++
            for (const { chains: made } of next.segments) {
              seen.add(`${next.segments.length} segments of ${made.length} chains`)
            }
            layout = next
            held = after
          } catch (thrown) {
            if (!isError(thrown, 'NOT_WHOLE', 'BAD_ARGUMENT')) throw thrown
            refused++
          }
        }
      }),
      { numRuns: 1_500 },
    )
    t.true(built > 5 * refused, `${built} built, ${refused} refused`)
    t.true(seen.has('1 segments of 3 chains') && seen.has('4 segments of 2 chains'), [...seen].join('; '))
  },
)
