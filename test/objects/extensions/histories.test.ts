/**
 * Random histories of extensions: two programs in four versions, with takes, changes, deadlines, ends, cancels, waits
 * and ops of other objects; registered, replaced, disabled and removed on the way, alone and in transactions; in half
 * of the histories another engine takes over.
 *
 * After every entry all views have one digest: the one at hand, one from the start whose machines take turns, and
 * copies that were made on the way. `npm run random` plays many. Read next: `../model-run.ts`, `attacks.test.ts`.
 */
import { deepStrictEqual } from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { Machines, type MachinesBounds } from '../../../objects/extensions/engine/machines.ts'
import { programsOf } from '../../../objects/extensions/registry.ts'
import type { EventOf } from '../../../objects/extensions/shapes.ts'
import { PROGRAMS_PATH, PROGRAMS_TYPE } from '../../../objects/runtime/programs.ts'
import { Counter, Lock, Space, type AnyObjectType } from '../../../objects.ts'
import type { DrivenSession, Op } from '../machine-driver.ts'
import { anyPick, pickOf, runs } from '../model-run.ts'
import { ExtensionDriver, programOf, type Registrable } from './extension-driver.ts'
import { OtherMachines, engine, registryWith } from './odd-engines.ts'

/** The registries of both engines. */
const registriesOf = (bounds: MachinesBounds): readonly AnyObjectType[] => [
  registryWith(new Machines(engine, bounds), 1),
  registryWith(new OtherMachines(bounds), 2),
]
const [first, second] = registriesOf({})
const small = registriesOf({ seatsMax: 1 })

const sourceOf = (k: number): string => `({
  go(ctx, i) {
    ctx.set('n', (ctx.get('n') ?? 0) + ${k}, i?.own ? { owner: ctx.session } : {})
    if (i?.at) ctx.at('d' + i.at, ctx.time + i.at)
    if (i?.do) ctx.do(i.do, 'add', { by: ${k} })
    if (i?.bad) ctx.reject('BAD')
    if (i?.del) ctx.delete('n')
    return ctx.get('n') ?? null
  },
  lock(ctx) {
    ctx.do('/l', 'acquire', { weight: 1, capacity: null, wait: false, once: true, delayMs: 0, data: null })
  },
  park(ctx) { return ctx.wait('w/' + ctx.order) },
  free(ctx) {
    const [wait] = ctx.list('w/', 1)
    if (wait) ctx.settle(wait.value, 1)
    ctx.delete('n')
  },
  take(ctx, { path, op, input }) {
    ctx.set('t' + path, (ctx.get('t' + path) ?? 0) + 1, input?.by === 3 ? { owner: ctx.session } : {})
    if (input?.by === 2) return ctx.wait('w/' + ctx.order)
    if (input?.by === 1) ctx.at('x', ctx.time + 20)
    return ctx.do(path, op, input)
  },
  on(ctx, { changes }) {
    const e = (ctx.get('e') ?? 0) + changes.length
    ctx.set('e', e)
    ctx.set('keys', changes.map(({ key }) => key))
    ctx.at('e', ctx.time + 15)
    if (e % ${3 + k} === 0) throw 1
    if (e % 4 === 0) ctx.do('/c/2', 'add', { by: 1 })
    if (e > 20) ctx.delete('e')
  },
  due(ctx, { key }) {
    ctx.delete('n')
    ctx.set('due', key)
    if (key === 'd30') throw 2
    if (key === 'x' && ${k} % 2) ctx.do('/c/1', 'add', { by: 1 })
  },
  ${k % 3 === 0 ? '' : "ended(ctx, { keys }) { ctx.set('ended', keys); ctx.at('d10', ctx.time + 5) },"}
  ${k % 3 === 0 ? '' : "cancelled(ctx, { op }) { ctx.set('c', op); if (op % 2) throw 3 },"}
})`

