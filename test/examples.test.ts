/** The examples run, and say what they promise. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'

const run = async (name: string): Promise<string> =>
  (
    await promisify(execFile)(process.execPath, [fileURLToPath(new URL(`../examples/${name}`, import.meta.url))], {
      timeout: 60_000,
    })
  ).stdout
test.beforeEach((t) => {
  t.timeout(90_000)
})

test('append-and-read: an entry is read by position and by stream, and gone after a trim', async (t) => {
  t.is(
    await run('append-and-read.ts'),
    'read: to both streams\nstream 21: to both streams\nstream 21: to one stream\nafter the trim: trimmed\n',
  )
})

test('counter: two clients see the same sum', async (t) => {
  t.is(await run('counter.ts'), 'one sees 111 and the other 111\nthe same state: true\n')
})

test('define-object: an op answers from its place in the log, and refuses with a code', async (t) => {
  t.is(await run('define-object.ts'), 'left after one was taken: 0\nanother one: REJECTED\n')
})
