import { spawnSync } from 'node:child_process'
import test from 'ava'

const main = new URL('./main.ts', import.meta.url).pathname

test('a number of seeds and one seed exclude each other', (t) => {
  const { status, stderr } = spawnSync(process.execPath, [main, '--seeds', '3', '--seed', '1'], { encoding: 'utf8' })
  t.is(status, 2)
  t.regex(stderr, /--seeds and --seed exclude each other/)
})

test('what is no number of seeds is refused', (t) => {
  t.is(spawnSync(process.execPath, [main, '--seeds', 'many'], { encoding: 'utf8' }).status, 2)
})
