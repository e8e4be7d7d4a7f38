/**
 * The records of a table: their order is part of the state, whatever way led to it.
 *
 * Read next: `../../objects/runtime/records.ts`.
 */
import test from 'ava'
import { Journal, NOBODY } from '../../objects/runtime/journal.ts'
import { RowTable } from '../../objects/runtime/records.ts'
import { Row } from '../../objects/runtime/row.ts'

/** A table with the records a, b and c, made by three entries in that order. */
function tableOf(): { journal: Journal; table: RowTable<number> } {
  const journal = new Journal()
  const table = new RowTable<number>(journal, '/a', 'rows')
  for (const [i, key] of ['a', 'b', 'c'].entries()) {
    journal.begin(i, i, i)
    journal.step(NOBODY, () => {
      table.set(key, i)
    })
  }
  return { journal, table }
}

test('O4: a record that was put back is as old as it was', (t) => {
  const { journal, table } = tableOf()
  journal.begin(3, 3, 3)
  t.throws(() => {
    journal.step(NOBODY, () => {
      table.delete('a')
      throw new Error('taken back')
    })
  })
  t.deepEqual(table.oldest(), ['a', 0])
})

test('O7: a record that was put back has its place in the order of keys', (t) => {
  const { journal, table } = tableOf()
  t.deepEqual(
    [...table.range()].map(([key]) => key),
    ['a', 'b', 'c'],
  )
  journal.begin(3, 3, 3)
  journal.step(NOBODY, () => {
    table.set('b', 7)
  })
  journal.begin(4, 4, 4)
  t.throws(() => {
    journal.step(NOBODY, () => {
      table.delete('b')
      throw new Error('taken back')
    })
  })
  t.deepEqual(
    [...table.range()],
    [
      ['a', 0],
      ['b', 7],
      ['c', 2],
    ],
  )
})

test('C4: records that were loaded are as old as they were, in whatever order they came', (t) => {
  const table = new RowTable<number>(new Journal(), '/a', 'rows')
  for (const [key, value, created] of [
    ['c', 2, 2],
    ['a', 0, 0],
    ['b', 1, 1],
  ] as const) {
    table.load(key, new Row(value, created, created))
  }
  t.deepEqual(table.oldest(), ['a', 0])
})
