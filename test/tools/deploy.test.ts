/**
 * The files of tools/deploy: every command line in them is one that the real parser takes, every setting is a flag,
 * and the steps of the Dockerfile are run in a plain folder.
 *
 *     FROM ... AS build    its COPY and RUN are done below a folder in place of /; npm ci fetches what is installed
 *     systemd              systemd-analyze verify, where there is one
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import test from 'ava'
import { makeProgram } from '../../tools/cli/program.ts'
import { folder, line, run, start } from './command-line.ts'

test.beforeEach((t) => {
  t.timeout(180_000)
})

const root = new URL('../..', import.meta.url).pathname
const deployed = (name: string): string => readFileSync(join(root, 'tools/deploy', name), 'utf8')
const found = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((one) => one[1] ?? '')
const words = (text: string): string[] => found(text, /"([^"]*)"/g)

/**
 * Runs a command line through the parser, with the command's own act left out; gives the flags it was understood as.
 */
async function understood(args: readonly string[], settings: readonly string[]): Promise<Record<string, unknown>> {
  const program = makeProgram()
  const command = program.commands.find((one) => one.name() === args[0])
  if (command === undefined) throw new Error(`no command is called ${args[0]}`)
  let flags: Record<string, unknown> = {}
  command.action(() => {
    flags = command.optsWithGlobals()
  })
  for (const option of command.options) {
    const value = valueOf(settings, option.long ?? '')
    if (value === undefined) continue
    const parse: ((text: string, before: unknown) => unknown) | undefined = option.parseArg
    command.setOptionValueWithSource(
      option.attributeName(),
      parse === undefined ? value : parse(value, undefined),
      'env',
    )
  }
  await program.parseAsync([...args], { from: 'user' })
  return flags
}

/** Settings as lines `SIRTAKI_NAME=value`. */
const valueOf = (settings: readonly string[], flag: string): string | undefined =>
  settings.find((one) => one.startsWith(`${variableOf(flag)}=`))?.replace(/^[^=]*=/, '')
const variableOf = (flag: string): string => `SIRTAKI_${flag.slice(2).replaceAll('-', '_').toUpperCase()}`
const variables = (): string[] => {
  const program = makeProgram()
  return [program, ...program.commands].flatMap((one) => one.options.map((option) => variableOf(option.long ?? '')))
}

const example = deployed('sirtaki.env.example')
const [ofUnit = '', ofSequencer = ''] = example.split('# ---- ').slice(1)
const settingsIn = (text: string): string[] => found(text, /^#?(SIRTAKI_[A-Z_]+=.*)$/gm)

test('every setting in the files is that of a flag', (t) => {
  const named = ['sirtaki.env.example', 'Dockerfile', 'compose.yaml'].flatMap((name) =>
    found(deployed(name), /\b(SIRTAKI_[A-Z_]+)(?:=|: )/g),
  )
  t.true(named.length > 10)
  t.deepEqual(
    named.filter((name) => !variables().includes(name)),
    [],
  )
})

test('systemd: the command lines are understood, with the example of settings', async (t) => {
  const [unitLine = ''] = found(deployed('sirtaki-unit@.service'), /^ExecStart=\S+\/sirtaki (.*)$/gm)
  const unit = await understood(
    unitLine.replaceAll('%i', 'a').split(' '),
    settingsIn(ofUnit).filter((one) => !one.endsWith('=')),
  )
  t.like(unit, {
    data: '/var/lib/sirtaki/unit-a',
    listen: '0.0.0.0:7100',
    advertise: 'unit-a.example.net:7100',
    log: 'json',
    http: '127.0.0.1:9100',
  })
  const [sequencerLine = ''] = found(deployed('sirtaki-sequencer.service'), /^ExecStart=\S+\/sirtaki (.*)$/gm)
  const sequencer = await understood(sequencerLine.split(' '), settingsIn(ofSequencer))
  t.like(sequencer, { standby: true, log: 'json', listen: '0.0.0.0:7200', http: '127.0.0.1:9200' })
  t.deepEqual(sequencer['units'], ['unit-a.example.net:7100', 'unit-b.example.net:7100', 'unit-c.example.net:7100'])
})

test('systemd: the services are as systemd wants them', (t) => {
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) {
    t.log('SKIPPED: systemd-analyze is not here, so nobody has verified the services')
    t.pass()
    return
  }
  const { path, remove } = folder()
  t.teardown(remove)
  // What is installed on a server later on is not here: another program in its place.
  const here = (name: string): string => deployed(name).replace('/usr/bin/sirtaki', process.execPath)
  writeFileSync(join(path, 'sirtaki-unit@a.service'), here('sirtaki-unit@.service'))
  writeFileSync(join(path, 'sirtaki-sequencer.service'), here('sirtaki-sequencer.service'))
  const { status, stderr } = spawnSync(
    'systemd-analyze',
    ['verify', '--man=no', './sirtaki-unit@a.service', './sirtaki-sequencer.service'],
    { cwd: path, encoding: 'utf8' },
  )
  t.is(status, 0, stderr)
  t.is(
    stderr
      .split('\n')
      .filter((one) => one.includes('sirtaki'))
      .join('\n'),
    '',
  )
})

