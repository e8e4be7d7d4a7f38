/** The file behind the name `sirtaki`: what it says on an older Node, and that it runs in the checkout. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { ownVersion } from '../../tools/cli/version.ts'

const door = fileURLToPath(new URL('../../tools/sirtaki.js', import.meta.url))
const older =
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.20.2"}})'

test('on a Node that the package excludes, one sentence and exit code 1', (t) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', older, door, 'status'], {
    encoding: 'utf8',
  })
  t.deepEqual({ status, stdout }, { status: 1, stdout: '' })
  t.is(stderr, 'sirtaki needs Node 22.18 or newer, this is Node 20.20.2: install a newer one\n')
})

test('in the checkout it starts the sources', (t) => {
  const { status, stdout } = spawnSync(process.execPath, [door, '--version'], { encoding: 'utf8' })
  t.deepEqual({ status, stdout }, { status: 0, stdout: `${ownVersion}\n` })
})