const counters = { type: Counter.name, version: 1 }
const asks = (more: Partial<EventOf>): EventOf => ({
  ...{ run: 'on', on: ['created', 'changed', 'deleted'], path: null, table: 'records', key: null },
  ...more,
})
const versionsOf = (name: string): readonly Registrable[] =>
  [1, 2, 3, 4].map((version) =>
    programOf(sourceOf(version), {
      ...{ name, version, waits: ['park', 'take'], fuel: version === 4 ? 50_000_000 : 5_000_000 },
      uses: [
        { path: '/c/*', ...counters },
        { path: '/l', type: Lock.name, version: 1 },
      ],
      takes: version % 2 === 0 ? [] : [{ run: 'take', path: name === 'a' ? '/c/1' : '/c/*', ...counters, op: 'add' }],
      events: [
        asks({ path: '/c/*', table: '' }),
        ...(version > 1 ? [asks({ key: 'n' })] : []),
        ...(version === 3
          ? [asks({ path: '/o*', on: ['created', 'deleted'] }), asks({ path: '/l', table: 'holders' })]
          : []),
      ],
    }),
  )
const programs = new Map(['a', 'b'].map((name) => [name, versionsOf(name)]))
const paths = ['/c/1', '/c/2', '/o1', '/o2', '/l', '/.sirtaki/x/a', '/.sirtaki/x/b', PROGRAMS_PATH]
const inputs = [
  ...[null, { own: 1 }, { at: 10 }, { at: 30, own: 1 }, { do: '/c/1' }, { do: '/c/2', at: 5 }, { del: 1 }],
  { bad: 1, at: 3, do: '/c/1' },
]

/** One op of a history; picks choose among what there is when it is played. */
const part = fc.record({
  kind: fc.nat({ max: 15 }),
  name: fc.constantFrom('a', 'b'),
  a: anyPick,
  b: anyPick,
  c: anyPick,
})
type Part = typeof part extends fc.Arbitrary<infer P> ? P : never
const entry = fc.record({
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constant('op' as const) },
    { weight: 6, arbitrary: fc.constant('transaction' as const) },
    { weight: 3, arbitrary: fc.constantFrom('keyed' as const, 'end' as const, 'tick' as const) },
    { weight: 2, arbitrary: fc.constantFrom('resume' as const, 'copy' as const, 'engine' as const) },
  ),
  afterMs: fc.constantFrom(0, 0, 1, 10, 25),
  who: anyPick,
  parts: fc.array(part, { minLength: 1, maxLength: 4 }),
})
type Planned = typeof entry extends fc.Arbitrary<infer E> ? E : never

/** One history on all views. */
class Run {
  readonly #driver: ExtensionDriver
  readonly #start: Space
  readonly #copies: Space[] = []
  readonly #sessions: DrivenSession[]
  readonly #withBoth: boolean
  #played = 0

  constructor(withBoth: boolean) {
    this.#withBoth = withBoth
    this.#driver = new ExtensionDriver([Counter, Lock, ...(withBoth && second ? [second] : [])], {}, first)
    this.#start = this.#space(small)
    this.#sessions = [this.#driver.open(), this.#driver.open()]
    for (const name of ['a', 'b']) this.#driver.run(this.#session(0), this.#registers(name, 0))
  }

