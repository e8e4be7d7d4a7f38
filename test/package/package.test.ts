/**
 * What users get: the package is built, packed, installed into an empty folder and run on Node 22 and 24.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'

const root = new URL('../..', import.meta.url).pathname
const run = (command: string, args: readonly string[], cwd: string): string => execFileSync(command, [...args], { cwd, encoding: 'utf8', timeout: 110_000, env: { ...process.env, npm_config_fund: 'false', npm_config_audit: 'false' } })

const program = `
  import { connect, Counter } from 'sirtaki'
  import { limits } from 'sirtaki/log'
  import { checkLogHistory } from 'sirtaki/testing'
  const client = await connect('memory:')
  const hits = await client.open(Counter, '/hits')
  await Promise.all([hits.add({ by: 1 }), hits.add({ by: 2 })])
  const value = await hits.add({ by: 3 })
  console.log(JSON.stringify({ value, window: limits.window, history: checkLogHistory([]).kind }))
  await client.close()
`

for (const [major, version] of [[22, '22.22.0'], [24, '']] as const) {
  test.serial(`the packed package runs on Node ${major}`, (t) => {
    t.timeout(240_000)
    const folder = mkdtempSync(join(tmpdir(), 'sirtaki-package-'))
    t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
    run('npm', ['run', '-s', 'build'], root)
    const [packed = ''] = run('npm', ['pack', '--silent', '--pack-destination', folder], root).trim().split('\n').slice(-1)
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'user', version: '1.0.0', type: 'module', allowScripts: { node: true, 'better-sqlite3': false } }))
    writeFileSync(join(folder, 'program.js'), program)
    run('npm', ['install', '--silent', join(folder, packed), ...(version === '' ? [] : [`node@${version.split('.')[0]}`])], folder)
    const node = version === '' ? process.execPath : join(folder, 'node_modules/node/bin/node')
    t.true(run(node, ['--version'], folder).startsWith(`v${major}.`))
    t.deepEqual(JSON.parse(run(node, ['program.js'], folder)), { value: 6, window: 65_536, history: 'ok' })
    const help = run(node, ['node_modules/sirtaki/dist/tools/main.js', '--help'], folder)
    t.true(help.includes('append'), help)
  })
}
