/**
 * Restore by the command itself, with processes that are killed and folders that are removed.
 *
 * Read next: `restore-scene.ts`, `../objects/restore/restore.test.ts`.
 */
import { join } from 'node:path'
import test from 'ava'
import { makeFolder } from '../log/io/folder.ts'
import { run } from '../tools/command-line.ts'
import { loseAndRestore } from './restore-scene.ts'

test('L5: a cluster whose folders are gone is restored from a folder of blobs', async (t) => {
  t.timeout(120_000)
  await loseAndRestore(t, `file:${join(makeFolder(t), 'blobs')}`)
})

test('restore says what is wrong with a store or with its flags, and changes nothing', async (t) => {
  const folder = makeFolder(t)
  const nothing = await run(['restore', '--from', `file:${join(folder, 'none')}`, '--units', '127.0.0.1:1'])
  t.is(nothing.code, 2)
  t.regex(nothing.err, /holds nothing of any cluster: name another/)
  const far = await run(['restore', '--from', `file:${folder}`, '--units', '10.0.0.1:7101'])
  t.is(far.code, 2)
  t.regex(far.err, /cannot reach a sequencer at 127.0.0.1:0: name one with --listen HOST:PORT/)
  t.is((await run(['restore', '--units', '127.0.0.1:1'])).code, 2)
})
