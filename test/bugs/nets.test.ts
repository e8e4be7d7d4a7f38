/** What a unit refuses though no right client asks for it: nets below nets, which no run of the simulator gets to. */
import test from 'ava'
import { KIND_DATA, KIND_JUNK, JUNK_HASH, clusterSeed, encodeEntry } from '../../log/entry.ts'
import type { Layout } from '../../log/layout/layout.ts'
import { limits } from '../../log/limits.ts'
import { DECIDED_OTHER, TRIMMED } from '../../log/wire/messages.ts'
import { Unit } from '../../log/unit/unit.ts'

const second: Layout = {
  cluster: 'c', epoch: 1, acceptors: [{ identity: 'a', address: 'a:1' }], sequencer: null, tail: 8, window: 8, trim: 0, logTime: 0, featureLevel: 1, spares: [], absent: [], drops: [],
  segments: [{ from: 0, to: null, kind: 'chain', chains: [[{ identity: 'first', boot: 'boot', address: 'a:1' }, { identity: 'second', boot: 'boot', address: 'b:1' }]] }],
}

/** The second unit of a chain, at epoch 1 with tail 8. */
function unit(): Unit {
  const made = new Unit({ image: { identity: 'second', meta: undefined, epoch: 0, salvaged: false, headers: [] }, boot: 'boot', limits, readRow: () => undefined })
  made.genesis(second)
  return made
}

const entry = (position: number, text: string): Uint8Array => encodeEntry(clusterSeed('c'), { position, epoch: 1, writer: 1, logTime: 0, streams: [], previous: [] }, new TextEncoder().encode(text))
const hashOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true)

test('L1: a force never replaces a decided value', (t) => {
  const one = unit()
  one.store(1, 1, entry(8, 'decided'))
  one.mark(1, 8, hashOf(entry(8, 'decided')), KIND_DATA)
  t.is(one.force(1, [{ position: 8, bytes: entry(8, 'other') }]).results[0]?.status, DECIDED_OTHER)
  t.is(one.force(1, [{ position: 8, bytes: undefined }]).results[0]?.status, DECIDED_OTHER)
  t.is(one.state.index.hash(8), hashOf(entry(8, 'decided')))
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

test('L8: below the trim mark nothing is taken and nothing is told but trimmed', (t) => {
  const one = unit()
  one.junk(1, false, [{ from: 0, to: 8, step: 1 }])
  one.decidedBelow(1, 8)
  one.trim(1, 8)
  t.is(one.force(1, [{ position: 7, bytes: entry(7, 'late') }]).results[0]?.status, TRIMMED)
})