test(
  'systemd: both services end with the signal that servers know, and start again after more time than an end '
    + 'may take',
  (t) => {
    for (const text of ['sirtaki-unit@.service', 'sirtaki-sequencer.service'].map(deployed)) {
      t.regex(text, /^Type=exec$/m)
      t.regex(text, /^Restart=always$/m)
      t.regex(text, /^KillSignal=SIGTERM$/m)
      t.true(Number(found(text, /^TimeoutStopSec=(\d+)$/gm)[0]) > 7)
      t.true(Number(found(text, /^LimitNOFILE=(\d+)$/gm)[0]) >= 10_064)
      t.notRegex(text, /^MemoryDenyWriteExecute/m)
    }
  },
)

test('compose: units, sequencer and standby: each command understood, each address that of its service', async (t) => {
  const text = deployed('compose.yaml')
  const services = [...text.matchAll(/^ {2}([a-z-]+):\n {4}<<: \*\w+\n {4}command: (\[.*\])$/gm)].map((one) => ({
    name: one[1] ?? '',
    args: words(one[2] ?? ''),
  }))
  const flags = new Map<string, Record<string, unknown>>()
  // What the image sets is set for all.
  for (const { name, args } of services) flags.set(name, await understood(args, imageSettings()))
  t.deepEqual([...flags.keys()], ['unit-a', 'unit-b', 'unit-c', 'sequencer', 'standby', 'init', 'status'])
  const servers = services.slice(0, 5).map(({ name }) => name)
  t.deepEqual(
    servers.map((name) => flags.get(name)?.['advertise']),
    servers.map((name) => `${name}:7100`),
  )
  t.deepEqual(flags.get('standby'), { ...flags.get('sequencer'), advertise: 'standby:7100' })
  t.is(flags.get('standby')?.['standby'], true)
  t.deepEqual(flags.get('sequencer')?.['units'], flags.get('init')?.['units'])
  t.is(flags.get('unit-a')?.['data'], '/var/lib/sirtaki')
})

// ---- the Dockerfile, in a plain folder

