/** The long run of extensions, in small: it runs, kills, compares, and finds nothing. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { makeFolder } from '../log/io/folder.ts'
import { ended } from '../tools/command-line.ts'

const MAIN = join(import.meta.dirname, 'extensions-soak/main.ts')

test.serial(
  'E3, O3: processes that are killed and started again use the same fuel and come to one state',
  async (t) => {
    t.timeout(180_000)
    const folder = makeFolder(t)
    const json = join(folder, 'report.json')
    const args = ['--minutes', '0.33', '--clients', '3', '--seed', '1', '--dir', join(folder, 'run'), '--json', json]
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const { code, out, err } = await ended(child, { timeoutMs: 160_000 })
    t.is(code, 0, out + err)
    t.regex(out, /^violations +0$/m)
    t.regex(out, /^failures +0$/m)
    t.regex(out, /^buckets compared +[1-9]/m)
    t.regex(out, /^digests compared +[1-9]/m)
    t.regex(out, /^act: call +ok \d\d/m)
    t.regex(out, /^kills of clients +[1-9]/m)
    t.regex(readFileSync(json, 'utf8'), /"fuel":[1-9]\d{6}/)
  },
)
