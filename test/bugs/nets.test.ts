/** What a unit refuses though no right client asks for it: nets below nets, which no run of the simulator gets to. */
import test from 'ava'
import { KIND_DATA, KIND_JUNK, JUNK_HASH, clusterSeed, encodeEntry } from '../../log/entry.ts'
import { limits } from '../../log/limits.ts'
import { MemoryStore, memoryRegister } from '../../log/unit/memory-store.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { Unit } from '../../log/unit/unit.ts'
import { DAMAGED_HERE, DECIDED_OTHER, TRIMMED } from '../../log/wire/messages.ts'
import { HandCluster } from '../harness/hand-cluster.ts'
import { layoutOf } from '../log/layouts.ts'

const second = layoutOf({
  cluster: 'c',
  tail: 8,
  window: 8,
  chains: [['first', 'second']],
  acceptors: ['a'],
  boots: { first: 'boot', second: 'boot' },
})

/** The second unit of a chain, at epoch 1 with tail 8. */
function unit(): Unit {
  const made = new Unit({
    image: { identity: 'second', meta: undefined, epoch: 0, salvaged: false, headers: [] },
    boot: 'boot',
    limits,
    readRow: () => undefined,
  })
  made.membership.genesis(second)
  return made
}

const entry = (position: number, text: string): Uint8Array =>
  encodeEntry(
    clusterSeed('c'),
    { position, epoch: 1, writer: 1, logTime: 0, streams: [], previous: [] },
    new TextEncoder().encode(text),
  )
const hashOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true)

test('L1: a force never replaces a decided value', (t) => {
  const one = unit()
  one.store(1, 1, entry(8, 'decided'))
  one.mark(1, 8, hashOf(entry(8, 'decided')), KIND_DATA)
  t.is(one.decisions.force(1, [{ position: 8, bytes: entry(8, 'other') }]).results[0]?.status, DECIDED_OTHER)
  t.is(one.decisions.force(1, [{ position: 8, bytes: undefined }]).results[0]?.status, DECIDED_OTHER)
  t.is(one.state.index.hash(8), hashOf(entry(8, 'decided')))
})

test('L1: the first unit keeps what it holds, whatever a resolver offers', (t) => {
  const one = new Unit({
    image: { identity: 'first', meta: undefined, epoch: 0, headers: [], salvaged: false },
    boot: 'boot',
    limits,
    readRow: () => undefined,
  })
  one.membership.genesis(second)
  one.store(1, 1, entry(8, 'held'))
  one.decisions.settle(1, [{ position: 8, bytes: entry(8, 'other') }])
  t.is(one.state.index.hash(8), hashOf(entry(8, 'held')))
})

test('L6: a store below the tail of the epoch is refused', (t) => {
  t.throws(() => unit().store(1, 1, entry(7, 'late')), { code: 'EPOCH' })
})

test('L5: a mark for another value decides nothing', (t) => {
  const one = unit()
  one.store(1, 1, entry(8, 'held'))
  one.mark(1, 8, hashOf(entry(8, 'other')), KIND_DATA)
  one.mark(1, 8, JUNK_HASH, KIND_JUNK)
  t.false(one.state.isDecided(8))
})

/** A unit whose entry at position 8, decided, has rotted. */
function rotten(): { one: Unit; whole: Uint8Array } {
  const rows = new Map<number, Uint8Array>()
  const image = { identity: 'second', meta: undefined, epoch: 0, headers: [], salvaged: false }
  const made = new Unit({ image, boot: 'boot', limits, readRow: (row) => rows.get(row) })
  made.membership.genesis(second)
  made.takeCommit()
  const whole = entry(8, 'decided')
  made.store(1, 1, whole)
  made.mark(1, 8, hashOf(whole), KIND_DATA)
  made.takeCommit()
  made.state.entries.verify(8, { row: -1, bytes: undefined })
  return { one: made, whole }
}

test('L1: a damaged entry is mended with the very same one only', (t) => {
  const { one, whole } = rotten()
  const other = entry(8, 'other')
  t.false(one.copies.repair(8, hashOf(other), other))
  t.is(one.state.index.hash(8), hashOf(whole))
  t.true(one.copies.repair(8, hashOf(whole), whole))
})

test('L3: a damaged entry is no hole: nothing is stored in its place', (t) => {
  const { one, whole } = rotten()
  t.deepEqual(one.store(1, 1, entry(8, 'other')), new Uint8Array([DAMAGED_HERE]))
  t.is(one.state.index.hash(8), hashOf(whole))
})

test('L1: a copy goes over whatever is here: who comes back may hold what was never decided', (t) => {
  const one = unit()
  one.store(1, 1, entry(8, 'undecided'))
  const bytes = entry(8, 'decided')
  one.copies.copyIn({
    held: [{ position: 8, kind: KIND_DATA, decided: true, damaged: false, hash: hashOf(bytes), bytes }],
    junk: [],
  })
  t.is(one.state.index.hash(8), hashOf(bytes))
})

test('Q4: a unit answers for a stream only from where on it holds everything of its chain', (t) => {
  const one = new Unit({
    image: { identity: 'second', meta: undefined, epoch: 0, headers: [], salvaged: false },
    boot: 'boot',
    limits,
    readRow: () => undefined,
  })
  const [open] = second.segments
  one.membership.genesis({
    ...second,
    segments: [
      { from: 0, to: 8, kind: 'chain', chains: [open?.chains[0]?.slice(0, 1) ?? []] },
      { from: 8, to: null, kind: 'chain', chains: open?.chains ?? [] },
    ],
  })
  t.throws(() => one.readStream({ stream: 1, from: 7, step: 1 }, 1_000), { code: 'WRONG_CHAIN' })
  t.is(one.readStream({ stream: 1, from: 8, step: 1 }, 1_000).count, 0)
})

test('L5: a copy is given decided entries only, and ends before the first that is not', (t) => {
  const one = unit()
  one.store(1, 1, entry(8, 'decided'))
  one.mark(1, 8, hashOf(entry(8, 'decided')), KIND_DATA)
  one.decisions.junk(1, false, [{ from: 0, to: 8, step: 1 }])
  one.membership.decidedBelow(1, 8)
  one.store(1, 1, entry(9, 'undecided'))
  const { to, held } = one.copies.copyOut({ from: 7, to: 16, index: 0, step: 1 }, 1_000_000)
  t.is(to, 9)
  t.deepEqual(
    held.map(({ position }) => position),
    [7, 8],
  )
})

test('L8: below the trim mark nothing is taken and nothing is told but trimmed', (t) => {
  const one = unit()
  one.decisions.junk(1, false, [{ from: 0, to: 8, step: 1 }])
  one.membership.decidedBelow(1, 8)
  one.membership.trim(1, 8)
  t.is(one.decisions.force(1, [{ position: 7, bytes: entry(7, 'late') }]).results[0]?.status, TRIMMED)
})

test('Y1: who has lost its register is another acceptor, and votes no more under the old name', async (t) => {
  const hand = await HandCluster.start()
  const store = new MemoryStore('disk')
  const start = (address: string): UnitServer => {
    return new UnitServer({
      ports: hand.ports(address),
      limits,
      store,
      register: memoryRegister(),
      address,
      name: address,
    })
  }
  t.not(start('before').acceptor.identity, start('after').acceptor.identity)
})
