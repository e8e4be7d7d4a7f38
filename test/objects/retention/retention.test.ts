/**
 * The retention as a machine: what bounds a trim, and who may note what.
 *
 * Read next: `../../../objects/retention/type.ts`, `../../../objects/retention/limit.ts`.
 */
import test from 'ava'
import { limitOf, type Needs, type TrimLimit } from '../../../objects/retention/limit.ts'
import { Retention } from '../../../objects/retention/type.ts'
import { RETENTION_PATH } from '../../../objects/runtime/checkpoint-note.ts'
import { SpaceDriver } from '../space-driver.ts'

const hold = (position: number, name = 'reader') => ({ position, name })
const limits: readonly (readonly [name: string, needs: Needs, limit: TrimLimit])[] = [
  ['nothing is noted', { checkpoints: [], holds: [], archived: null }, { position: 0, by: 'checkpoints' }],
  ['one checkpoint', { checkpoints: [10], holds: [], archived: null }, { position: 0, by: 'checkpoints' }],
  ['two: the second newest', { checkpoints: [10, 20], holds: [], archived: null }, { position: 10, by: 'checkpoints' }],
  [
    'three: the second newest',
    { checkpoints: [10, 20, 30], holds: [], archived: null },
    { position: 20, by: 'checkpoints' },
  ],
  [
    'an archive that is ahead: the newest checkpoint',
    { checkpoints: [10, 20], holds: [], archived: 25 },
    { position: 20, by: 'checkpoints' },
  ],
  ['an archive that is behind', { checkpoints: [10, 20], holds: [], archived: 15 }, { position: 15, by: 'archive' }],
  ['an archive without a checkpoint', { checkpoints: [], holds: [], archived: 15 }, { position: 0, by: 'checkpoints' }],
  [
    'a hold below the checkpoints',
    { checkpoints: [10, 20], holds: [hold(7), hold(9)], archived: null },
    { position: 7, by: 'hold', name: 'reader' },
  ],
  [
    'a hold above them bounds nothing',
    { checkpoints: [10, 20], holds: [hold(11)], archived: null },
    { position: 10, by: 'checkpoints' },
  ],
]
for (const [name, needs, limit] of limits) {
  test(`C2: the limit of a trim: ${name}`, (t) => {
    t.deepEqual(limitOf(needs), limit)
  })
}

const store = { nonce: 'aa', address: 'file:/blobs' }
const other = { nonce: 'bb', address: 'file:/others' }
const noted = (n: number, position: number, more: object = {}) => ({
  n,
  position,
  key: `manifests/${n}`,
  sha256: `${n}`.padStart(64, '0'),
  ...store,
  moves: false,
  ...more,
})

/** A space at position 99, with a session that calls the retention. */
function driven() {
  const driver = new SpaceDriver(Retention)
  const session = driver.open('one')
  driver.skip(100)
  const call = (op: string, input: unknown, by = session): unknown => {
    const on = { type: Retention, path: RETENTION_PATH }
    const outcome = driver.op(by, driver.nextOf(by) ?? -1, op, input, on)
    return outcome.kind === 'result' ? outcome.value : outcome
  }
  return { driver, call }
}

test('C2: a trim is decided by what was noted before it, and its mark only grows', (t) => {
  const { call } = driven()
  t.like(call('trim', { before: 5, nonce: null, force: false }), { code: 'NEEDED', facts: { limit: 0 } })
  call('checkpointed', noted(1, 10))
  t.like(call('trim', { before: 5, nonce: 'aa', force: false }), { code: 'NEEDED', facts: { by: 'checkpoints' } })
  call('checkpointed', noted(2, 20))
  t.like(call('trim', { before: 11, nonce: 'aa', force: false }), { code: 'NEEDED', facts: { limit: 10 } })
  t.deepEqual(call('trim', { before: 10, nonce: 'aa', force: false }), { mark: 10, isForced: false })
  t.deepEqual(call('trim', { before: 3, nonce: 'aa', force: false }), { mark: 10, isForced: false })
  t.deepEqual(call('trim', { before: 15, nonce: null, force: true }), { mark: 15, isForced: true })
  t.like(call('trim', { before: 1_000, nonce: null, force: true }), { code: 'BAD_ARGUMENT' })
})

test('C5: a note of a lower number or position is refused, the same one once more is not', (t) => {
  const { call } = driven()
  call('checkpointed', noted(4, 40))
  t.like(call('checkpointed', noted(3, 50)), { code: 'CONFLICT' })
  t.like(call('checkpointed', noted(5, 30)), { code: 'CONFLICT' })
  t.like(call('checkpointed', noted(4, 40, { sha256: 'f'.repeat(64) })), { code: 'CONFLICT' })
  t.is(call('checkpointed', noted(4, 40)), undefined)
})

test('P62: another store is refused, for notes and for trims, until the checkpoints move', (t) => {
  const { call } = driven()
  call('checkpointed', noted(1, 10))
  call('checkpointed', noted(2, 20))
  t.like(call('checkpointed', noted(3, 30, other)), { code: 'OTHER_STORE', facts: { address: 'file:/blobs' } })
  t.like(call('trim', { before: 10, nonce: 'bb', force: false }), { code: 'OTHER_STORE' })
  t.is(call('checkpointed', noted(1, 30, { ...other, moves: true })), undefined)
  t.like(call('trim', { before: 10, nonce: 'bb', force: false }), { code: 'NEEDED', facts: { limit: 0 } })
  t.like(call('trim', { before: 10, nonce: 'aa', force: false }), { code: 'OTHER_STORE' })
})

test('P27: a hold keeps the log for its session, and is refused below the mark', (t) => {
  const { driver, call } = driven()
  const reader = driver.open('reader')
  call('checkpointed', noted(1, 10))
  call('checkpointed', noted(2, 20))
  const held = { id: 'a' }
  t.is(call('hold', { ...held, position: 7, name: 'export' }, reader), undefined)
  t.like(call('trim', { before: 10, nonce: 'aa', force: false }), {
    code: 'NEEDED',
    facts: { limit: 7, by: 'hold', name: 'export' },
  })
  t.like(call('release', held), { code: 'NOT_HELD' })
  t.is(call('release', held, reader), undefined)
  call('hold', { id: 'b', position: 7, name: 'export' }, reader)
  driver.end(reader)
  t.deepEqual(call('trim', { before: 10, nonce: 'aa', force: false }), { mark: 10, isForced: false })
  t.like(call('hold', { id: 'c', position: 9, name: 'late' }), { code: 'TRIMMED', facts: { trim: 10 } })
})

test('C2: ranges of the archive leave no hole, and the newest checkpoint bounds a trim then', (t) => {
  const { call } = driven()
  const range = (from: number, to: number) => ({ from, to, ...store })
  t.like(call('archived', range(5, 9)), { code: 'CONFLICT' })
  t.is(call('archived', range(0, 9)), undefined)
  t.like(call('archived', range(10, 19)), { code: 'CONFLICT' })
  t.is(call('archived', range(9, 30)), undefined)
  // A trim by force ahead of it: it goes on from there.
  call('trim', { before: 40, nonce: null, force: true })
  t.like(call('archived', range(30, 35)), { code: 'CONFLICT' })
  t.is(call('archived', range(40, 45)), undefined)
  call('checkpointed', noted(1, 41))
  call('checkpointed', noted(2, 43))
  t.deepEqual(call('trim', { before: 43, nonce: 'aa', force: false }), { mark: 43, isForced: false })
})
