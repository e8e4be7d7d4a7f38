/** `sirtaki explain`: every code, in any case, and the nearest ones to one that does not exist. */
import test from 'ava'
import { codes } from '../../log/errors.ts'
import { Retention } from '../../objects/retention/type.ts'
import { nearest } from '../../tools/cli/nearest.ts'
import { objectTypes } from '../../tools/cluster/object-types.ts'
import { json, run } from './command-line.ts'

/** What types of ours refuse with, and what a caller may do then. */
const refusedWith = Object.fromEntries(
  [...Object.values(objectTypes), Retention].flatMap(({ refusals }) => [...refusals]),
)

test.beforeEach((t) => {
  t.timeout(120_000)
})

test('explain CODE tells meaning, next, causes and what to do, in any case', async (t) => {
  const ran = await run(['explain', '[timeout]'])
  t.is(ran.code, 0)
  t.regex(
    ran.out,
    new RegExp(
      '^TIMEOUT: no answer came before the deadline\\nnext +unknown: .*\\nexit code +3\\n'
        + 'causes\\n( {2}- .*\\n)+what to do\\n( {2}- .*\\n)+$',
    ),
  )
})

test('explain without a code tells every code in one line, with --json in one object', async (t) => {
  const [text, lines] = await Promise.all([run(['explain']), run(['explain', '--json'])])
  const all = { ...refusedWith, ...codes }
  t.is(text.out.trim().split('\n').length, Object.keys(all).length + 1)
  t.deepEqual(
    json(lines.out).map((one) => [one['code'], one['next']]),
    Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)),
  )
})

test('explain of an unknown code is exit code 2 and names the nearest', async (t) => {
  const ran = await run(['explain', 'TIMOUT'])
  t.is(ran.code, 2)
  t.is(ran.err, 'sirtaki: no error code is called "TIMOUT" (did you mean TIMEOUT?): see sirtaki explain\n')
})

test('a failure ends with a code that explain knows', async (t) => {
  const failed = await run(['--cluster', 'tcp://127.0.0.1:1', 'top', '--count', '1'])
  t.is(failed.code, 3)
  const explained = await run(['explain', '--json', /\[\w+\]\n$/.exec(failed.err)?.[0].trim() ?? ''])
  t.like(json(explained.out)[0], { code: 'UNREACHABLE', exit: 3 })
})

test('nearest: few letters apart, or a part of the word; nothing that is far', (t) => {
  t.deepEqual(nearest('RECOVER', ['RECOVERING', 'REJECTED', 'EPOCH']), ['RECOVERING'])
  t.deepEqual(nearest('EPOHC', ['BOOT', 'EPOCH']), ['EPOCH'])
  t.deepEqual(nearest('XYZZY', ['BOOT', 'EPOCH']), [])
})
