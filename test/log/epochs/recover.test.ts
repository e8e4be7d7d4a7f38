/** Recovery: units that have lost different things, over connections in memory. */
import test, { type ExecutionContext } from 'ava'
import { LogClient } from '../../../log/client/client.ts'
import { Cluster } from '../../../log/cluster/cluster.ts'
import { clusterSeed, encodeEntry } from '../../../log/entry.ts'
import { surveyRecovery } from '../../../log/epochs/chain-report.ts'
import { init } from '../../../log/epochs/genesis.ts'
import { reconfigure } from '../../../log/epochs/reconfigure.ts'
import { recover, type Decision } from '../../../log/epochs/recover.ts'
import { systemClock } from '../../../log/io/clock.ts'
import { systemRandom } from '../../../log/io/random.ts'
import { openSegment, type Layout } from '../../../log/layout.ts'
import { limits as usual, type Limits } from '../../../log/limits.ts'
import type { Ports, Register } from '../../../log/ports.ts'
import { MemoryStore, memoryRegister } from '../../../log/unit/memory-store.ts'
import { UnitServer } from '../../../log/unit/server.ts'
import type { Commit } from '../../../log/unit/store.ts'
import { AcceptedAnswer, Empty, Identity, Promised, Sealed } from '../../../log/wire/control.ts'
import { FRAME_HEAD_BYTES } from '../../../log/wire/frame.ts'
import { memoryTransport } from '../../../log/wire/memory-transport.ts'
import { STORE_HEAD_BYTES, readOffered, sealStore, writeRestore } from '../../../log/wire/messages.ts'

const limits: Limits = { ...usual, requestMs: 2_000 }
const WINDOW = 8

/** A disk that remembers its commits, so that it can lose some, and whose rows can be damaged. */
class LosingStore extends MemoryStore {
  readonly commits: Commit[] = []
  damagedRow = -1
  reads = 0
  override apply(commit: Commit): Error | undefined {
    const error = super.apply(commit)
    if (error === undefined) this.commits.push(commit)
    return error
  }

  override read(row: number): Uint8Array | undefined {
    this.reads++
    const bytes = super.read(row)
    return row === this.damagedRow ? bytes?.map((byte) => byte ^ 255) : bytes
  }

  /** The same disk without some of its rows, by their numbers. */
  without(identity: string, lost: readonly number[]): LosingStore {
    const other = new LosingStore(identity)
    for (const commit of this.commits) {
      other.apply(lost.includes(commit.row?.id ?? 0) ? { ...commit, row: undefined } : commit)
    }
    return other
  }
}

/** One chain of units `a`, `b`, ... under epoch 1, every store a row of its own: the row of position 0 is 1. */
class Bench {
  readonly ports: Ports = { clock: systemClock, random: systemRandom, transport: memoryTransport(systemClock) }
  readonly operator: Cluster
  readonly #servers = new Map<string, UnitServer>()
  readonly #stores = new Map<string, LosingStore>()
  readonly #registers = new Map<string, Register>()

  constructor(names: readonly string[]) {
    this.operator = new Cluster({ ports: this.ports, limits, name: 'operator', addresses: names })
  }

  static async start(t: ExecutionContext, ...names: readonly string[]): Promise<Bench> {
    const bench = new Bench(names)
    for (const name of names) await bench.unit(name, new LosingStore(name))
    t.teardown(() => bench.close())
    await init(bench.operator, { chains: [names], window: WINDOW })
    return bench
  }

  async unit(name: string, store: LosingStore): Promise<void> {
    const kept = this.#registers.get(name) ?? memoryRegister()
    const server = new UnitServer({ ports: this.ports, limits, store, register: kept, address: name, name })
    this.#stores.set(name, store)
    this.#registers.set(name, kept)
    this.#servers.set(name, server)
    await server.listen()
  }

  get layout(): Layout {
    if (this.operator.layout === undefined) throw new Error('no layout')
    return this.operator.layout
  }

