/**
 * Calls that make no sense, as JavaScript may make them: each is refused before anything is sent, and says what it was
 * given.
 */
import test from 'ava'
import { connect } from '../../objects/connect.ts'
import { Counter } from '../../objects/counter/type.ts'
import { connectLog } from '../../sequencer/connect.ts'
import { readSessionEntry } from '../../sequencer/session-entry.ts'

/** What a caller without types may hand over. */
function odd(value: unknown): never {
  if (isNothing(value)) return value
  throw new Error('it is something')
}
const isNothing = (_value: unknown): _value is never => true

test('P72: what is no argument is refused by name, with what it was given', async (t) => {
  const client = await connect('memory:')
  t.teardown(() => client.close())
  const { log } = client
  const counter = await client.open(Counter, '/count')
  const cases: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['append takes its payload as a Uint8Array, not a string', () => log.append(odd('hello'))],
    ['append takes its payload as a Uint8Array, not undefined', () => log.append(odd(undefined))],
    ['append takes its options as an object, not the number 3', () => log.append(Uint8Array.of(1), odd(3))],
    [
      'append takes streams as an array of integers, not the number 3',
      () => log.append(Uint8Array.of(1), odd({ streams: 3 })),
    ],
    [
      'append takes timeoutMs as a number of milliseconds from 0, not a string',
      () => log.append(Uint8Array.of(1), odd({ timeoutMs: '5' })),
    ],
    [
      'append takes signal as an AbortSignal, not an AbortController',
      () => log.append(Uint8Array.of(1), odd({ signal: new AbortController() })),
    ],
    ['appendMany takes an array of payloads, not a Uint8Array', () => log.appendMany(odd(Uint8Array.of(1)))],
    [
      'read takes timeoutMs as a number of milliseconds from 0, not the number NaN',
      () => log.read(0, { timeoutMs: Number.NaN }),
    ],
    ['tail takes its options as an object, not null', () => log.tail(odd(null))],
    ['tail takes { stream } as an integer from 0 to 4294967295, not the number -1', () => log.tail({ streams: [-1] })],
    [
      'readStream takes { stream } as an integer from 0 to 4294967295, not undefined',
      () => log.readStream(odd(undefined)),
    ],
    ['readStream takes { stream } as an integer from 0 to 4294967295, not undefined', () => log.readStream(odd({}))],
    [
      'subscribe takes { stream } as an integer from 0 to 4294967295, not undefined',
      () => log.subscribe(odd(undefined)).next(),
    ],
    [
      'connect takes an address: memory:, file:DIR, tcp://host:port,... or unix:PATH, not undefined',
      () => connect(odd(undefined)),
    ],
    [
      'connect takes an address: memory:, file:DIR, tcp://host:port,... or unix:PATH, not an object',
      () => connectLog(odd({})),
    ],
    [
      'connect takes timeoutMs as a number of milliseconds from 0, not a string',
      () => connect('memory:', odd({ timeoutMs: '1' })),
    ],
    ['open takes a type made with defineObject, not an object', () => client.open(odd({}), '/count')],
    ['open takes a type made with defineObject, not undefined', () => client.own.open(odd(undefined), '/count')],
    ['sync takes atLeast as a position, not a string', () => client.sync(odd({ atLeast: '3' }))],
    [
      'add of /count takes timeoutMs as a number of milliseconds from 0, not the number -1',
      () => counter.add({ by: 1 }, { timeoutMs: -1 }),
    ],
  ]
  const said = await Promise.all(
    cases.map(([, call]) =>
      call().then(
        () => 'done',
        ({ code, message }: { code: string; message: string }) => `${code} ${message}`,
      ),
    ),
  )
  t.deepEqual(
    said,
    cases.map(([message]) => `BAD_ARGUMENT ${message}`),
  )
  t.is((await log.tail()).tail, (await log.append(Uint8Array.of(1))).position)
})

test('P72: a signal that has aborted already ends every call before anything is sent', async (t) => {
  const client = await connect('memory:')
  t.teardown(() => client.close())
  const { log } = client
  const counter = await client.open(Counter, '/count')
  await counter.add({ by: 1 })
  const { tail } = await log.tail()
  const signal = AbortSignal.abort()
  const calls: readonly (() => Promise<unknown>)[] = [
    () => log.append(Uint8Array.of(1), { signal }),
    () => log.read(0, { signal }),
    () => log.readStream({ stream: 20, signal }),
    () => log.tail({ signal }),
    () => log.fill(0, { signal }),
    () => log.trim(1, { signal }),
    () => log.layout({ signal }),
    () => client.sync({ signal }),
    () => client.open(Counter, '/other', { signal }),
    () => counter.add({ by: 1 }, { signal }),
    () => connect('memory:', { signal }),
    () => connectLog('tcp://127.0.0.1:1', { signal }),
    () => connectLog('file:/nowhere', { signal }),
  ]
  const said = await Promise.all(
    calls.map((call) =>
      call().then(
        () => 'done',
        ({ code, next, message }: { code: string; next: string; message: string }) =>
          `${code} ${next} ${message.replace(/^.*? was/, 'was')}`,
      ),
    ),
  )
  t.deepEqual(
    said,
    calls.map(() => 'ABORTED again was aborted before anything was sent'),
  )
  // The sequencer itself tells the time while a session lives.
  const added = await log.readStream({ stream: 1, from: tail })
  t.true(added.every(({ payload }) => readSessionEntry(payload)?.kind === 'tick'))
})

test.serial(
  'servers that refuse are named with what they said: after a second, or when the caller says so',
  async (t) => {
    const started = performance.now()
    const refused = await t.throwsAsync(connectLog('tcp://127.0.0.1:1,127.0.0.1:2'))
    const tookMs = performance.now() - started
    t.like(refused, { code: 'UNREACHABLE', next: 'again' })
    t.regex(refused.message, /ECONNREFUSED 127\.0\.0\.1:1\).*ECONNREFUSED 127\.0\.0\.1:2\)/)
    // How late a machine that runs other tests is is not judged here.
    t.true(tookMs >= 1_000 && tookMs < 20_000, `${tookMs} ms`)
    t.regex(
      (await t.throwsAsync(connectLog('tcp://127.0.0.1:1', { timeoutMs: 300 }))).message,
      // A process that stood still for a second hears of both at once.
      /^(connecting to tcp:\/\/127\.0\.0\.1:1 was not done within \d+ ms|no layout of the cluster) .*ECONNREFUSED/,
    )
    t.regex((await t.throwsAsync(connectLog('unix:/nowhere/unit.sock', { timeoutMs: 300 }))).message, /ENOENT/)
  },
)
