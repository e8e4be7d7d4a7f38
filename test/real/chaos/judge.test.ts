/**
 * The judge of a chaos run, on histories made by hand: what is right passes, and each thing that can be wrong is found.
 */
import test, { type ExecutionContext } from 'ava'
import { makeFolder } from '../../log/io/folder.ts'
import { HistoryFiles } from './history-files.ts'
import { judge, type Judgement } from './judge.ts'

/** Judges these lines; instants are small numbers. */
function judged(t: ExecutionContext, lines: readonly string[]): Judgement {
  const history = new HistoryFiles(makeFolder(t))
  for (const line of lines) t.true(history.take(line), line)
  history.flush()
  return judge(history, { isReadBack: true })
}

const rulesOf = ({ violations }: Judgement): string[] => violations.map((one) => one.split(':')[0] ?? '')

test('a right history over three windows passes, with entries of objects, unknown appends and a trim', (t) => {
  const judgement = judged(t, [
    'append 1 2 100 10 5',
    'append 3 - 101 10 -',
    'append 4 5 102 11 30000',
    'tail 6 7 30001',
    'append 8 9 103 10 45000',
    'read 10 11 30000 data 102',
    'read 10 11 20 junk -',
    'stream 12 13 10 0 50000 5 100 19999 101 45000 103',
    'stream 12 13 11 0 50000 30000 102',
    'read 12 13 6 data x1234@6',
    'trim 14 16 10',
    'read 15 17 5 trimmed -',
    'count 1 2 7 1 1',
    'count 1 3 7 1 2',
    'count 2 - 7 1 -',
    'count 4 5 7 0 3',
  ])
  t.deepEqual(rulesOf(judgement), [])
  t.is(judgement.missing, 0)
})

test('L2: an acknowledged append that nobody reads is missing', (t) => {
  const judgement = judged(t, ['append 1 2 100 10 5', 'append 1 2 101 11 6', 'stream 3 4 10 0 10 5 100'])
  t.deepEqual(rulesOf(judgement), ['L2'])
  t.is(judgement.missing, 1)
})

test('L2: a position that holds another value than was acknowledged there is found', (t) => {
  t.true(rulesOf(judged(t, ['append 1 2 100 10 5', 'append 1 - 101 10 -', 'read 3 4 5 data 101'])).includes('L2'))
})

test('L1: an append of unknown fate that is at two positions is found though they lie in two windows', (t) => {
  t.deepEqual(rulesOf(judged(t, ['append 1 - 100 10 -', 'read 3 4 5 data 100', 'read 3 4 25000 data 100'])), ['L1'])
})

test('L7: an append called after one of a higher window had returned is found', (t) => {
  t.deepEqual(
    rulesOf(judged(t, ['append 1 2 100 10 30000', 'append 3 4 101 10 5', 'stream 5 6 10 0 40000 5 101 30000 100'])),
    ['L7'],
  )
})

test('L7: so is one of unknown fate that a read has found, two windows below', (t) => {
  t.deepEqual(
    rulesOf(
      judged(t, [
        'append 1 2 100 10 45000',
        'append 3 - 101 10 -',
        'read 5 6 5 data 101',
        'stream 5 6 10 40000 50000 45000 100',
      ]),
    ),
    ['L7'],
  )
})

test('L8: a position that is read as trimmed before any trim is found', (t) => {
  t.deepEqual(rulesOf(judged(t, ['trim 5 6 100', 'read 1 2 50 trimmed -'])), ['L8'])
})

test('Q4: a part of a stream that lacks an acknowledged append is found', (t) => {
  t.deepEqual(
    rulesOf(
      judged(t, ['append 1 2 100 10 5', 'append 1 2 101 10 7', 'read 3 4 7 data 101', 'stream 3 4 10 0 25000 5 100']),
    ),
    ['Q4'],
  )
})

test('O9: a counter that doubles an add is found, and one that loses one', (t) => {
  t.deepEqual(rulesOf(judged(t, ['count 1 2 7 1 1', 'count 3 4 7 0 2'])), ['O9'])
  t.deepEqual(rulesOf(judged(t, ['count 1 2 8 1 1', 'count 3 4 8 1 2', 'count 5 6 8 0 1'])), ['O9'])
})