interface Step {
  readonly act: string
  readonly rest: string
}
/** The steps of the Dockerfile, stage by stage. */
const stages = (): Step[][] =>
  deployed('Dockerfile')
    .replaceAll(/^#.*\n/gm, '')
    .split(/^(?=FROM )/m)
    .slice(1)
    .map((stage) =>
      stage
        .trim()
        .split('\n')
        .filter((one) => one !== '')
        .map((one) => ({ act: one.split(' ')[0] ?? '', rest: one.slice(one.indexOf(' ') + 1) })),
    )
const imageSettings = (): string[] =>
  stages()[1]
    ?.filter(({ act }) => act === 'ENV')
    .flatMap(({ rest }) => rest.split(' ')) ?? []

/** Does the steps of a stage below `into` as if it were /; the installed packages stand in for what npm ci fetches. */
function build(stage: readonly Step[], into: string): void {
  let cwd = into
  for (const { act, rest } of stage) {
    if (act === 'WORKDIR') {
      cwd = join(into, rest)
      mkdirSync(cwd, { recursive: true })
    }
    if (act === 'COPY') copy(rest.split(' '), cwd)
    if (act === 'RUN' && rest.startsWith('npm ci ')) symlinkSync(join(root, 'node_modules'), join(cwd, 'node_modules'))
    else if (act === 'RUN') {
      execFileSync('sh', ['-ec', rest], {
        cwd,
        env: {
          ...process.env,
          PATH: `${join(root, 'node_modules/node/bin')}:${process.env['PATH']}`,
          npm_config_offline: 'true',
          npm_config_loglevel: 'error',
          npm_config_update_notifier: 'false',
        },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
    }
  }
}

const ignored = (): string[] =>
  deployed('Dockerfile.dockerignore')
    .split('\n')
    .filter((one) => one !== '' && !one.startsWith('#'))
    .map((one) => one.replace('**/', ''))

/** COPY of files or of everything that the ignore file lets through. */
function copy(names: readonly string[], cwd: string): void {
  const from = names.slice(0, -1)
  const leftOut = new Set(ignored())
  for (const name of from.includes('.') ? readdirSync(root).filter((one) => !leftOut.has(one)) : from) {
    cpSync(join(root, name), join(cwd, basename(name)), {
      recursive: true,
      filter: (path) => !leftOut.has(basename(path)) && !basename(path).startsWith('.readme-'),
    })
  }
}

test('Dockerfile: its build makes a package that runs, whose health check sees whether a unit serves', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  const [first = [], last = []] = stages()
  build(first, path)
  const main = join(path, 'package/dist/tools/main.js')
  const { version }: { version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  t.is(execFileSync(process.execPath, [main, '--version'], { encoding: 'utf8' }), `${version}\n`)
  t.true(existsSync(join(path, 'package/package-lock.json')))
  const unit = start(['unit', '--json', '--data', join(path, 'u'), '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0'])
  t.teardown(() => {
    unit.kill('SIGKILL')
  })
  const { address, http }: { address: string; http: string } = JSON.parse(await line(unit, 'listening'))
  const [program = '', ...args] = JSON.parse(
    last.find(({ act }) => act === 'HEALTHCHECK')?.rest.replace(/^.*? CMD /, '') ?? '[]',
  )
  t.is(program, 'node')
  const probe = (pages: string): number | null =>
    spawnSync(process.execPath, args.map(String), { env: { ...process.env, SIRTAKI_HTTP: pages } }).status
  t.is(probe(http), 1)
  t.is((await run(['init', '--units', address])).code, 0)
  t.is(probe(http), 0)
  t.is(probe('127.0.0.1:1'), 1)
})

test(
  'Dockerfile: runs as nobody in particular, on the version of Node that is pinned here, and starts what it '
    + 'has linked',
  (t) => {
    const [first = [], last = []] = stages()
    t.regex(last[0]?.rest ?? '', /^node:24-slim$/)
    t.regex(first[0]?.rest ?? '', /^node:24-slim AS build$/)
    t.deepEqual(
      last.filter(({ act }) => act === 'USER').map(({ rest }) => rest),
      ['node'],
    )
    t.deepEqual(
      last.filter(({ act }) => act === 'ENTRYPOINT').map(({ rest }) => rest),
      ['["sirtaki"]'],
    )
    const [from = '', to = ''] = found(
      last.find(({ act, rest }) => act === 'COPY' && rest.startsWith('--from=build '))?.rest ?? '',
      /(\/\S+)/g,
    )
    t.is(from, '/package')
    t.true(
      last.some(
        ({ act, rest }) =>
          act === 'RUN' && rest.includes(`ln -s ${resolve(to, 'dist/tools/main.js')} /usr/local/bin/sirtaki`),
      ),
    )
  },
)