  /** Puts an entry on some units only. */
  async store(position: number, text: string, ...units: readonly string[]): Promise<void> {
    const { cluster, epoch } = this.layout
    const entry = encodeEntry(
      clusterSeed(cluster),
      { position, epoch, writer: 1, logTime: 0, streams: [], previous: [] },
      new TextEncoder().encode(text),
    )
    await Promise.all(
      units.map(
        (unit) =>
          new Promise<void>((resolve, reject) => {
            const frame = new Uint8Array(FRAME_HEAD_BYTES + STORE_HEAD_BYTES + entry.byteLength)
            frame.set(entry, FRAME_HEAD_BYTES + STORE_HEAD_BYTES)
            const request = this.operator.peers.context.nextRequest()
            this.operator.peer(unit).call('store', request, sealStore(frame, epoch, 1, request), (error) => {
              if (error === undefined) resolve()
              else reject(error)
            })
          }),
      ),
    )
  }

  /** `value 0` to `value 3` on all units, and an epoch that makes them decided, with a window of junk behind them. */
  async fourDecided(...units: readonly string[]): Promise<void> {
    for (const position of [0, 1, 2, 3]) await this.store(position, `value ${position}`, ...units)
    await this.unit('spare', new LosingStore('spare'))
    await reconfigure(this.operator, { spares: ['spare'] })
  }

  server(name: string): UnitServer {
    const server = this.#servers.get(name)
    if (server === undefined) throw new Error(`no unit ${name}`)
    return server
  }

  async stop(name: string): Promise<void> {
    await this.#servers.get(name)?.close()
  }

