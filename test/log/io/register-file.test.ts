/**
 * A register is whole or said to be damaged, and a write is the old value or the new one.
 *
 * Read next: `../../../log/io/register-file.ts`.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { SirtakiError } from '../../../log/errors.ts'
import { RegisterFile } from '../../../log/io/register-file.ts'
import { sha256 } from '../../../log/wire/hash.ts'
import { changeFile, makeFolder } from './folder.ts'

const placeFor = (t: ExecutionContext): string => join(makeFolder((undo) => { t.teardown(undo) }), 'register')

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
  t.deepEqual(readdirSync(join(path, '..')), ['register'])
})

test('an empty value is a value', (t) => {
  const path = placeFor(t)
  new RegisterFile(path).write('')
  t.is(new RegisterFile(path).read(), '')
})

test('any flipped bit is damage', (t) => {
  const path = placeFor(t)
  new RegisterFile(path).write('{"promised":7,"accepted":{"rank":7,"value":"x"}}')
  const whole = readFileSync(path)
  fc.assert(fc.property(fc.nat(whole.length - 1), fc.nat(7), (at, bit) => {
    writeFileSync(path, whole)
    changeFile(path, (bytes) => { bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at) })
    t.throws(() => new RegisterFile(path).read(), { instanceOf: SirtakiError, code: 'DAMAGED', message: new RegExp(path) })
  }))
})

test('a register cut off anywhere is damage', (t) => {
  const path = placeFor(t)
  new RegisterFile(path).write('a value')
  const whole = readFileSync(path)
  fc.assert(fc.property(fc.nat(whole.length - 1), (length) => {
    writeFileSync(path, whole.subarray(0, length))
    t.throws(() => new RegisterFile(path).read(), { instanceOf: SirtakiError, code: 'DAMAGED' })
  }))
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
  writeFileSync(path, `sirtaki-register 2 ${sha256('2\nvalue')}\nvalue`)
  t.throws(() => new RegisterFile(path).read(), { instanceOf: SirtakiError, code: 'UNSUPPORTED', message: /upgrade/ })
})

test('L10: after a write that failed every other one fails with the same error', (t) => {
  const path = placeFor(t)
  const register = new RegisterFile(path)
  register.write('old')
  mkdirSync(`${path}.new`)
  const error = t.throws(() => { register.write('lost') }, { instanceOf: SirtakiError, code: 'IO' })
  rmSync(`${path}.new`, { recursive: true })
  t.is(t.throws(() => { register.write('later') }), error)
  t.is(new RegisterFile(path).read(), 'old')
})

test('a place that cannot be read is an IO error that names it', (t) => {
  const path = placeFor(t)
  mkdirSync(path)
  t.throws(() => new RegisterFile(path).read(), { instanceOf: SirtakiError, code: 'IO', message: new RegExp(path) })
})
