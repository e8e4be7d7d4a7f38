/**
 * A register is whole or said to be damaged, and a write is the old value or the new one.
 *
 * Read next: `../../../log/io/register-file.ts`.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { sha256 } from '../../../log/bytes/hash.ts'
import { SirtakiError } from '../../../log/errors.ts'
import { RegisterFile } from '../../../log/io/register-file.ts'
import { changeFile, makeFolder } from './folder.ts'

const placeFor = (t: ExecutionContext): string => join(makeFolder(t), 'register')

test('a register that was never written is undefined', (t) => {
  t.is(new RegisterFile(placeFor(t)).read(), undefined)
})

test('Y2: a register reads what was written last, also after a restart', (t) => {
  const path = placeFor(t)
  const register = new RegisterFile(path)
  register.write('{"promised":1}')
  register.write('{"promised":2,"name":"Σιρτάκι"}\n')
  t.is(register.read(), '{"promised":2,"name":"Σιρτάκι"}\n')
  t.is(new RegisterFile(path).read(), '{"promised":2,"name":"Σιρτάκι"}\n')
  t.deepEqual(readdirSync(join(path, '..')).sort(), ['register', 'register-2'])
})

test('an empty value is a value', (t) => {
  const path = placeFor(t)
  new RegisterFile(path).write('')
  t.is(new RegisterFile(path).read(), '')
})

test('P45: any flipped bit in one copy costs nothing, one in both is damage', (t) => {
  const path = placeFor(t)
  new RegisterFile(path).write('{"promised":7,"accepted":{"rank":7,"value":"x"}}')
  const whole = readFileSync(path)
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(7), fc.boolean(), (at, bit, isFirst) => {
      for (const name of [path, `${path}-2`]) writeFileSync(name, whole)
      const flip = (name: string): void => {
        changeFile(name, (bytes) => {
          bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at)
        })
      }
      flip(isFirst ? path : `${path}-2`)
      t.is(new RegisterFile(path).read(), '{"promised":7,"accepted":{"rank":7,"value":"x"}}')
      for (const name of [path, `${path}-2`]) writeFileSync(name, whole)
      flip(path)
      flip(`${path}-2`)
      t.throws(() => new RegisterFile(path).read(), {
        instanceOf: SirtakiError,
        code: 'DAMAGED',
        message: new RegExp(path),
      })
    }),
    { numRuns: 60 },
  )
})

test('a register whose copies are both cut off is damage', (t) => {
  const path = placeFor(t)
  new RegisterFile(path).write('a value')
  const whole = readFileSync(path)
  fc.assert(
    fc.property(fc.nat(whole.length - 1), (length) => {
      for (const name of [path, `${path}-2`]) writeFileSync(name, whole.subarray(0, length))
      t.throws(() => new RegisterFile(path).read(), { instanceOf: SirtakiError, code: 'DAMAGED' })
    }),
  )
})

test('P45: a write is in both copies when it returns: whichever is lost, the other has it', (t) => {
  const path = placeFor(t)
  const register = new RegisterFile(path)
  register.write('promised 1')
  register.write('promised 2')
  rmSync(path)
  t.is(new RegisterFile(path).read(), 'promised 2')
  register.write('promised 3')
  rmSync(`${path}-2`)
  t.is(new RegisterFile(path).read(), 'promised 3')
})

test('P45: after a crash between the two copies the newer one counts, and is in both before it is used', (t) => {
  const path = placeFor(t)
  const register = new RegisterFile(path)
  register.write('old')
  const old = readFileSync(`${path}-2`)
  register.write('new')
  writeFileSync(`${path}-2`, old)
  t.is(new RegisterFile(path).read(), 'new')
  writeFileSync(path, 'garbage')
  t.is(new RegisterFile(path).read(), 'new')
})

test('a register of version 1 is read and becomes two files, and what could not be read is kept beside', (t) => {
  const path = placeFor(t)
  writeFileSync(path, `sirtaki-register 1 ${sha256('1\nvalue')}\nvalue`)
  t.is(new RegisterFile(path).read(), 'value')
  t.true(readFileSync(path, 'utf8').startsWith('sirtaki-register 2 '))
  t.deepEqual(readFileSync(path), readFileSync(`${path}-2`))
  writeFileSync(path, 'garbage')
  t.is(new RegisterFile(path).read(), 'value')
  t.is(readFileSync(`${path}.damaged`, 'utf8'), 'garbage')
})

test('a crash before the rename leaves the old value', (t) => {
  const path = placeFor(t)
  new RegisterFile(path).write('old')
  writeFileSync(`${path}.new`, 'sirtaki-register 1 half of a')
  t.is(new RegisterFile(path).read(), 'old')
  new RegisterFile(path).write('new')
  t.is(new RegisterFile(path).read(), 'new')
})

test('a newer format is refused with advice', (t) => {
  const path = placeFor(t)
  writeFileSync(path, `sirtaki-register 3 ${sha256('3\n1\nvalue')} 1\nvalue`)
  t.throws(() => new RegisterFile(path).read(), { instanceOf: SirtakiError, code: 'UNSUPPORTED', message: /upgrade/ })
})

test('L10: after a write that failed every other one fails with the same error', (t) => {
  const path = placeFor(t)
  const register = new RegisterFile(path)
  register.write('old')
  mkdirSync(`${path}.new`)
  const error = t.throws(
    () => {
      register.write('lost')
    },
    { instanceOf: SirtakiError, code: 'IO' },
  )
  rmSync(`${path}.new`, { recursive: true })
  t.is(
    t.throws(() => {
      register.write('later')
    }),
    error,
  )
  t.is(new RegisterFile(path).read(), 'old')
})

test('a place that cannot be read is an IO error that names it', (t) => {
  const path = placeFor(t)
  mkdirSync(path)
  t.throws(() => new RegisterFile(path).read(), { instanceOf: SirtakiError, code: 'IO', message: new RegExp(path) })
})
