/**
 * What users get: the package is built, packed, installed into an empty folder and run on Node 22 and 24.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'

const root = new URL('../..', import.meta.url).pathname
const run = (command: string, args: readonly string[], cwd: string): string =>
  execFileSync(command, [...args], {
    cwd,
    encoding: 'utf8',
    timeout: 110_000,
    env: { ...process.env, npm_config_fund: 'false', npm_config_audit: 'false' },
  })

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

/** Settings of a user: none at all, and the barest that still know promises. */
const settings = [{}, { strict: true, lib: ['es2022'], types: [] }]

/** The declarations compile with a user's settings, and each of them leads to its source. */
function checkTypes(t: ExecutionContext, folder: string): void {
  writeFileSync(join(folder, 'program.ts'), `${program}declare const console: { log(text: string): void }`)
  for (const compilerOptions of settings) {
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...compilerOptions, noEmit: true }, files: ['program.ts'] }),
    )
    t.notThrows(() => run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], folder))
  }
  const installed = join(folder, 'node_modules/sirtaki')
  const maps = readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.d.ts.map'),
  )
  const sources = maps.flatMap((file) => {
    const { sources: named }: { sources: string[] } = JSON.parse(readFileSync(join(installed, 'dist', file), 'utf8'))
    return named.map((source) => join(installed, 'dist', file, '..', source))
  })
  t.true(sources.length > 50)
  t.deepEqual(
    sources.filter((source) => !existsSync(source)),
    [],
  )
}

for (const [major, node] of [
  [22, join(root, 'node_modules/node22/bin/node')],
  [24, process.execPath],
] as const) {
  test.serial(`the packed package runs on Node ${major}`, (t) => {
    t.timeout(240_000)
    const folder = mkdtempSync(join(tmpdir(), 'sirtaki-package-'))
    t.teardown(() => {
      rmSync(folder, { recursive: true, force: true })
    })
    // The pack builds by itself: nothing of an older build, or none, gets out.
    rmSync(join(root, 'dist'), { recursive: true, force: true })
    const [packed = ''] = run('npm', ['pack', '--silent', '--pack-destination', folder], root)
      .trim()
      .split('\n')
      .slice(-1)
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({
        name: 'user',
        version: '1.0.0',
        type: 'module',
        allowScripts: { 'better-sqlite3': false },
      }),
    )
    writeFileSync(join(folder, 'program.js'), program)
    run('npm', ['install', '--silent', join(folder, packed)], folder)
    t.true(run(node, ['--version'], folder).startsWith(`v${major}.`))
    t.deepEqual(JSON.parse(run(node, ['program.js'], folder)), { value: 6, window: 65_536, history: 'ok' })
    const help = run(node, ['node_modules/.bin/sirtaki', '--help'], folder)
    t.true(help.includes('append'), help)
    if (major === 24) checkTypes(t, folder)
  })
}
