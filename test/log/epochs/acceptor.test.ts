/** The acceptor over its register: `x` is its name, slots and rounds are literals. */
import test from 'ava'
import { Acceptor } from '../../../log/epochs/acceptor.ts'
import { SirtakiError } from '../../../log/errors.ts'
import type { Register } from '../../../log/ports.ts'
import { layoutOf } from '../layouts.ts'

class TestRegister implements Register {
  kept: string | undefined
  broken: SirtakiError | undefined
  read(): string | undefined {
    if (this.broken !== undefined) throw this.broken
    return this.kept
  }
  write(value: string): void {
    if (this.broken !== undefined) throw this.broken
    this.kept = value
  }
}

const rank = (round: number, proposer = 'p'): { round: number; proposer: string } => ({ round, proposer })
function acceptorOf(register = new TestRegister()): Acceptor {
  const acceptor = new Acceptor(register, 'x')
  acceptor.initialise(layoutOf({}))
  return acceptor
}

test('a blank acceptor promises nothing, and becomes one only of a layout that names it', (t) => {
  const acceptor = new Acceptor(new TestRegister(), 'x')
  t.throws(() => acceptor.prepare('c1', 2, rank(1)), { code: 'NOT_READY' })
  acceptor.initialise(layoutOf({ acceptors: ['u', 'v', 'w'] }))
  t.false(acceptor.initialised)
  acceptor.initialise(layoutOf({}))
  t.deepEqual([acceptor.initialised, acceptor.slot], [true, 1])
  t.throws(() => acceptor.prepare('c2', 2, rank(1)), { code: 'WRONG_CLUSTER' })
})

test('Y2: what is meant for another acceptor is refused, whoever answers at its address now', (t) => {
  const acceptor = acceptorOf()
  t.throws(
    () => {
      acceptor.requireMeant('the one before')
    },
    { code: 'NOT_MEMBER', message: /the one before/ },
  )
  t.notThrows(() => {
    acceptor.requireMeant('x')
  })
  // A driver of the version before does not say whom it means.
  t.notThrows(() => {
    acceptor.requireMeant(undefined)
  })
})

test('Y3: an agreed epoch outlives the promise for the slot after it, and a restart', (t) => {
  const register = new TestRegister()
  const acceptor = acceptorOf(register)
  acceptor.prepare('c1', 2, rank(1))
  acceptor.accept('c1', 2, rank(1), layoutOf({ epoch: 2 }))
  t.like(acceptor.prepare('c1', 3, rank(1), layoutOf({ epoch: 2 })), { promised: true, accepted: null })
  t.like(acceptor.prepare('c1', 2, rank(9)), { promised: false })
  t.is(acceptor.base?.epoch, 2)
  t.is(new Acceptor(register, 'y').base?.epoch, 2)
})

test('Y2: after a promise nothing of a lower rank is promised or accepted', (t) => {
  const acceptor = acceptorOf()
  t.deepEqual(acceptor.prepare('c1', 2, rank(5)), { promised: true, rank: rank(5), accepted: null })
  t.like(acceptor.prepare('c1', 2, rank(5)), { promised: false, rank: rank(5) })
  t.like(acceptor.prepare('c1', 2, rank(4, 'z')), { promised: false })
  t.like(acceptor.accept('c1', 2, rank(4), layoutOf({ epoch: 2 })), { accepted: false, rank: rank(5) })
  t.like(acceptor.accept('c1', 2, rank(5), layoutOf({ epoch: 2 })), { accepted: true })
  t.like(acceptor.prepare('c1', 2, rank(5, 'q')), { promised: true })
})

test('Y2: what was accepted comes back with the next promise of its slot, and not in another slot', (t) => {
  const acceptor = acceptorOf()
  const layout = layoutOf({ epoch: 2, tail: 9 })
  acceptor.prepare('c1', 2, rank(1))
  acceptor.accept('c1', 2, rank(1), layout)
  t.deepEqual(acceptor.prepare('c1', 2, rank(2)).accepted, { rank: rank(1), layout })
  t.is(acceptor.prepare('c1', 3, rank(1)).accepted, null)
  t.like(acceptor.prepare('c1', 2, rank(9)), { promised: false })
  t.like(acceptor.accept('c1', 2, rank(9), layout), { accepted: false })
})

test('Y2: promise and acceptance survive a restart', (t) => {
  const register = new TestRegister()
  const layout = layoutOf({ epoch: 2 })
  acceptorOf(register).prepare('c1', 2, rank(3))
  const again = new Acceptor(register, 'another')
  t.is(again.identity, 'x')
  t.like(again.accept('c1', 2, rank(2), layout), { accepted: false })
  again.accept('c1', 2, rank(3), layout)
  t.deepEqual(new Acceptor(register, 'another').prepare('c1', 2, rank(4)).accepted, { rank: rank(3), layout })
})

test('Y2: what the register could not keep was not promised', (t) => {
  const register = new TestRegister()
  const acceptor = acceptorOf(register)
  register.broken = new SirtakiError('IO', 'disk full')
  t.throws(() => acceptor.prepare('c1', 2, rank(3)), { code: 'IO' })
  register.broken = undefined
  t.like(acceptor.prepare('c1', 2, rank(1)), { promised: true })
})

test('Y2: a damaged or odd register is another acceptor, one of a newer format is refused', (t) => {
  const register = new TestRegister()
  register.kept = '{'
  t.is(new Acceptor(register, 'fresh').identity, 'fresh')
  register.kept = '{"version":1}'
  t.is(new Acceptor(register, 'fresher').identity, 'fresher')
  acceptorOf(register)
  register.kept = register.kept?.replace('"version":1', '"version":2')
  t.throws(() => new Acceptor(register, 'y'), { code: 'UNSUPPORTED' })
})

test('a layout of another epoch than its slot is refused', (t) => {
  t.throws(() => acceptorOf().accept('c1', 2, rank(1), layoutOf({ epoch: 3 })), { code: 'BAD_LAYOUT' })
})

test('a newer layout moves the slot on, an older one does not move it back', (t) => {
  const acceptor = acceptorOf()
  acceptor.prepare('c1', 5, rank(7))
  acceptor.initialise(layoutOf({ epoch: 4 }))
  t.like(acceptor.prepare('c1', 5, rank(6)), { promised: false })
  acceptor.initialise(layoutOf({ epoch: 6 }))
  t.is(acceptor.slot, 6)
  t.like(acceptor.prepare('c1', 5, rank(9)), { promised: false })
})
