/** Wrong flags and places: one line that names the value and the next step, and the right exit code. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { folder, run } from './command-line.ts'

test.beforeEach((t) => {
  t.timeout(120_000)
})

test('--version is that of the package, also behind a command; no file or environment sets it', async (t) => {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  )
  const [plain, behind, odd] = await Promise.all([
    run(['--version']),
    run(['top', '--version']),
    run(['--version'], { env: { SIRTAKI_VERSION: '9' } }),
  ])
  t.deepEqual(
    [plain, behind, odd].map(({ code, out, err }) => [code, out, err]),
    [
      [0, `${version}\n`, ''],
      [0, `${version}\n`, ''],
      [0, `${version}\n`, ''],
    ],
  )
})

test('--version of a command that has one is the version of a node, before and behind other flags', async (t) => {
  const wrong = await Promise.all(
    [
      ['set', '/app', '/flags', '1', '--version', 'x'],
      ['set', '/app', '/get', 'top', '--version', 'x', '--text', '--json'],
      ['--json', 'rm', '/app', '--version', 'x', '/flags'],
      ['rm', '/app', '/flags', '--version=x'],
    ].map((args) => run(args)),
  )
  t.deepEqual(
    wrong.map(({ code, err }) => [code, /a version is a whole number from 0/.test(err)]),
    wrong.map(() => [2, true]),
  )
})

test('pages that others can reach are exit code 2, unless somebody says --http-public', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  const [shown, unix, env] = await Promise.all([
    run(['unit', '--data', join(path, 'u'), '--listen', '127.0.0.1:0', '--http', '0.0.0.0:9100']),
    run(['sequencer', '--listen', '127.0.0.1:0', '--units', '127.0.0.1:1', '--http', 'unix:/tmp/x']),
    run(['unit', '--data', join(path, 'u'), '--listen', '127.0.0.1:0'], { env: { SIRTAKI_HTTP: 'example.net:9100' } }),
  ])
  t.deepEqual([shown.code, unix.code, env.code], [2, 2, 2])
  t.regex(
    shown.err,
    /^sirtaki: --http 0\.0\.0\.0:9100 can be reached.*use 127\.0\.0\.1:9100, or say --http-public \[BAD_ARG.*\]\n$/,
  )
  t.regex(env.err, /--http example\.net:9100 can be reached/)
  t.false(existsSync(join(path, 'u')))
})

test('a mistyped command gets the nearest one', async (t) => {
  const ran = await run(['statsu'])
  t.is(ran.code, 2)
  t.is(ran.err, "sirtaki: unknown command 'statsu' (did you mean status?): see sirtaki --help\n")
})

test('a mistyped subcommand gets the nearest one', async (t) => {
  const ran = await run(['reconfigure', 'remvoe', '127.0.0.1:1'])
  t.is(ran.code, 2)
  t.is(
    ran.err,
    "sirtaki: unknown command 'reconfigure remvoe' (did you mean remove?): there are add, grow, remove, "
      + 'replace, move-sequencer, stripe\n',
  )
})

test('a mistyped flag gets the nearest one, of the command or of all commands', async (t) => {
  const [own, common] = await Promise.all([run(['top', '--intervall', '500']), run(['status', '--jsn'])])
  t.deepEqual([own.code, common.code], [2, 2])
  t.is(own.err, "sirtaki: unknown option '--intervall' (did you mean --interval?): see sirtaki top --help\n")
  t.is(common.err, "sirtaki: unknown option '--jsn' (did you mean --json?): see sirtaki status --help\n")
})

test('a usage error names the help of its own command, also of a subcommand', async (t) => {
  const lines = [
    ['read'],
    ['append', '--stream', 'x', 'text'],
    ['reconfigure', 'replace', '127.0.0.1:1'],
    ['--nothing'],
  ]
  const wrong = await Promise.all(lines.map((args) => run(args)))
  t.deepEqual(
    wrong.map(({ err }) => err.replace(/^.*: see (.*)\n$/, '$1')),
    ['sirtaki read --help', 'sirtaki append --help', 'sirtaki reconfigure replace --help', 'sirtaki --help'],
  )
})

test('with --json an error is one JSON object on one line of stderr, with code, message, next and facts', async (t) => {
  const errors = await Promise.all([
    run(['--json', 'read', 'x']),
    run(['read', '--json']),
    run(['--json', '--cluster', 'tcp://127.0.0.1:1', 'status']),
    run(['--cluster', 'tcp:/localhost', 'status'], { env: { SIRTAKI_JSON: '1' } }),
  ])
  t.deepEqual(
    errors.map(({ code }) => code),
    [2, 2, 3, 2],
  )
  t.deepEqual(
    errors.map(({ out, err }) => [out, err.split('\n').length]),
    errors.map(() => ['', 2]),
  )
  const [wrong, missing, away, odd] = errors.map(({ err }): Record<string, unknown> => ({ ...JSON.parse(err) }))
  t.like(wrong, { code: 'BAD_ARGUMENT', next: 'stop', facts: {}, exit: 2 })
  t.like(missing, { code: 'BAD_ARGUMENT', exit: 2 })
  t.like(away, { code: 'UNREACHABLE', next: 'again', facts: { addresses: ['127.0.0.1:1'] }, exit: 3 })
  t.regex(String(away?.['message']), /^no cluster answers at tcp:\/\/127\.0\.0\.1:1 .*start one with sirtaki dev$/)
  t.like(odd, { code: 'BAD_ADDRESS', next: 'stop', facts: { address: 'tcp:/localhost' }, exit: 2 })
})

test('wrong flags and arguments are exit code 2, in one line', async (t) => {
  const wrong = await Promise.all(
    [
      ['append'],
      ['read', 'x'],
      ['read', '-1'],
      ['tail', '--stream', '5000000000'],
      ['status', '--jsn'],
      ['init'],
      ['unit', '--data', '/tmp/x'],
      ['init', '--units', 'a:1,b:2', '--chains', '3'],
    ].map((args) => run(args)),
  )
  t.deepEqual(
    wrong.map((one) => one.code),
    [2, 2, 2, 2, 2, 2, 2, 2],
  )
  t.deepEqual(
    wrong.map((one) => one.err.trim().split('\n').length),
    [1, 1, 1, 1, 1, 1, 1, 1],
  )
})

test('an address that makes no sense is exit code 2, one where nobody answers is exit code 3', async (t) => {
  const odd = await run(['--cluster', 'tcp:/localhost', 'status'])
  t.is(odd.code, 2)
  t.regex(odd.err, /"tcp:\/localhost" is no address of a cluster: expected tcp/)
  const away = await run(['--cluster', 'tcp://127.0.0.1:1', 'status'])
  t.is(away.code, 3)
  t.regex(away.err, /^sirtaki: no cluster answers at tcp:\/\/127\.0\.0\.1:1 .*start one with sirtaki dev.*\n$/)
})

test('a folder that cannot be made, and one that is a file, are exit code 1', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  writeFileSync(join(path, 'file'), '')
  const file = await run(['unit', '--data', join(path, 'file'), '--listen', '127.0.0.1:0'])
  t.is(file.code, 1)
  t.regex(file.err, /is a file, a unit needs a folder/)
  const below = await run(['unit', '--data', join(path, 'file', 'x', 'y'), '--listen', '127.0.0.1:0'])
  t.is(below.code, 1)
  t.regex(below.err, /cannot be made/)
})

test('a damaged database is exit code 6', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  writeFileSync(join(path, 'unit.db'), 'this was a database once, '.repeat(200))
  const ran = await run(['unit', '--data', path, '--listen', '127.0.0.1:0'])
  t.is(ran.code, 6)
  t.regex(ran.err, /is damaged/)
})

test('a config file with an unknown name is exit code 2 and names it', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  writeFileSync(join(path, 'sirtaki.config.json'), '{"clutser": "tcp://127.0.0.1:1"}')
  const ran = await run(['status'], { cwd: path })
  t.is(ran.code, 2)
  t.regex(ran.err, /"clutser"/)
})

test('every command is described on the page of commands', async (t) => {
  const page = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8')
  const { out } = await run(['--help'])
  const commands = [...(out.split('Commands:')[1]?.matchAll(/^ {2}([a-z]+) /gm) ?? [])].map((found) => found[1] ?? '')
  t.true(commands.length > 20)
  t.deepEqual(
    commands.filter((name) => !new RegExp(`(?:sirtaki(?: --)?|\\|) \`?${name}\\b|\`${name}[ \`]`).test(page)),
    [],
  )
})
