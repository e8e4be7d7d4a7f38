/** Access lists, addresses and paths, as tables of cases. */
import test from 'ava'
import { OPEN, READABLE, bits, digestIdentity, fixedUp, isAllowed, shownTo } from '../../../objects/tree/acl.ts'
import { addressOf, isInNetwork, networkOf } from '../../../objects/tree/addresses.ts'
import { isDeletable, isValidPath, nameOf, parentOf, suffixOf } from '../../../objects/tree/paths.ts'
import { versionAfter } from '../../../objects/tree/nodes.ts'
import type { Identity } from '../../../sequencer/session-entry.ts'

const ann: Identity = ['digest', 'ann:hash']
const here: Identity = ['ip', '10.1.2.3']
const certificate: Identity = ['x509', 'CN=ann']
const root: Identity = ['super', '']

const refused: readonly (readonly [what: string, wanted: unknown, ids?: readonly Identity[]])[] = [
  ['null', null],
  ['an empty list', []],
  ['a null entry', [null]],
  ['a null scheme', [[31, null, 'x']]],
  ['a null id', [[31, 'digest', null]]],
  ['bits that are no integer', [[1.5, 'world', 'anyone']]],
  ['an unknown scheme', [[31, 'magic', 'x']]],
  ['super, which is no scheme of entries', [[31, 'super', '']]],
  ['world without anyone', [[31, 'world', 'ann']]],
  ['digest without a colon', [[31, 'digest', 'ann']]],
  ['digest without a password', [[31, 'digest', 'ann:']]],
  ['digest with two colons', [[31, 'digest', 'ann:b:c']]],
  ['an address of three numbers', [[31, 'ip', '10.0.0']]],
  ['an address beyond 255', [[31, 'ip', '10.0.0.256']]],
  ['33 bits of an address of 32', [[31, 'ip', '10.0.0.0/33']]],
  ['auth of a caller without identities', [[31, 'auth', '']]],
  ['auth of a caller who has an address only', [[31, 'auth', '']], [here]],
  [
    'a good entry and a bad one',
    [
      [31, 'world', 'anyone'],
      [31, 'magic', 'x'],
    ],
  ],
]
for (const [what, wanted, ids = []] of refused) {
  test(`2.6: ${what} is no access list`, (t) => {
    t.is(fixedUp(wanted, ids), undefined)
  })
}

const fixed: readonly (readonly [what: string, wanted: unknown, ids: readonly Identity[], acl: unknown])[] = [
  ['world:anyone', [[31, 'world', 'anyone']], [], [[31, 'world', 'anyone']]],
  [
    'an entry twice is one',
    [
      [1, 'world', 'anyone'],
      [31, 'digest', 'a:b'],
      [1, 'world', 'anyone'],
    ],
    [],
    [
      [1, 'world', 'anyone'],
      [31, 'digest', 'a:b'],
    ],
  ],
  [
    'auth is each identity that proves something, whatever its id',
    [[3, 'auth', 'ignored']],
    [here, ann, certificate],
    [
      [3, 'digest', 'ann:hash'],
      [3, 'x509', 'CN=ann'],
    ],
  ],
  ['a network of version 6', [[1, 'ip', 'fe80::/10']], [], [[1, 'ip', 'fe80::/10']]],
  ['digest without a user', [[1, 'digest', ':x']], [], [[1, 'digest', ':x']]],
]
for (const [what, wanted, ids, acl] of fixed) {
  test(`2.6: ${what}`, (t) => {
    t.deepEqual(fixedUp(wanted, ids), acl)
  })
}

test('2.6: an entry allows its bits to who has its identity, and nobody else', (t) => {
  const acl = [
    [bits.read | bits.write, 'digest', 'ann:hash'],
    [bits.create, 'ip', '10.0.0.0/8'],
  ] as const
  t.true(isAllowed(acl, [ann], bits.read))
  t.true(isAllowed(acl, [ann], bits.read | bits.admin), 'one of the wanted bits is enough')
  t.false(isAllowed(acl, [ann], bits.admin))
  t.false(isAllowed(acl, [['digest', 'ann:other']], bits.read))
  t.false(isAllowed(acl, [['sasl', 'ann:hash']], bits.read))
  t.true(isAllowed(acl, [here], bits.create))
  t.false(isAllowed(acl, [['ip', '11.1.2.3']], bits.create))
  t.false(isAllowed(acl, [['ip', 'nowhere']], bits.create))
  t.false(isAllowed(acl, [], bits.read))
})

test('2.6: an empty list allows everything, as anybody does to super', (t) => {
  t.true(isAllowed([], [], bits.admin))
  t.true(isAllowed([[0, 'world', 'anyone']], [root], bits.admin))
  t.true(isAllowed(OPEN, [], bits.admin))
  t.false(isAllowed(READABLE, [], bits.write))
})