  /** Starts a unit again on a disk that has lost rows. */
  async restart(name: string, ...lost: readonly number[]): Promise<void> {
    await this.stop(name)
    // Whoever had a connection learns that it is gone.
    await this.operator
      .peer(name)
      .control('identify', {}, Identity)
      .catch(() => undefined)
    await this.unit(name, (this.#stores.get(name) ?? new LosingStore(name)).without(name, lost))
  }

  /** The unit's next start finds no register. */
  loseRegister(name: string): void {
    this.#registers.set(name, memoryRegister())
  }
  written(name: string): string | undefined {
    return this.#registers.get(name)?.read()
  }

  /** How often bytes of entries were read from a disk. */
  get reads(): number {
    return [...this.#stores.values()].reduce((sum, store) => sum + store.reads, 0)
  }

  damage(name: string, row: number): void {
    const store = this.#stores.get(name)
    if (store !== undefined) store.damagedRow = row
  }

  /** What positions hold now: texts, or what else they are. */
  async read(...positions: readonly number[]): Promise<string[]> {
    const client = new LogClient({ ports: this.ports, limits, name: 'reader', addresses: ['a', 'b', 'c'] })
    try {
      return await Promise.all(
        positions.map(async (position) => {
          const found = await client.read(position)
          return found.kind === 'data' ? new TextDecoder().decode(found.entry.payload) : found.kind
        }),
      )
    } finally {
      await client.close()
    }
  }

  async close(): Promise<void> {
    this.operator.close()
    for (const server of this.#servers.values()) await server.close()
  }
}

const chainsOf = (layout: Layout): string[][] =>
  openSegment(layout).chains.map((chain) => chain.map(({ identity }) => identity))

test('one disk is gone, the other lost its last rows: what nobody has becomes junk if accepted', async (t) => {
  const bench = await Bench.start(t, 'a', 'b')
  await bench.fourDecided('a', 'b')
  await bench.stop('b')
  // Rows 3 and 4 are positions 2 and 3, row 5 is the junk up to the tail.
  await bench.restart('a', 3, 4, 5)
  const {
    chains: [chain],
  } = await surveyRecovery(bench.operator)
  t.like(chain, {
    needed: true,
    target: 'a',
    decidedBelow: 4 + WINDOW,
    lost: [{ from: 2, to: 4 + WINDOW, step: 1 }],
    lostCount: 2 + WINDOW,
    single: [{ from: 0, to: 2, step: 1 }],
    conflictCount: 0,
    gone: [{ address: 'b', identity: 'b' }],
  })
  t.like(
    chain?.there.find(({ identity }) => identity === 'a'),
    { isWhole: false, holds: 2, lacks: 2 + WINDOW, firstLacking: 2 },
  )
  await t.throwsAsync(recover(bench.operator), { code: 'UNREACHABLE', message: /--without b/ })
  await t.throwsAsync(recover(bench.operator, { without: ['b'] }), {
    code: 'BAD_ARGUMENT',
    message: /10 positions of chain 0 .* are lost for ever, from 2 on: say --accept-loss/,
  })
  const decisions: Decision[] = []
  const layout = await recover(bench.operator, {
    without: ['b'],
    acceptLoss: true,
    decided: (decision) => {
      decisions.push(decision)
    },
  })
  t.deepEqual([layout.epoch, chainsOf(layout)], [3, [['a']]])
  t.deepEqual(decisions, [
    { from: 2, to: 4 + WINDOW, step: 1, chain: 0, unit: 'a', source: undefined, value: 'junk', why: 'lost' },
  ])
  t.deepEqual(await bench.read(0, 1, 2, 3, 4), ['value 0', 'value 1', 'junk', 'junk', 'junk'])
})

test(
  'L2: units that have lost different things: nothing is lost, the one that lacks least takes it from the '
    + 'other, which joins anew',
  async (t) => {
    const bench = await Bench.start(t, 'a', 'b')
    await bench.fourDecided('a', 'b')
    await bench.restart('a', 3, 4, 5)
    await bench.restart('b')
    bench.damage('b', 1)
    const decisions: Decision[] = []
    const layout = await recover(bench.operator, {
      decided: (decision) => {
        decisions.push(decision)
      },
    })
    t.deepEqual(decisions, [
      { from: 0, to: 1, step: 1, chain: 0, unit: 'b', source: 'a', value: 'data', why: 'decided' },
    ])
    t.deepEqual(chainsOf(layout), [['b', 'a']])
    t.deepEqual(
      layout.segments.map(({ chains }) => chains.map((chain) => chain.map(({ identity }) => identity))),
      [[['b']], [['b', 'a']]],
    )
    t.deepEqual(await bench.read(0, 1, 2, 3), ['value 0', 'value 1', 'value 2', 'value 3'])
  },
)

test('P46: two different values of one position stop it, until somebody says which one stays', async (t) => {
  const bench = await Bench.start(t, 'a', 'b')
  await bench.fourDecided('a', 'b')
  const { tail } = bench.layout
  await bench.store(tail, 'of a', 'a')
  await bench.store(tail, 'of b', 'b')
  await bench.restart('a', 2)
  await bench.restart('b', 3)
  const {
    chains: [chain],
  } = await surveyRecovery(bench.operator)
  t.deepEqual(
    chain?.conflicts.map(({ position, decided, values }) => [
      position,
      decided,
      values.map(({ address, kind }) => `${address} ${kind}`),
    ]),
    [[tail, false, ['a data', 'b data']]],
  )
  await t.throwsAsync(recover(bench.operator), {
    code: 'BAD_ARGUMENT',
    message: new RegExp(`position ${tail} has different values at a and b: say which stays with --take ${tail}=a`),
  })
  await t.throwsAsync(recover(bench.operator, { take: new Map([[tail, 'c']]) }), {
    code: 'BAD_ARGUMENT',
    message: /c has no value of position/,
  })
  await t.throwsAsync(
    recover(bench.operator, {
      take: new Map([
        [tail, 'b'],
        [1, 'b'],
      ]),
    }),
    { code: 'BAD_ARGUMENT', message: /position 1 has no two values/ },
  )
  await recover(bench.operator, { take: new Map([[tail, 'b']]) })
  t.deepEqual(await bench.read(0, 1, 2, 3, tail), ['value 0', 'value 1', 'value 2', 'value 3', 'of b'])
})

test('Y4: while a whole unit answers it is refused, and so is leaving that one out', async (t) => {
  const bench = await Bench.start(t, 'a', 'b')
  await bench.fourDecided('a', 'b')
  await bench.restart('a', 3, 4, 5)
  const { epoch } = bench.layout
  await t.throwsAsync(recover(bench.operator, { acceptLoss: true }), {
    code: 'CONFLICT',
    message: /nothing has to be recovered/,
  })
  await t.throwsAsync(recover(bench.operator, { without: ['b'], acceptLoss: true }), {
    code: 'NOT_WHOLE',
    message: /the unit at b has all of chain 0/,
  })
  t.is((await bench.operator.peer('b').control('identify', {}, Identity)).sealed, epoch)
  t.deepEqual(chainsOf(await reconfigure(bench.operator, {})), [['b', 'a']])
  t.deepEqual(await bench.read(0, 1, 2, 3), ['value 0', 'value 1', 'value 2', 'value 3'])
})

test('Y4: a healthy cluster is refused before anything is read, a damaged one is not', async (t) => {
  const bench = await Bench.start(t, 'a', 'b')
  await bench.fourDecided('a', 'b')
  const read = bench.reads
  await t.throwsAsync(recover(bench.operator), { code: 'CONFLICT', message: /^epoch 2 is open, all its units serve/ })
  t.is(bench.reads, read)
  bench.damage('a', 1)
  t.false(bench.server('a').unit.state.recheck(0))
  await t.throwsAsync(recover(bench.operator), { code: 'CONFLICT', message: /^every chain has a whole unit/ })
  t.true(bench.reads > read)
})

test(
  'Y4: the only unit that is left lacks what it knows decided: an ordinary reconfiguration stops and names '
    + 'recovery',
  async (t) => {
    const bench = await Bench.start(t, 'a', 'b')
    await bench.fourDecided('a', 'b')
    await bench.stop('b')
    await bench.restart('a', 3)
    await t.throwsAsync(reconfigure(bench.operator, { drop: ['b'] }), {
      code: 'NOT_WHOLE',
      message: /see sirtaki recover/,
    })
  },
)

test('no unit of the chain answers, or a majority of acceptors is gone: refused, and nothing is changed', async (t) => {
  const bench = await Bench.start(t, 'a', 'b')
  await bench.fourDecided('a', 'b')
  await bench.restart('b', 3)
  await Promise.all([bench.stop('a'), bench.stop('spare')])
  await t.throwsAsync(recover(bench.operator, { without: ['a'], acceptLoss: true }), {
    code: 'UNREACHABLE',
    message: /acceptors are gone/,
  })
  await t.throwsAsync(recover(bench.operator, { without: ['nobody'] }), {
    code: 'BAD_ARGUMENT',
    message: /no unit of epoch 2 is called nobody/,
  })
})

test(
  'a unit that had copied a part of the closed positions only when their last member was lost goes on with '
    + 'that part',
  async (t) => {
    const bench = await Bench.start(t, 'a')
    await bench.fourDecided('a')
    await bench.unit('b', new LosingStore('b'))
    const { tail } = await reconfigure(bench.operator, { join: [{ address: 'b' }] })
    const { held } = bench.server('a').unit.copies.copyOut({ from: 0, to: 2, index: 0, step: 1 }, 1 << 20)
    await bench.server('b').change((unit) => unit.copies.copyIn({ held, junk: [] }))
    await bench.store(tail, 'value of both', 'a', 'b')
    await bench.stop('a')
    const { chains } = await surveyRecovery(bench.operator)
    t.deepEqual(
      chains.map(({ from, to, needed, target, lostCount }) => [from, to, needed, target, lostCount]),
      [
        [0, tail, true, 'b', tail - 2],
        [tail, null, false, 'b', 0],
      ],
    )
    const layout = await recover(bench.operator, { without: ['a'], acceptLoss: true })
    t.deepEqual(
      layout.segments.map(({ from, chains: now }) => [from, now.map((chain) => chain.map(({ identity }) => identity))]),
      [[0, [['b']]]],
    )
    t.deepEqual(await bench.read(0, 1, 2, 3, tail), ['value 0', 'value 1', 'junk', 'junk', 'value of both'])
  },
)

test('L6: a unit is restored only while it is sealed for that slot; what is decided stays', async (t) => {
  const bench = await Bench.start(t, 'a', 'b')
  await bench.fourDecided('a', 'b')
  await bench.restart('a', 3)
  const { cluster, epoch } = bench.layout
  const restore = (slot: number, below: number, positions: readonly number[]): Promise<Uint8Array> =>
    bench.operator
      .peer('a')
      .request(
        'restore',
        writeRestore({ epoch: slot, below, offers: positions.map((position) => ({ position, bytes: undefined })) }),
      )
  await t.throwsAsync(restore(epoch + 1, 0, [2]), { code: 'EPOCH' })
  await bench.operator.peer('a').control('seal', { cluster, slot: epoch + 1 }, Sealed)
  await t.throwsAsync(restore(epoch, 0, [2]), { code: 'EPOCH' })
  await t.throwsAsync(restore(epoch + 1, 4, []), { code: 'YOUNG', message: /position 2 below 4/ })
  // 2 is empty and takes the junk, 1 is decided and stays.
  t.deepEqual(
    readOffered(await restore(epoch + 1, 4, [1, 2])).results.map(({ status }) => status),
    [4, 0],
  )
  await bench.operator.peer('b').control('seal', { cluster, slot: epoch + 1 }, Sealed)
  const layout = await reconfigure(bench.operator, { restored: [{ from: 0, identity: 'a' }] })
  await t.throwsAsync(
    bench.operator.peer('a').request('restore', writeRestore({ epoch: layout.epoch, below: 0, offers: [] })),
    { code: 'EPOCH' },
  )
  t.deepEqual(await bench.read(0, 1, 3), ['value 0', 'value 1', 'value 3'])
  await t.notThrowsAsync(
    bench.operator.peer('a').control('decidedBelow', { epoch: layout.epoch, tail: layout.tail }, Empty),
  )
})

test(
  'P45: a sole unit that lost its register says so and writes no other one, until somebody goes on without '
    + 'its acceptor',
  async (t) => {
    const bench = await Bench.start(t, 'a')
    await bench.fourDecided('a')
    await bench.stop('spare')
    bench.loseRegister('a')
    await bench.restart('a')
    t.regex(
      bench.server('a').registerLost ?? '',
      /register of the acceptor that epoch 2 names here \(a\) is lost.*recover --without-acceptors/,
    )
    t.is(bench.written('a'), undefined)
    await t.throwsAsync(reconfigure(bench.operator, {}), {
      code: 'DAMAGED',
      message: /register of the acceptor at a is lost.*--without-acceptors/,
    })
    await t.throwsAsync(recover(bench.operator, { without: ['spare'] }), {
      code: 'UNREACHABLE',
      message: /1 of 1 acceptors are gone, or have lost their registers.*--without-acceptors/,
    })
    t.is(bench.written('a'), undefined)
    const layout = await recover(bench.operator, { without: ['spare'], withoutAcceptors: true })
    t.deepEqual(
      [layout.epoch, chainsOf(layout), layout.acceptors],
      [3, [['a']], [{ identity: bench.server('a').acceptor.identity, address: 'a' }]],
    )
    t.is(bench.server('a').registerLost, undefined)
    t.true(bench.written('a')?.includes(bench.server('a').acceptor.identity))
    t.deepEqual(await bench.read(0, 3, 4), ['value 0', 'value 3', 'junk'])
    await t.throwsAsync(recover(bench.operator, { withoutAcceptors: true }), {
      code: 'CONFLICT',
      message: /1 of the 1 acceptors answer, a majority/,
    })
    t.is((await reconfigure(bench.operator, {})).epoch, 3)
  },
)

test('P45: two units whose only acceptor is gone with its disk: the other one goes on alone', async (t) => {
  const bench = await Bench.start(t, 'a', 'b')
  await bench.store(0, 'value 0', 'a', 'b')
  await bench.stop('a')
  await t.throwsAsync(recover(bench.operator, { without: ['a'] }), {
    code: 'UNREACHABLE',
    message: /when you know that none of them will ever run again/,
  })
  const layout = await recover(bench.operator, { without: ['a'], withoutAcceptors: true })
  t.deepEqual([layout.epoch, chainsOf(layout), layout.acceptors.map(({ address }) => address)], [2, [['b']], ['b']])
  t.deepEqual(await bench.read(0), ['value 0'])
})

test(
  'P45: an epoch that the lost majority may have agreed on is adopted where one of those that live has '
    + 'accepted it',
  async (t) => {
    const bench = await Bench.start(t, 'a', 'b', 'c')
    const { cluster } = bench.layout
    const proposed = { ...bench.layout, epoch: 2, window: 16, tail: WINDOW }
    for (const name of ['a', 'b', 'c']) {
      await bench.operator
        .peer(name)
        .control('prepare', { cluster, slot: 2, rank: { round: 1, proposer: 'p' }, base: bench.layout }, Promised)
      await bench.operator
        .peer(name)
        .control('accept', { cluster, slot: 2, rank: { round: 1, proposer: 'p' }, layout: proposed }, AcceptedAnswer)
    }
    for (const name of ['a', 'b']) {
      bench.loseRegister(name)
      await bench.restart(name)
    }
    const layout = await recover(bench.operator, { withoutAcceptors: true })
    t.deepEqual([layout.epoch > 2, layout.window], [true, 16])
  },
)
