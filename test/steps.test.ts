import { spawnSync } from 'node:child_process'
import test from 'ava'
import { chosenSteps, readAva, readBugs, readExit, readSimulator } from './steps.ts'

const all = new URL('./all.ts', import.meta.url).pathname

test('passes of a step of tests are counted though others failed, and those are named', (t) => {
  const output = '  ✔ log › a test\n  ✘ [fail]: log › another Error thrown\n  ✔ log › a third (1.2s)\n  1 test failed\n'
  t.deepEqual(readAva(output, false), { passed: 2, failures: ['log › another Error thrown'] })
})

test('a run of tests that ends badly without naming a failure has failed, and so has one without a test', (t) => {
  t.deepEqual(readAva('  ✔ one\n', false), { passed: 1, failures: ['ended badly'] })
  t.deepEqual(readAva('', true), { passed: 0, failures: ['ended badly'] })
  t.deepEqual(readExit('', false), { passed: 0, failures: ['ended badly'] })
})

test('failing seeds and missed bugs are named', (t) => {
  const seeds =
    'seed 7 breaks L2: position 3 is junk\n  faults: []\nseeds 500, failures 1, seeds per minute 700, points 60 of 65\n'
  t.deepEqual(readSimulator(seeds, false), { passed: 499, failures: ['seed 7 breaks L2: position 3 is junk'] })
  t.deepEqual(readBugs('found one: seed 3\nMISSED two: NOT FOUND\nbugs 2, found 1, applied 2\n', false), {
    passed: 1,
    failures: ['MISSED two: NOT FOUND'],
  })
})

test('a step is chosen by how its name begins', (t) => {
  t.deepEqual(
    chosenSteps('real').map(({ name }) => name),
    ['real processes'],
  )
  t.deepEqual(chosenSteps('nothing'), [])
})

test('npm test lists its steps, and refuses one that there is not', (t) => {
  const listed = spawnSync(process.execPath, [all, '--list'], { encoding: 'utf8' })
  t.is(listed.status, 0)
  t.true(listed.stdout.split('\n').includes('real processes'))
  t.is(spawnSync(process.execPath, [all, 'nothing'], { encoding: 'utf8' }).status, 2)
})
