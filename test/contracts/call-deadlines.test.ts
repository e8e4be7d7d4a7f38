/**
 * Every call of log and objects ends within its deadline, or when its signal aborts, whoever hangs. In real time:
 * each wait counts.
 *
 * Read next: `../../log/cluster/calls.ts`.
 */
import { createServer } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { LogClient } from '../../log/client/client.ts'
import { Cluster } from '../../log/cluster/cluster.ts'
import { init } from '../../log/epochs/genesis.ts'
import { asError } from '../../log/errors.ts'
import { makeClock } from '../../log/io/clock.ts'
import { systemRandom as random } from '../../log/io/random.ts'
import { limits as usual } from '../../log/limits.ts'
import type { Ports, Transport } from '../../log/ports.ts'
import { MemoryStore, memoryRegister } from '../../log/unit/memory-store.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { memoryTransport } from '../../log/wire/memory-transport.ts'
import { ObjectClient } from '../../objects/client.ts'
import { Counter } from '../../objects/counter/type.ts'
import { connectLog } from '../../sequencer/connect.ts'
// Loading what `file:` needs is no part of what is measured.
import '../../sequencer/file.ts'
import { SequencerServer } from '../../sequencer/server.ts'
import { makeFolder } from '../log/io/folder.ts'

const LIMIT_MS = 150
/** What a call may take beyond its deadline. */
const GRACE_MS = 50
/** What closing takes at most: calls under way have a second, and the end of the session has two. */
const CLOSE_MS = 3_000
const UNITS = ['a', 'b']
const limits = { ...usual, window: 64 }

/** A store whose disk can hang: what is to be committed then never is. */
class HangingStore extends MemoryStore {
  hangs = false
  override commit(...commit: Parameters<MemoryStore['commit']>): void {
    if (!this.hangs) super.commit(...commit)
  }
}

/** A cluster of two units and a sequencer, each of which can be made to hang. */
class World {
  readonly clock = makeClock()
  readonly #silent = new Set<string>()
  readonly #stores = new Map<string, HangingStore>()
  readonly #ends: (() => Promise<void>)[] = []
  readonly #inner = memoryTransport(this.clock)