test('2.6: passwords are shown to who may change the list only', (t) => {
  const acl = [
    [bits.admin, 'digest', 'ann:hash'],
    [bits.read, 'world', 'anyone'],
  ] as const
  t.deepEqual(shownTo(acl, [ann]), acl)
  t.deepEqual(shownTo(acl, []), [
    [bits.admin, 'digest', 'ann:x'],
    [bits.read, 'world', 'anyone'],
  ])
})

test('2.6: an identity of user and password is the one that ZooKeeper makes', (t) => {
  t.deepEqual(digestIdentity('super', 'test'), ['digest', 'super:D/InIHSb7yEEbrWz8b9l71RjZJU='])
})

const addresses: readonly (readonly [text: string, bytes: readonly number[] | undefined])[] = [
  ['1.2.3.4', [1, 2, 3, 4]],
  ['1.2.3', undefined],
  ['1.2.3.4.5', undefined],
  ['1.2.3.x', undefined],
  ['', undefined],
  ['::', Array<number>(16).fill(0)],
  ['::1', [...Array<number>(15).fill(0), 1]],
  ['fe80::1:2', [0xfe, 0x80, ...Array<number>(10).fill(0), 0, 1, 0, 2]],
  ['1:2:3:4:5:6:7:8', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
  ['::ffff:1.2.3.4', [...Array<number>(10).fill(0), 255, 255, 1, 2, 3, 4]],
  ['1:2:3:4:5:6:7', undefined],
  ['1:2:3:4:5:6:7:8:9', undefined],
  ['1::2::3', undefined],
  [':1', undefined],
  ['12345::', undefined],
  ['1:2:3:4:5:6:7::8', undefined],
]
for (const [text, bytes] of addresses) {
  test(`2.6: the bytes of the address ${JSON.stringify(text)}`, (t) => {
    t.deepEqual(addressOf(text), bytes === undefined ? undefined : [...bytes])
  })
}

test('2.6: an address stands in a network whose bits it shares', (t) => {
  const network = networkOf('10.16.0.0/12') ?? { address: [], bits: -1 }
  t.true(isInNetwork([10, 31, 255, 255], network))
  t.false(isInNetwork([10, 32, 0, 0], network))
  t.false(isInNetwork([10, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], network))
  t.true(isInNetwork([1, 2, 3, 4], networkOf('0.0.0.0/0') ?? network))
  t.is(networkOf('10.0.0.0/'), undefined)
  t.is(networkOf('10.0.0.0/-1'), undefined)
})

const valid = ['/', '/a', '/a/b', '/...', '/.a', '/a.', '/..a/b', '/ü', '/a b', '/\uf900', '/\uffef']
for (const path of valid) {
  test(`2.3: ${JSON.stringify(path)} is a path`, (t) => {
    t.true(isValidPath(path))
  })
}
const invalid = [
  ...['', 'a', 'a/b', '/a/', '//', '//a', '/a//b', '/.', '/..', '/./a', '/a/..', '/a/../b', '/a/./b'],
  ...['/\u0000', '/a\u001f', '/\u007f', '/\u009f', '/\ud800', '/\ue000', '/\uf8ff', '/\ufff0', '/\uffff', '/\u{1f600}'],
]
for (const path of invalid) {
  test(`2.3: ${JSON.stringify(path)} is none`, (t) => {
    t.false(isValidPath(path))
  })
}

test('2.3: a path has at most 4,096 characters', (t) => {
  t.true(isValidPath(`/${'a'.repeat(4_095)}`))
  t.false(isValidPath(`/${'a'.repeat(4_096)}`))
})

test('2.3: parents and names', (t) => {
  t.deepEqual(['/', '/a', '/a/b', '//a', 'a/b', '/a/'].map(parentOf), ['/', '/', '/a', '/', 'a', '/a'])
  t.deepEqual(['/', '/a', '/a/b'].map(nameOf), ['', 'a', 'b'])
})

test('2.3: the nodes that every tree has are not deleted, nor what has no slash or a NUL', (t) => {
  t.deepEqual(
    ['/', '/zookeeper', '/zookeeper/quota', '/zookeeper/config', 'a', '/a\u0000', '/zookeeper/quota/a', '/a'].map(
      isDeletable,
    ),
    [false, false, false, false, false, false, true, true],
  )
})

test('2.5: the number of a sequential node has ten digits, and wraps as an int32', (t) => {
  t.deepEqual([0, 42, 2 ** 31 - 1, -(2 ** 31), -1].map(suffixOf), [
    '0000000000',
    '0000000042',
    '2147483647',
    '-2147483648',
    '-000000001',
  ])
})

test('2.1: versions wrap as an int32, and jump over -1', (t) => {
  t.deepEqual([0, 2 ** 31 - 1, -(2 ** 31), -2, -1].map(versionAfter), [1, -(2 ** 31), -(2 ** 31) + 1, 0, 0])
})
