/** The examples run, and say what they promise. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { TIME_TRAVEL } from './time-travel.ts'

const run = async (name: string): Promise<string> =>
  (
    await promisify(execFile)(process.execPath, [fileURLToPath(new URL(`../examples/${name}`, import.meta.url))], {
      timeout: 60_000,
    })
  ).stdout
test.beforeEach((t) => {
  t.timeout(90_000)
})

test.serial('append-and-read: an entry is read by position and by stream, and gone after a trim', async (t) => {
  t.is(
    await run('append-and-read.ts'),
    'read: to both streams\nstream 21: to both streams\nstream 21: to one stream\nafter the trim: trimmed\n',
  )
})

test.serial('counter: two clients see the same sum', async (t) => {
  t.is(await run('counter.ts'), 'one sees 111 and the other 111\nthe same state: true\n')
})

test.serial('define-object: an op answers from its place in the log, and refuses with a code', async (t) => {
  t.is(await run('define-object.ts'), 'left after one was taken: 0\nanother one: REJECTED\n')
})

test.serial('rate-limiter: a rule in the log counts for all clients', async (t) => {
  t.is(await run('rate-limiter.ts'), 'left after each: 2 1 0 -1\nin the next window: 2\n')
})

test.serial('lock-with-fencing: the late write of a holder that was stopped is refused by its token', async (t) => {
  t.is(
    await run('lock-with-fencing.ts'),
    'the first holder has written, and is stopped\nthe second holder writes: taken\n'
      + 'the first holder writes late: refused\nit may still count on its lock: false\n',
  )
})

test.serial('election: another one leads when the first is gone', async (t) => {
  t.is(
    await run('election.ts'),
    'leaders: one; one, busy; two\nthe first term is over: true\nthe second term has a higher token: true\n',
  )
})

test.serial('queue-with-crash: what a killed worker had taken is worked off by another one', async (t) => {
  t.is(
    await run('queue-with-crash.ts'),
    'killed with 2 taken items and 1 ready ones\nsent to cleo on attempt 1\nsent to ann on attempt 2\n'
      + 'sent to ben on attempt 2\nleft: 0\n',
  )
})

test.serial('live-configuration: a cache begins with what there is and goes on with each change', async (t) => {
  t.is(
    await run('live-configuration.ts'),
    'at the start: true\nchanged: /flags/beta was true, is false\nin the cache: false\n'
      + 'by one that has not seen it: BAD_VERSION\nwatched: /flags/dark created\n',
  )
})

test.serial('time-travel: the entry that broke a rule is found, behind checkpoints and a trim', async (t) => {
  t.is(await run('time-travel.ts'), TIME_TRAVEL)
})
