/**
 * The contract of the log's client, run on a cluster in memory and on one behind sockets and SQLite.
 *
 * Read next: `../../log/client/client.ts`.
 */
import type { ExecutionContext } from 'ava'
import type { LogClient } from '../../log/client/client.ts'
import type { Entry } from '../../log/entry.ts'
import { limits } from '../../log/limits.ts'
import type { Teardown } from '../log/io/folder.ts'

/** Makes a cluster of a test's own: gives further clients of it. */
export type MakeCluster = (t: Teardown) => Promise<{ readonly client: () => Promise<LogClient> }>

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = ({ payload }: Entry): string => new TextDecoder().decode(payload)

/** Takes `count` entries of a subscription, then ends it. */
async function take(count: number, entries: AsyncGenerator<Entry, void, undefined>): Promise<string[]> {
  const texts: string[] = []
  for await (const entry of entries) {
    texts.push(textOf(entry))
    if (texts.length === count) break
  }
  return texts
}

/** Runs the contract. */
export function logClientContract(
  test: (title: string, run: (t: ExecutionContext) => Promise<void>) => void,
  name: string,
  makeCluster: MakeCluster,
): void {
  const clusters = (
    title: string,
    run: (t: ExecutionContext, log: LogClient, more: () => Promise<LogClient>) => Promise<void>,
  ): void => {
    test(`${name}: ${title}`, async (t) => {
      t.timeout(60_000)
      const { client } = await makeCluster(t)
      await run(t, await client(), client)
    })
  }

  clusters('L2: what was appended is read by everybody', async (t, log, more) => {
    const { position } = await log.append(encode('hello'))
    const result = await (await more()).read(position)
    t.is(result.kind, 'data')
    t.is(result.kind === 'data' ? textOf(result.entry) : '', 'hello')
    t.deepEqual(await log.read(position + 100), { kind: 'unwritten', position: position + 100 })
  })

  clusters('L7: positions grow, and the tail covers every acknowledged append', async (t, log, more) => {
    const first = await log.append(encode('1'), { streams: [24] })
    const other = await more()
    const second = await other.append(encode('2'))
    t.true(second.position > first.position)
    const tails = await log.tail({ streams: [24, 25] })
    t.is(tails.tail, second.position + 1)
    t.true((tails.streams.get(24) ?? 0) > first.position)
    t.true((tails.streams.get(25) ?? 0) <= tails.tail)
    t.is((await log.tail({ linearizable: false })).tail, tails.tail)
  })

  clusters('P66: a position beyond the tail is waited for, fills nothing, and appends go on', async (t, log, more) => {
    const { position } = await log.append(encode('1'), { streams: [24] })
    const reader = await more()
    await t.throwsAsync(reader.readStream({ stream: 24, to: position + 40, timeoutMs: 500 }), {
      code: 'TIMEOUT',
      message: /its tail is/,
    })
    const read = reader.readStream({ stream: 24, to: position + 2 })
    const subscribed = take(1, reader.subscribe({ stream: 24, from: position + 1 }))
    t.is((await log.append(encode('2'), { streams: [24] })).position, position + 1)
    t.deepEqual((await read).map(textOf), ['1', '2'])
    t.deepEqual(await subscribed, ['2'])
  })

  clusters('appendMany gives ascending positions, several thousand of them', async (t, log) => {
    const payloads = Array.from({ length: 3000 }, (_, i) => encode(`${i}`))
    const positions = (await log.appendMany(payloads, { streams: [21], timeoutMs: 30_000 })).map(
      ({ position }) => position,
    )
    t.deepEqual(
      positions,
      positions.toSorted((a, b) => a - b),
    )
    t.is(new Set(positions).size, 3000)
    t.deepEqual(
      (await log.readStream({ stream: 21, timeoutMs: 30_000 })).map(textOf),
      payloads.map((_, i) => `${i}`),
    )
  })

  clusters('Q4: a stream has its own entries, all of them, in order', async (t, log) => {
    await log.append(encode('a'), { streams: [21] })
    const b = await log.append(encode('b'), { streams: [21, 22] })
    await log.append(encode('c'), { streams: [22] })
    await log.append(encode('d'))
    t.deepEqual((await log.readStream({ stream: 21 })).map(textOf), ['a', 'b'])
    t.deepEqual((await log.readStream({ stream: 22 })).map(textOf), ['b', 'c'])
    t.deepEqual((await log.readStream({ stream: 23 })).map(textOf), [])
    t.deepEqual((await log.readStream({ stream: 22, from: b.position + 1 })).map(textOf), ['c'])
    t.deepEqual((await log.readStream({ stream: 22, to: b.position + 1 })).map(textOf), ['b'])
    t.deepEqual((await log.readStream({ stream: 22, to: b.position })).map(textOf), [])
    for (const wrong of [{ from: -1 }, { to: 1.5 }, { to: Infinity }]) {
      await t.throwsAsync(log.readStream({ stream: 22, ...wrong }), { code: 'BAD_ARGUMENT' })
    }
  })

  clusters('a subscription gives what was there and what comes, in order, once', async (t, log, more) => {
    await log.append(encode('a'), { streams: [29] })
    const got = take(4, (await more()).subscribe({ stream: 29 }))
    await log.append(encode('b'), { streams: [29] })
    await log.append(encode('other'), { streams: [28] })
    await log.appendMany([encode('c'), encode('d')], { streams: [29] })
    t.deepEqual(await got, ['a', 'b', 'c', 'd'])
  })

  clusters('a subscription ends with its signal, and with its client', async (t, log, more) => {
    const stop = new AbortController()
    const aborted = take(2, log.subscribe({ stream: 21, signal: stop.signal }))
    await log.append(encode('a'), { streams: [21] })
    stop.abort()
    t.true((await aborted).length <= 1)
    const other = await more()
    const closed = take(2, other.subscribe({ stream: 21 }))
    const outcome = t.throwsAsync(closed, { code: 'CLOSED' })
    await log.append(encode('b'), { streams: [25] })
    await other.close()
    await outcome
  })

  clusters('L3: a fill of what is written changes nothing; above the tail there is nothing to fill', async (t, log) => {
    const { position } = await log.append(encode('kept'))
    t.is((await log.fill(position)).kind, 'data')
    t.like(await t.throwsAsync(log.fill(position + 1)), { code: 'BAD_ARGUMENT', facts: { position: position + 1 } })
  })

  clusters('L8: what is trimmed is told as trimmed, the rest stays', async (t, log) => {
    const a = await log.append(encode('a'), { streams: [21] })
    const b = await log.append(encode('b'), { streams: [21] })
    await log.trim(b.position)
    await log.trim(b.position)
    t.deepEqual(await log.read(a.position), { kind: 'trimmed', position: a.position })
    t.is((await log.read(b.position)).kind, 'data')
    await t.throwsAsync(log.readStream({ stream: 21 }), { code: 'TRIMMED' })
    t.deepEqual((await log.readStream({ stream: 21, from: b.position })).map(textOf), ['b'])
    await t.throwsAsync(take(1, log.subscribe({ stream: 21, from: a.position })), { code: 'TRIMMED' })
    await t.throwsAsync(log.trim(b.position + 2), { code: 'BAD_ARGUMENT' })
  })

  clusters('what is too large or on odd streams is refused before a position is taken', async (t, log) => {
    const { tail } = await log.tail()
    await t.throwsAsync(log.append(new Uint8Array(limits.entryBytesMax + 1)), { code: 'OVERSIZE' })
    await t.throwsAsync(log.append(encode('x'), { streams: [21, 21] }), { code: 'BAD_ARGUMENT' })
    await t.throwsAsync(log.append(encode('x'), { streams: [-1] }), { code: 'BAD_ARGUMENT' })
    await t.throwsAsync(log.append(encode('x'), { streams: [16, 15] }), {
      code: 'BAD_ARGUMENT',
      message: /stream 15 is one of the objects/,
    })
    await t.throwsAsync(log.append(encode('x'), { streams: [0] }), { code: 'BAD_ARGUMENT' })
    await t.throwsAsync(log.append(encode('x'), { streams: [2 ** 32] }), { code: 'BAD_ARGUMENT' })
    await t.throwsAsync(log.append(encode('x'), { streams: Array.from({ length: 65 }, (_, i) => 16 + i) }), {
      code: 'BAD_ARGUMENT',
    })
    t.is((await log.tail()).tail, tail)
  })

  clusters('the largest entry on the most streams goes through, an empty one too', async (t, log) => {
    const largest = await log.append(new Uint8Array(limits.entryBytesMax).fill(7), {
      streams: Array.from({ length: 64 }, (_, i) => 16 + i),
    })
    const empty = await log.append(new Uint8Array(0), { streams: [0xffff_ffff] })
    const back = await log.read(largest.position)
    t.is(back.kind === 'data' ? back.entry.payload.byteLength : 0, limits.entryBytesMax)
    t.deepEqual(
      (await log.readStream({ stream: 0xffff_ffff })).map(({ position }) => position),
      [empty.position],
    )
  })

  clusters('positions that are none are refused', async (t, log) => {
    await t.throwsAsync(log.read(-1), { code: 'BAD_ARGUMENT' })
    await t.throwsAsync(log.read(1.5), { code: 'BAD_ARGUMENT' })
    await t.throwsAsync(log.read(Number.NaN), { code: 'BAD_ARGUMENT' })
    await t.throwsAsync(log.fill(2 ** 53), { code: 'BAD_ARGUMENT' })
    await t.throwsAsync(log.trim(-5), { code: 'BAD_ARGUMENT' })
  })

  clusters(
    'P72: a call whose signal is aborted ends with ABORTED, and says whether it may take effect',
    async (t, log) => {
      await log.append(encode('warm'))
      const stop = new AbortController()
      const appending = log.append(encode('perhaps'), { signal: stop.signal })
      // By the end of this turn of promises its token is asked for.
      await Promise.resolve()
      const waiting = log.append(encode('waits'), { signal: stop.signal })
      stop.abort()
      t.like(await t.throwsAsync(appending), { code: 'ABORTED', next: 'unknown' })
      t.like(await t.throwsAsync(waiting), {
        code: 'ABORTED',
        next: 'again',
        message: 'append was aborted before anything was sent',
      })
      t.like(await t.throwsAsync(log.tail({ signal: AbortSignal.abort() })), { code: 'ABORTED', next: 'again' })
      t.like(await t.throwsAsync(log.append(encode('never'), { signal: stop.signal })), {
        code: 'ABORTED',
        next: 'again',
      })
      t.is((await log.read(0, { signal: new AbortController().signal })).kind !== undefined, true)
    },
  )

  clusters('a closed client refuses everything, also what was waiting', async (t, log, more) => {
    const other = await more()
    await other.append(encode('warm'))
    const waiting = t.throwsAsync(other.append(encode('waiting')), { code: 'CLOSED' })
    await other.close()
    await waiting
    await t.throwsAsync(other.append(encode('late')), { code: 'CLOSED' })
    await t.throwsAsync(other.read(0), { code: 'CLOSED' })
    await t.throwsAsync(other.tail(), { code: 'CLOSED' })
    await t.throwsAsync(other.readStream({ stream: 21 }), { code: 'CLOSED' })
    t.is((await log.append(encode('others go on'))).position > 0, true)
  })
}
