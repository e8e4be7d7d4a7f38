/**
 * Extensions as their authors write them: functions as texts, and what is refused before anything is sent.
 *
 * Read next: `../../../objects/extensions/define-extension.ts`, `program.test.ts`.
 */
import test from 'ava'
import { literal, number, object, string } from 'superstruct'
import { defineExtension } from '../../../objects/extensions/define-extension.ts'
import { Machine } from '../../../objects/extensions/engine/machine.ts'
import { sourceOf, type GuestFunction } from '../../../objects/extensions/source-text.ts'
import type { Answer } from '../machine-driver.ts'
import { machines } from './corpus-run.ts'
import { ExtensionDriver } from './extension-driver.ts'
import { callOf } from './guest-call.ts'

const Stock = defineExtension({
  name: 'shop.stock',
  version: 3,
  records: number(),
  fuel: 1_000_000,
  waits: ['take'],
  ops: (op) => ({
    // Types are blanks in the text that travels.
    fill: op(object({ sku: string(), upTo: number() }), (ctx, { sku, upTo }: { sku: string; upTo: number }) => {
      const missing: number = upTo - (ctx.get(sku) ?? 0)
      if (missing <= 0) return 0
      ctx.set(sku, upTo)
      for (const { key, value } of ctx.list(`wait/${sku}/`, missing)) {
        ctx.log(key)
        if (ctx.settle(value, ctx.position)) ctx.set(sku, (ctx.get(sku) ?? 0) - 1)
      }
      return missing
    }),
    take: op(object({ sku: string() }), (ctx, { sku }) => {
      const left = ctx.get(sku) ?? 0
      if (left === 0) return ctx.wait(`wait/${sku}/${ctx.order}`)
      ctx.set(sku, left - 1)
      return ctx.position
    }),
  }),
  due: (ctx, { key }) => {
    ctx.delete(key)
  },
})

test('an extension with types runs as it is written', (t) => {
  const driver = new ExtensionDriver()
  const ann = driver.open()
  driver.register(ann, Stock)
  const ask = (op: string, input: unknown): Answer => driver.ask(ann, Stock, '/stock', op, input)
  t.is(ask('take', { sku: 'a' }), 'waiting')
  t.deepEqual(ask('fill', { sku: 'a', upTo: 2 }), { value: 2 })
  t.deepEqual(driver.settled.get(3), { value: 4 })
  t.deepEqual(ask('take', { sku: 'a' }), { value: 5 })
  t.is(ask('take', { sku: 'a' }), 'waiting')
  t.deepEqual(
    [Stock.extension, Stock.name, Stock.version, Stock.program.fuel, Stock.program.waits],
    ['shop.stock', 'x:shop.stock', 3, 1_000_000, ['take']],
  )
  t.is(Stock.calls.get('take')?.waits, true)
  t.is(Stock.calls.get('fill')?.refusal({ sku: 'a', upTo: 1 }), undefined)
  t.regex(Stock.calls.get('fill')?.refusal({ sku: 1 }) ?? '', /sku/u)
})

const four = {
  method(_ctx: unknown, input: number) {
    return input + 4
  },
  ['computed name'](_ctx: unknown, input: number) {
    return input + 4
  },
  get(_ctx: unknown, input: number) {
    return input + 4
  },
}
const forms: readonly GuestFunction[] = [
  (_ctx: unknown, input: number) => input + 4,
  (_ctx: unknown, input: number) => ({ sum: input + 4 }).sum,
  function (_ctx: unknown, input: number) {
    return input + 4
  },
  function named(ctx: { position: number }, input: number): number {
    return input > ctx.position + 100 ? named(ctx, 0) : input + 4
  },
  four.method,
  four['computed name'],
  four.get,
]

test('functions of all forms travel as their texts', (t) => {
  for (const run of forms) {
    const source = sourceOf('test', new Map([['run', run]]))
    const machine = machines.load(source)
    t.true(machine instanceof Machine, source)
    if (machine instanceof Machine) t.like(callOf(machine), { kind: 'value' }, source)
  }
  const all = sourceOf('test', new Map(forms.map((run, i) => [`op${i}`, run])))
  const machine = machines.load(all)
  t.deepEqual(
    machine instanceof Machine ? machine.names : [],
    forms.map((_, i) => `op${i}`),
  )
})

test('functions that cannot travel are refused by name', (t) => {
  const odd: readonly (readonly [run: GuestFunction, why: RegExp])[] = [
    [async () => {}, /must not be async/u],
    [async (ctx: unknown) => ctx, /must not be async/u],
    [async function () {}, /must not be async/u],
    [function* () {}, /must not be a generator/u],
    [four.method.bind(four), /its text is not its own/u],
    [Math.max, /its text is not its own/u],
    [
      Object.getOwnPropertyDescriptor(
        {
          get size() {
            return 1
          },
        },
        'size',
      )?.get ?? Math.max,
      /no getter/u,
    ],
  ]
  for (const [run, why] of odd) {
    const error = t.throws(() => sourceOf('test', new Map([['run', run]])), { code: 'BAD_ARGUMENT' }, String(run))
    t.regex(error?.message ?? '', why, String(run))
    t.regex(error?.message ?? '', /^run of extension test is refused/u)
  }
})

test('a definition that makes no sense is refused, with what is wrong', (t) => {
  const ops = { run: { refusal: () => undefined, run: () => 1 } }
  const good = { name: 'a', version: 1, ops: () => ops }
  const wrong: readonly (readonly [definition: object, message: RegExp, code?: string])[] = [
    [{ name: 'x:a' }, /its name is malformed/u],
    [{ version: 0 }, /its version 0 is none/u],
    [{ fuel: 60_000_000 }, /its fuel 60000000 is out of range: at most 50000000/u],
    [{ waits: ['walk'] }, /it has no op "walk" that waits/u],
    [{ ops: () => ({ due: ops.run }) }, /must not be named due/u],
    [{ ops: () => ({ then: ops.run }) }, /op "then" of type x:a is refused/u],
    [
      { ops: () => ({ run: { refusal: () => undefined, run: undefined } }) },
      /run of extension a has no function, and there is no source/u,
    ],
    [{ source: '({})' }, /it has a source, and a function for run besides/u],
    [
      {
        ops: () => ({ run: { refusal: () => undefined, run: undefined } }),
        source: `({ run() { return '${'ä'.repeat(40_000)}' } })`,
      },
      /has 80\d\d\d/u,
      'OVERSIZE',
    ],
  ]
  for (const [part, message, code = 'BAD_ARGUMENT'] of wrong) {
    const error = t.throws(() => defineExtension({ ...good, ...part }), { code }, JSON.stringify(part))
    t.regex(error?.message ?? '', message)
  }
})

test('a source of its own is taken as it is', (t) => {
  const source = '({ one(ctx) { return 1 } })'
  const One = defineExtension({ name: 'one', version: 1, source, ops: (op) => ({ one: op(literal(null)) }) })
  t.is(One.program.source, source)
  const driver = new ExtensionDriver()
  const ann = driver.open()
  driver.register(ann, One)
  t.deepEqual(driver.ask(ann, One, '/one', 'one'), { value: 1 })
})
