/**
 * What calls of programs cost: `node test/objects/extensions/bench.ts`. One line a case, the lowest tenth of batches.
 *
 * `in apply`: of one call as a space plays it, entry and digest included. Read next: `../bench.ts`,
 * `../../../objects/extensions/engine/machine.ts`.
 */
import { performance } from 'node:perf_hooks'
import { memoryUsage } from 'node:process'
import type { Entry } from '../../../log/entry.ts'
import { Machine } from '../../../objects/extensions/engine/machine.ts'
import { Machines } from '../../../objects/extensions/engine/machines.ts'
import type { EventOf, ProgramShape } from '../../../objects/extensions/shapes.ts'
import { Counter, CounterRecipe, QueueRecipe } from '../../../objects.ts'
import { long } from './corpus.ts'
import { engine, machineOf } from './corpus-run.ts'
import { ExtensionDriver, programOf, type Registrable } from './extension-driver.ts'

const BATCH = 200
const BATCHES = 400
const ENTRIES = 100_000

const print = (name: string, text: string): void => {
  console.log(`${name.padEnd(44)} ${text}`)
}
const us = (value: number): string => `${value.toFixed(2)} us`

/** The lowest tenth of many short batches, in microseconds a call. */
function timed(run: () => void): number {
  const all = Array.from({ length: BATCHES }, () => {
    const started = performance.now()
    for (let i = 0; i < BATCH; i++) run()
    return ((performance.now() - started) * 1_000) / BATCH
  }).sort((a, b) => a - b)
  const tenth = all.slice(0, Math.ceil(BATCHES / 10))
  return tenth.reduce((sum, one) => sum + one, 0) / tenth.length
}

/** Entries of one program, and how fast a space plays them that has it already. */
function played(
  name: string,
  program: Registrable,
  op: string,
  input: (i: number) => unknown,
  more?: Registrable,
): void {
  const driver = new ExtensionDriver([Counter])
  const ann = driver.open()
  driver.register(ann, program)
  if (more !== undefined) driver.register(ann, more)
  const from = driver.next
  for (let i = 0; i < ENTRIES; i++) driver.ask(ann, program, '/it', op, input(i))
  const best = Math.min(...[1, 2, 3].map(() => playMs(driver, from)))
  print(
    name,
    `${Math.round((ENTRIES / best) * 1_000).toLocaleString('en')}/s, ${us((best * 1_000) / ENTRIES)} in apply`,
  )
}

function playMs(driver: ExtensionDriver, from: number): number {
  const space = driver.fresh()
  for (const entry of driver.entries.slice(0, from)) space.apply(entry)
  const rest: readonly Entry[] = driver.entries.slice(from)
  const started = performance.now()
  for (const entry of rest) space.apply(entry)
  return performance.now() - started
}

// ---- one call
const records = new Map<string, unknown>([
  ['a', 1],
  ['b', 'text'],
  ['c', { d: 1 }],
])
const host = {
  ask: (number: number, [first, second]: readonly unknown[]) => {
    if (number === 1) return records.get(String(first))
    records.set(String(first), second)
    return undefined
  },
}
const calling = { host, fuel: 5_000_000, position: 1, time: 1, session: 1 }
for (const [name, body] of [
  ['empty call', ''],
  ['counter', 'const n = (ctx.get("n") ?? 0) + input.by; ctx.set("n", n); return n'],
  [
    'three reads and two writes',
    'const x = [ctx.get("a"), ctx.get("b"), ctx.get("c")]; ctx.set("a", 1); ctx.set("b", "text"); return x',
  ],
] as const) {
  const machine = machineOf(body)
  print(name, us(timed(() => void machine.call('run', { by: 1 }, calling))))
}
const restored = machineOf('return [ctx.get("a"), ctx.get("b")]')
const each = Array.from({ length: BATCHES * BATCH }, () => {
  restored.call('run', null, calling)
  const started = performance.now()
  restored.restore()
  return (performance.now() - started) * 1_000
}).sort((a, b) => a - b)
print('restore of its pages (median)', us(each[each.length / 2] ?? 0))

// ---- entries
played('playback: counter', CounterRecipe, 'add', () => ({ by: 1 }))
const larger = programOf(`({
  run(ctx, i) {
    const key = 'k' + (i % 100)
    const read = [ctx.get('a'), ctx.get(key), ctx.get('c')]
    ctx.set(key, i)
    ctx.set('a', i)
    return read
  },
})`)
played('playback: three reads and two writes', larger, 'run', (i) => i)
played('playback: queue, put and take', QueueRecipe, 'put', () => ({ item: 'x'.repeat(128) }))
const event = (i: number): EventOf => ({ run: `on${i}`, on: ['changed'], path: `/nobody/${i}`, table: '', key: null })
const patterns = Array.from({ length: 64 }, (_, i) => event(i))
const source = `({ ${patterns.map(({ run }) => `${run}() {}`).join(', ')} })`
const listening = (name: string, events: ProgramShape['events']): Registrable => programOf(source, { name, events })
played(
  'the same counter, 64 patterns beside it',
  CounterRecipe,
  'add',
  () => ({ by: 1 }),
  listening('events', patterns),
)

// ---- loading
const before = memoryUsage().rss
const many = new Machines(engine)
const started = performance.now()
for (let i = 0; i < 1_000; i++) many.load(`({ run(ctx) { return ${i} } })`)
const imageMs = (performance.now() - started) / 1_000
print('an image', `${imageMs.toFixed(1)} ms, and ${Math.round((memoryUsage().rss - before) / 2 ** 20)} MiB for 1,000`)

// ---- the worst
let [worst, worstFirst] = [0, 0]
for (const body of long) {
  const machine = new Machines(engine).load(`({ run(ctx, input) { ${body} } })`)
  if (!(machine instanceof Machine)) continue
  const times = Array.from({ length: 5 }, () => {
    const begun = performance.now()
    machine.call('run', null, calling)
    return performance.now() - begun
  })
  worstFirst = Math.max(worstFirst, times[0] ?? 0)
  worst = Math.max(worst, Math.min(...times.slice(1)))
}
print(
  `worst of ${long.length} long programs, 5M fuel`,
  `${worst.toFixed(2)} ms, ${worstFirst.toFixed(2)} ms in a first call`,
)
