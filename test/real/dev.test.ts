/** `sirtaki dev` with real processes: a job, a second start on the same folder, a leader killed in the middle. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { freePorts } from '../free-ports.ts'
import { folder, run } from '../tools/command-line.ts'

const resultOf = (out: string): Record<string, unknown> => ({ ...JSON.parse(out.trim().split('\n').at(-1) ?? '{}') })

/** 50 small files, and a place for a cluster. */
async function place(): Promise<{ files: string; args: string[]; remove(): void }> {
  const { path, remove } = folder()
  const files = join(path, 'files')
  mkdirSync(join(files, 'below'), { recursive: true })
  for (let i = 0; i < 50; i++) writeFileSync(join(files, i % 2 === 0 ? 'below' : '.', `file-${i}`), `content ${i}`)
  return {
    files,
    args: [
      'dev',
      files,
      '--json',
      '--job',
      '--once',
      '--workers',
      '2',
      '--data',
      join(path, 'data'),
      '--port',
      String((await freePorts(4))[0]),
    ],
    remove,
  }
}

test.beforeEach((t) => {
  t.timeout(180_000)
})

test.serial(
  'dev --job --once: every file once, one digest, one state; a second start goes on with the next job',
  async (t) => {
    const { args, remove } = await place()
    t.teardown(remove)
    const first = await run([...args, '--kill', '0'], { timeoutMs: 80_000 })
    t.is(first.code, 0, first.err)
    t.like(resultOf(first.out), { event: 'result', job: '/jobs/1', files: 50, done: 50, restarts: 0, problems: [] })
    t.deepEqual(resultOf(first.out)['published'], ['/reports', '/jobs/1/result'])
    const second = await run([...args, '--kill', '0'], { timeoutMs: 80_000 })
    t.is(second.code, 0, second.err)
    t.like(resultOf(second.out), { job: '/jobs/2', files: 50, done: 50, killed: 0, problems: [] })
  },
)

test.serial('dev --job --once: a leader that is killed has a successor, and others get its files', async (t) => {
  const { args, remove } = await place()
  t.teardown(remove)
  const { code, out, err } = await run(args, { env: { SIRTAKI_JOB_DELAY_MS: '60' }, timeoutMs: 120_000 })
  t.is(code, 0, err)
  t.regex(err, /^worker [\d.]+ leads with token \d+ and holds \d+ files: it is killed$/m)
  const result = resultOf(out)
  t.like(result, { done: 50, killed: 1, restarts: 1, problems: [] })
  t.true(Number(result['terms']) >= 2)
  t.true(Number(result['givenBack']) > 0)
})
