/** Keys in order, over many lists. */
import test from 'ava'
import fc from 'fast-check'
import { SortedKeys } from '../../objects/runtime/sorted-keys.ts'

/** All keys, one after the other. */
function all(keys: SortedKeys): string[] {
  const found: string[] = []
  for (let key = keys.next('', false); key !== undefined; key = keys.next(key, true)) found.push(key)
  return found
}

const name = (i: number): string => `k${(i * 7_919) % 100_003}`

test('O3: keys stay in order over thousands of insertions and deletions', (t) => {
  const names = Array.from({ length: 5_000 }, (_, i) => name(i))
  const keys = new SortedKeys(names.slice(0, 700))
  for (const key of names.slice(700)) keys.add(key)
  t.deepEqual(all(keys), [...names].sort())
  for (const key of names.slice(0, 4_990)) keys.delete(key)
  keys.delete('not there')
  t.deepEqual(all(keys), names.slice(4_990).sort())
  for (const key of names.slice(4_990)) keys.delete(key)
  t.deepEqual(all(keys), [])
  keys.add('again')
  t.deepEqual(all(keys), ['again'])
})

test('O3: a key is found at or behind any text, as in a plain sorted list', (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '\uffff'), maxLength: 3 })
  fc.assert(
    fc.property(fc.uniqueArray(text), text, fc.boolean(), (given, from, exclusive) => {
      const sorted = [...given].sort()
      return (
        new SortedKeys(given).next(from, exclusive) === sorted.find((key) => (exclusive ? key > from : key >= from))
      )
    }),
    { numRuns: 2_000 },
  )
  t.pass()
})