  static async start(): Promise<World> {
    const world = new World()
    const ports: Ports = { clock: world.clock, random, transport: world.#inner }
    for (const address of UNITS) {
      const store = new HangingStore(random.id())
      const unit = new UnitServer({
        ports,
        limits,
        store,
        register: memoryRegister(),
        address,
        name: address,
      })
      world.#stores.set(address, store)
      await unit.listen()
      world.#ends.push(() => unit.close())
    }
    const operator = new Cluster({ ports, limits, name: 'operator', addresses: UNITS })
    await init(operator, { chains: [UNITS], window: limits.window })
    operator.close()
    const sequencer = new SequencerServer({ ports, limits, address: 'sequencer', name: 'sequencer', units: UNITS })
    await sequencer.listen()
    await sequencer.start()
    world.#ends.unshift(() => sequencer.close())
    return world
  }

  client(requestMs = limits.requestMs): LogClient {
    return new LogClient({
      ports: { clock: this.clock, random, transport: this.#transport() },
      limits: { ...limits, requestMs },
      name: 'client',
      addresses: UNITS,
    })
  }

  /** A peer that accepts connections and says nothing, and a disk that never writes. */
  hang(who: string): void {
    const store = this.#stores.get(who.replace('disk of ', ''))
    if (who.startsWith('disk') && store !== undefined) store.hangs = true
    else this.#silent.add(who)
  }

  mend(who: string): void {
    this.#silent.delete(who)
  }

  #transport(): Transport {
    return {
      ...this.#inner,
      connect: (address, events) => {
        const connection = this.#inner.connect(address, {
          ...events,
          data: (bytes) => {
            if (!this.#silent.has(address)) events.data(bytes)
          },
        })
        return {
          remote: address,
          get buffered() {
            return connection.buffered
          },
          close: () => {
            connection.close()
          },
          write: (pieces) => {
            if (!this.#silent.has(address)) connection.write(pieces)
          },
        }
      },
    }
  }

  async close(): Promise<void> {
    for (const end of this.#ends) await end()
  }
}

type Bounds = { readonly timeoutMs?: number; readonly signal?: AbortSignal }
interface Ground {
  readonly log: LogClient
  readonly objects: ObjectClient
  add(options: Bounds): Promise<unknown>
}

const bytes = Uint8Array.of(1)
/** Each call with what a caller may do who gives up: `unknown` where something was sent that takes effect. */
const calls: Readonly<Record<string, (ground: Ground, bounds: Bounds) => Promise<unknown>>> = {
  append: ({ log }, bounds) => log.append(bytes, { ...bounds, streams: [20] }),
  appendMany: ({ log }, bounds) => log.appendMany([bytes, bytes], bounds),
  read: ({ log }, bounds) => log.read(70, bounds),
  'read what is there': ({ log }, bounds) => log.read(1, bounds),
  readStream: ({ log }, bounds) => log.readStream({ ...bounds, stream: 20 }),
  tail: ({ log }, bounds) => log.tail({ ...bounds, streams: [20] }),
  'plain tail': ({ log }, bounds) => log.tail({ ...bounds, linearizable: false }),
  fill: ({ log }, bounds) => log.fill(0, bounds),
  trim: ({ log }, bounds) => log.trim(1, bounds),
  op: ({ add }, bounds) => add(bounds),
  sync: ({ objects }, bounds) => objects.sync(bounds),
  'sync to a position': ({ objects }, bounds) => objects.sync({ ...bounds, atLeast: 60 }),
  open: ({ objects }, bounds) => objects.open(Counter, '/other', bounds),
}
const mayTakeEffect = new Set(['append', 'appendMany', 'trim', 'op'])

/** Runs all calls at once beside a hung peer; gives what is wrong. */
async function offences(t: ExecutionContext, who: string, bounds: () => Bounds): Promise<string[]> {
  const world = await World.start()
  const log = world.client()
  const objects = new ObjectClient(log)
  const counter = await objects.open(Counter, '/hits')
  await counter.add({ by: 1 })
  await log.append(bytes, { streams: [20] })
  world.hang(who)
  const started = performance.now()
  // Judged by a timer of the same length: how late a busy machine is is not ours.
  const due = new Promise<number>((done) => {
    setTimeout(() => {
      done(performance.now())
    }, LIMIT_MS)
  })
  const ended = await Promise.all(
    Object.entries(calls).map(async ([name, call]) => {
      const error = await call({ log, objects, add: (options) => counter.add({ by: 1 }, options) }, bounds()).then(
        () => undefined,
        (thrown: unknown) => asError(thrown),
      )
      return { name, error, at: performance.now() }
    }),
  )
  const limit = (await due) + GRACE_MS
  const wrong = ended.flatMap(({ name, error, at }) => {
    const told =
      `${name} with ${who} hanging: ${error?.code ?? 'done'}/${error?.next ?? ''} after `
      + `${Math.round(at - started)} ms: ${error?.message ?? ''}`
    if (at > limit) return [told]
    if (error === undefined) return []
    const isFine =
      (error.code === 'TIMEOUT' || error.code === 'ABORTED')
      && (error.next === 'again' || (error.next === 'unknown' && mayTakeEffect.has(name)))
    return isFine ? [] : [told]
  })
  t.true(
    ended.some(({ error }) => error !== undefined),
    `nothing waited for ${who}`,
  )
  const closing = performance.now()
  await objects.close()
  await log.close()
  if (performance.now() - closing > CLOSE_MS + GRACE_MS) {
    wrong.push(`close with ${who} hanging: ${Math.round(performance.now() - closing)} ms`)
  }
  await world.close()
  return wrong
}

/** Gives what is wrong every time: a busy machine may stop this process for longer than a call may be late. */
async function always(run: () => Promise<string[]>): Promise<string[]> {
  const wrong = await run()
  return wrong.length === 0 ? wrong : (await run()).length === 0 ? [] : run()
}

for (const who of ['a', 'b', 'sequencer', 'disk of a', 'disk of b']) {
  test.serial(`P72: every call ends within its deadline while ${who} hangs`, async (t) => {
    t.deepEqual(await always(() => offences(t, who, () => ({ timeoutMs: LIMIT_MS }))), [])
  })
  test.serial(`P72: every call ends when its signal aborts while ${who} hangs`, async (t) => {
    t.deepEqual(await always(() => offences(t, who, () => ({ signal: AbortSignal.timeout(LIMIT_MS) }))), [])
  })
}

test.serial('P72: a subscription ends when its signal aborts while everybody hangs', async (t) => {
  const world = await World.start()
  const log = world.client()
  t.teardown(async () => {
    await log.close()
    await world.close()
  })
  for (const who of [...UNITS, 'sequencer']) world.hang(who)
  const started = performance.now()
  for await (const entry of log.subscribe({ stream: 20, signal: AbortSignal.timeout(LIMIT_MS) })) {
    t.fail(`${entry.position}`)
  }
  t.true(performance.now() - started < LIMIT_MS + 4 * GRACE_MS)
})

test.serial('P72: what calls share goes on for those that still wait when one of them has given up', async (t) => {
  const world = await World.start()
  const log = world.client(400)
  t.teardown(async () => {
    await log.close()
    await world.close()
  })
  await log.tail()
  world.hang('sequencer')
  const patient = log.tail({ timeoutMs: 10_000 })
  t.like(await t.throwsAsync(log.tail({ timeoutMs: 50 })), { code: 'TIMEOUT', next: 'again' })
  world.mend('sequencer')
  t.true((await patient).tail > 0)
})

test.serial('P72: the error of a call that took too long says who owes the answer', async (t) => {
  const world = await World.start()
  const log = world.client()
  t.teardown(async () => {
    await log.close()
    await world.close()
  })
  await log.append(bytes)
  world.hang('b')
  t.regex(
    (await t.throwsAsync(log.append(bytes, { timeoutMs: 50 }))).message,
    /^append at position \d+ was not done within \d+ ms \(b has not answered store for \d+ ms\); it may still take eff/,
  )
})

test.serial(
  'P72: connecting ends within its deadline, and when its signal aborts, where a server accepts and says nothing',
  async (t) => {
    const server = createServer((socket) => {
      t.teardown(() => {
        socket.destroy()
      })
    })
    await new Promise<void>((done) => {
      server.listen(0, '127.0.0.1', done)
    })
    t.teardown(() => {
      server.close()
    })
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const folder = makeFolder(t)
    const silent = createServer((socket) => {
      t.teardown(() => {
        socket.destroy()
      })
    })
    await new Promise<void>((done) => {
      silent.listen(`${folder}/unit.sock`, done)
    })
    t.teardown(() => {
      silent.close()
    })
    t.deepEqual(
      await always(() => lateConnects([`tcp://127.0.0.1:${port}`, `unix:${folder}/unit.sock`, `file:${folder}`])),
      [],
    )
  },
)

async function lateConnects(targets: readonly string[]): Promise<string[]> {
  const connecting = targets.flatMap((target) => [
    { target, bounds: { timeoutMs: LIMIT_MS } },
    { target, bounds: { signal: AbortSignal.timeout(LIMIT_MS) } },
  ])
  const started = performance.now()
  const due = new Promise<number>((done) => {
    setTimeout(() => {
      done(performance.now())
    }, LIMIT_MS)
  })
  const ended = await Promise.all(
    connecting.map(async ({ target, bounds }) => {
      const error = await connectLog(target, bounds).then(
        async ({ close }) => {
          await close()
          return undefined
        },
        (thrown: unknown) => asError(thrown),
      )
      return {
        told: `${target}: ${error?.code}/${error?.next} after ${Math.round(performance.now() - started)} ms`,
        error,
        at: performance.now(),
      }
    }),
  )
  const limit = (await due) + GRACE_MS
  return ended
    .filter(({ error, at }) => at > limit || error === undefined || error.next !== 'again')
    .map(({ told }) => told)
}