  play({ kind, afterMs, who, parts }: Planned): void {
    const driver = this.#driver.after(afterMs)
    const session = this.#session(who)
    const ops = parts.map((one) => this.#op(one))
    switch (kind) {
      case 'op':
        driver.run(session, ops[0] ?? this.#registers('a', who))
        break
      case 'keyed':
        driver.keyed(session, ops[0] ?? this.#registers('a', who), `k${who % 2}`)
        break
      case 'transaction':
        driver.transaction(session, ops)
        break
      case 'end':
        driver.end(session, { clean: who % 2 === 0 })
        this.#sessions.splice(this.#sessions.indexOf(session), 1, driver.open())
        break
      case 'resume':
        driver.resume(session)
        break
      case 'engine':
        driver.run(session, {
          ...{ type: null, path: '/.sirtaki', op: '$activate' },
          input: { type: PROGRAMS_TYPE, version: this.#withBoth ? 2 : 1 },
        })
        break
      case 'copy':
        this.#copy(who)
        break
      default:
        driver.tick()
    }
    this.#compare()
  }

  #session(who: number): DrivenSession {
    const found = pickOf(this.#sessions, who)
    if (found === undefined) throw new Error('there is always a session')
    return found
  }

  #space(registries: readonly AnyObjectType[]): Space {
    const space = new Space()
    for (const type of [...registries.slice(0, this.#withBoth ? 2 : 1), Counter, Lock]) space.register(type)
    return space
  }

  #copy(pick: number): void {
    const copy = this.#space(pick % 2 === 0 ? small : [first, second].filter((one) => one !== undefined))
    copy.load(this.#driver.space.snapshot())
    this.#copies.push(copy)
    if (this.#copies.length > 2) this.#copies.shift()
  }

  #compare(): void {
    const { entries, digest } = this.#driver
    for (const one of entries.slice(this.#played)) {
      this.#start.apply(one)
      for (const copy of this.#copies) if (copy.position < one.position) copy.apply(one)
    }
    this.#played = entries.length
    deepStrictEqual(this.#start.digest().digest, digest, 'O3: a view from the start, with other machines')
    for (const copy of this.#copies) deepStrictEqual(copy.digest().digest, digest, 'O3: a copy')
  }

  #registry(op: string, input: object): Op {
    const { programs: known } = programsOf(this.#driver.space.journal).tables
    const [, record] = [...known.range()][0] ?? []
    const active = this.#driver.space.activeTypes().find(([name]) => name === PROGRAMS_TYPE)
    return {
      type: { name: PROGRAMS_TYPE, version: active?.[1] ?? record?.engine ?? 1 },
      path: PROGRAMS_PATH,
      op,
      input,
    }
  }
  #registers(name: string, pick: number): Op {
    const program = pickOf(programs.get(name) ?? [], pick)
    if (program === undefined) throw new Error(`no program ${name}`)
    return this.#registry('register', { name, version: program.version, taken: pick % 3 > 0, ...program.program })
  }

  #op({ kind, name, a, b, c }: Part): Op {
    const driver = this.#driver
    const record = programsOf(driver.space.journal).tables.programs.get(name)
    switch (kind) {
      case 0:
        return this.#registers(name, a)
      case 1:
        return this.#registry(a % 3 === 0 ? 'remove' : 'enable', { name })
      case 2:
        return this.#registry('disable', { name, reason: 'chance' })
      case 3:
      case 4:
        return this.#registry('acknowledge', { name, hash: record?.hash ?? 'none', takes: a % 2 === 0 })
      case 5:
        return { type: null, path: pickOf(paths, a) ?? '/o1', op: '$drop', input: {} }
      case 6:
        return {
          type: null,
          path: pickOf(paths, a) ?? '/o1',
          op: '$cancel',
          input: { op: Math.max(0, driver.next - 1 - (b % 12)) },
        }
      case 7:
      case 8:
      case 9:
        return {
          type: Counter,
          path: pickOf(['/c/1', '/c/2', '/o1'], a) ?? '/c/1',
          op: 'add',
          input: { by: 1 + (b % 3) },
        }
      case 10: {
        const input = { weight: 1, capacity: null, wait: b % 2 === 0, once: true, delayMs: 0, data: null }
        return { type: Lock, path: '/l', op: 'acquire', input }
      }
      default:
        return {
          type: { name: `x:${name}`, version: c % 10 === 0 ? 1 : (record?.version ?? 1) },
          path: pickOf(['/o1', '/o2', '/o1', '/c/1', '/.sirtaki/x/a'], a) ?? '/o1',
          op: pickOf(['go', 'go', 'go', 'park', 'free', 'lock'], b) ?? 'go',
          input: pickOf(inputs, c) ?? null,
        }
    }
  }
}

test('O3, E3: random histories of extensions come to the same on every view', (t) => {
  t.timeout(600_000)
  fc.assert(
    fc.property(fc.boolean(), fc.array(entry, { minLength: 1, maxLength: 60, size: 'max' }), (withBoth, history) => {
      const run = new Run(withBoth)
      for (const planned of history) run.play(planned)
    }),
    runs(),
  )
  t.pass()
})
