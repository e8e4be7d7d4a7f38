/** `sirtaki completion`: what bash offers, asked of bash itself; what the other scripts name. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import test from 'ava'
import { run } from './command-line.ts'

let script = ''

test.before(async () => {
  script = (await run(['completion', 'bash'])).out
})
test.beforeEach((t) => {
  t.timeout(120_000)
})

/** What bash offers for the last of `words`. */
async function offered(...words: string[]): Promise<string[]> {
  const ask = `${script}\nCOMP_WORDS=("$@")\nCOMP_CWORD=$(($# - 1))\n_sirtaki\nprintf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout } = await promisify(execFile)('bash', ['--norc', '-euc', ask, 'bash', ...words], {
    cwd: new URL('../..', import.meta.url).pathname,
  })
  return stdout.split('\n').filter((word) => word !== '')
}

test('bash: the commands, also behind a flag of all commands', async (t) => {
  t.deepEqual(await offered('sirtaki', 'st'), ['status'])
  t.deepEqual(await offered('sirtaki', '--json', 'to'), ['top'])
  t.deepEqual(await offered('sirtaki', '--cluster', 'tcp', ':', '//127.0.0.1', ':', '7100', 'ap'), ['append'])
  t.deepEqual(await offered('sirtaki', '--cl'), ['--cluster'])
})

test('bash: the flags of the command, and those of all commands', async (t) => {
  t.deepEqual(await offered('sirtaki', 'tail', '--f'), ['--follow', '--from'])
  t.deepEqual(await offered('sirtaki', 'top', '--'), [
    '--interval',
    '--count',
    '--help',
    '--cluster',
    '--blobs',
    '--timeout',
    '--json',
    '--version',
  ])
})

test('bash: choices and folders where a value has them, nothing where it has none', async (t) => {
  t.deepEqual(await offered('sirtaki', 'bench', '--only', 'read.'), ['read.linearizable.1', 'read.linearizable.256'])
  t.deepEqual(await offered('sirtaki', 'explain', 'TIM'), ['TIMEOUT'])
  t.deepEqual(await offered('sirtaki', 'call', '/hits', 'c'), ['counter'])
  t.deepEqual(await offered('sirtaki', 'completion', ''), [
    'bash',
    'zsh',
    'fish',
    '-h',
    '--help',
    '--cluster',
    '--blobs',
    '--timeout',
    '--json',
    '--version',
  ])
  t.deepEqual(await offered('sirtaki', 'unit', '--data', 'exam'), ['examples'])
  t.deepEqual(await offered('sirtaki', 'tail', '--stream', ''), [])
})

test('bash: subcommands, and the flags of each', async (t) => {
  t.deepEqual(await offered('sirtaki', 'reconfigure', 're'), ['remove', 'replace'])
  t.deepEqual(await offered('sirtaki', 'queue', ''), [
    'put',
    'take',
    'dead',
    'requeue',
    '-h',
    '--help',
    '--cluster',
    '--blobs',
    '--timeout',
    '--json',
    '--version',
  ])
  t.deepEqual(await offered('sirtaki', 'queue', 'put', '--p'), ['--priority'])
  t.deepEqual(await offered('sirtaki', 'reconfigure', 'add', '--s'), ['--spare'])
  t.deepEqual(await offered('sirtaki', 'reconfigure', 'add', '--chain', ''), [])
  t.deepEqual(await offered('sirtaki', 'reconfigure', 'stripe', '--d'), ['--dry-run'])
})

test('zsh and fish: every command is named; another shell is exit code 2 and names the three', async (t) => {
  const [help, zsh, fish, other] = await Promise.all(
    [['--help'], ['completion', 'zsh'], ['completion', 'fish'], ['completion', 'tcsh']].map((args) => run(args)),
  )
  const commands = [...((help?.out ?? '').split('Commands:')[1]?.matchAll(/^ {2}([a-z]+) /gm) ?? [])].map(
    (found) => found[1] ?? '',
  )
  t.true(commands.includes('reconfigure'))
  t.deepEqual(
    commands.filter((name) => zsh?.out.includes(`        ${name}) _arguments `) !== true),
    [],
  )
  t.deepEqual(
    commands.filter((name) => fish?.out.includes(` -a ${name} -d '`) !== true),
    [],
  )
  t.regex(zsh?.out ?? '', /1:command:\(add grow remove replace move-sequencer stripe\)/)
  t.regex(fish?.out ?? '', /from reconfigure; and __fish_seen_subcommand_from add' -l spare /)
  t.is(other?.code, 2)
  t.regex(other?.err ?? '', /bash, zsh, fish/)
})
