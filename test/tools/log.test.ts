/** What servers tell of themselves: levels, the two forms of a line, and that JSON stays JSON to the last word. */
import test from 'ava'
import { levelOf, makeLog, type Log, type LogFormat } from '../../tools/serving/log.ts'
import { json, run } from './command-line.ts'

test.beforeEach((t) => {
  t.timeout(120_000)
})

function hear(format: LogFormat, colours = false): { log: Log; lines: string[] } {
  const lines: string[] = []
  return {
    lines,
    log: makeLog({
      format,
      kind: 'unit',
      address: () => '127.0.0.1:7100',
      write: (text) => {
        lines.push(text)
      },
      wall: () => new Date(0),
      colours,
    }),
  }
}

test('pretty: time, level, message, facts; values that could be mistaken are in quotes', (t) => {
  const { log, lines } = hear('pretty')
  log.info('it runs', { epoch: 3, path: '/a b', left: undefined, list: [1], odd: 'a=b' })
  log.warn('two\n  lines')
  t.deepEqual(lines, [
    '1970-01-01T00:00:00.000Z info  it runs epoch=3 path="/a b" list=[1] odd="a=b"\n',
    '1970-01-01T00:00:00.000Z warn  two lines\n',
  ])
})

test('pretty: only the level is coloured', (t) => {
  const { log, lines } = hear('pretty', true)
  log.error('no')
  t.deepEqual(lines, ['1970-01-01T00:00:00.000Z \u001b[31merror\u001b[0m no\n'])
})

test('json: one object a line in a fixed order, and no fact hides what every line has', (t) => {
  const { log, lines } = hear('json')
  log.error('it stops', { code: 'IO', level: 'none', time: 'never' })
  t.deepEqual(lines, [
    '{"time":"1970-01-01T00:00:00.000Z","level":"error","kind":"unit",'
      + '"address":"127.0.0.1:7100","message":"it stops","code":"IO"}\n',
  ])
})

test('what servers say gets the level that it deserves', (t) => {
  t.is(levelOf('epoch 3 is open'), 'info')
  t.is(levelOf('the next epoch could not be opened yet: 127.0.0.1:1 cannot be reached'), 'warn')
  t.is(levelOf('epoch 4 has its sequencer at 127.0.0.1:2: this one is no longer needed'), 'warn')
  t.is(levelOf('the sequencer stops: invariant Q1 does not hold'), 'error')
})

test('--log json: also the last words of a server that cannot start are JSON, with code and exit code', async (t) => {
  const ran = await run(['unit', '--data', '/dev/null/x', '--listen', '127.0.0.1:0', '--log', 'json'])
  t.is(ran.code, 1)
  t.deepEqual(
    json(ran.err).map((one) => [one['level'], one['kind'], one['address'], one['code'], one['exit']]),
    [['error', 'unit', '127.0.0.1:0', 'IO', 1]],
  )
  t.is((await run(['unit', '--data', '/dev/null/x', '--listen', '127.0.0.1:0', '--log', 'xml'])).code, 2)
})
