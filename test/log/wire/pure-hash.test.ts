/** The hashes without Node are those of Node. */
import test from 'ava'
import fc from 'fast-check'
import * as native from '../../../log/bytes/hash.ts'
import * as pure from '../../../log/bytes/pure-hash.ts'

test('the twins have the same functions', (t) => {
  t.deepEqual(Object.keys(pure).sort(), Object.keys(native).sort())
})

test('checksums and hashes of any bytes and texts are the same', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(), fc.nat({ max: 0xffff_ffff }), (bytes, cut, seed) => {
      const from = cut % (bytes.byteLength + 1)
      t.is(pure.crc32(bytes, seed), native.crc32(bytes, seed))
      t.is(pure.crc32Of(bytes, from, bytes.byteLength), native.crc32Of(bytes, from, bytes.byteLength))
      t.is(pure.sha256(bytes), native.sha256(bytes))
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (value) => {
      t.is(pure.crc32Text(value), native.crc32Text(value))
      t.is(pure.sha256(value), native.sha256(value))
      t.is(pure.sha1Base64(value), native.sha1Base64(value))
    }),
  )
  for (const length of [0, 55, 56, 63, 64, 65, 119, 120, 1_000_000]) {
    const value = 'a'.repeat(length)
    t.deepEqual([pure.sha256(value), pure.sha1Base64(value)], [native.sha256(value), native.sha1Base64(value)])
  }
})
