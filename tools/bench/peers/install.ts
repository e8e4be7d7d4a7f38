/**
 * Builds of servers and npm packages of clients: made once, each in a folder of its own in the cache, outside this
 * package.
 *
 * A build is made beside its place and renamed when whole, so a stopped one leaves nothing that looks finished.
 * Read next: `processes.ts`.
 */
import { spawn } from 'node:child_process'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

/** Runs one command of a build in its folder. */
export type RunCommand = (command: string, args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<void>

/** One folder of the cache: the tool that makes it, and how. */
export interface Build {
  /** The name of the folder: names all that the content depends on. */
  readonly name: string
  readonly tool: string
  make(folder: string, run: RunCommand): Promise<void>
}

const COMMAND_MS = 15 * 60_000

const cache = (): string => process.env['SIRTAKI_PEERS'] ?? join(tmpdir(), 'sirtaki-peers')
const place = ({ name }: Build): string => join(cache(), name)

/** Says which of the tools that run the servers, and of those that make what is not made yet, are missing here. */
export function missingTools(running: readonly string[], builds: readonly Build[]): string | undefined {
  const needed = new Set([...running, ...builds.filter((build) => !existsSync(place(build))).map(({ tool }) => tool)])
  const missing = [...needed].filter((tool) => !onPath(tool))
  return missing.length === 0 ? undefined : `${missing.join(', ')}: not found on the PATH`
}

function onPath(tool: string): boolean {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .some((folder) => {
      try {
        accessSync(join(folder, tool), constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/**
 * Makes a build unless it is there, and gives its folder.
 *
 * @throws Error with the last line of the log, and where the log is
 */
export async function install(build: Build, progress: (text: string) => void): Promise<string> {
  const folder = place(build)
  if (existsSync(folder)) return folder
  const making = `${folder}.${process.pid}`
  const log = `${folder}.log`
  mkdirSync(making, { recursive: true })
  progress(`installing ${build.name} with ${build.tool}, once (log: ${log})`)
  const started = performance.now()
  try {
    await build.make(making, (command, args, env = {}) => runCommand({ command, args, env, cwd: making, log }))
    if (!existsSync(folder)) renameSync(making, folder)
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  progress(`installed ${build.name} in ${((performance.now() - started) / 1000).toFixed(0)} s`)
  return folder
}

interface Command {
  readonly command: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  readonly log: string
}

function runCommand({ command, args, env, cwd, log }: Command): Promise<void> {
  const output = openSync(log, 'a')
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', output, output],
    timeout: COMMAND_MS,
  })
  closeSync(output)
  return new Promise((resolve, reject) => {
    const fail = (how: string): void => {
      reject(new Error(`${command} ${args[0] ?? ''} ${how}: ${lastLine(log)} (log: ${log})`))
    }
    child.once('error', ({ message }) => {
      fail(message)
    })
    child.once('exit', (code, signal) => {
      if (code === 0) resolve()
      else fail(`ended with ${signal ?? code}`)
    })
  })
}

/** The last line of a log that says anything. */
export function lastLine(log: string): string {
  return readFileSync(log, 'utf8').trimEnd().split('\n').at(-1)?.trim() || 'nothing was logged'
}

/** npm packages of exact versions; of the optional ones those are left out that cannot be built here. */
export function npmBuild(
  name: string,
  dependencies: Record<string, string>,
  optionalDependencies: Record<string, string> = {},
): Build {
  // A native package fits one version of Node's interface only.
  return {
    name: `${name}-node${process.versions.modules}`,
    tool: 'npm',
    make: async (folder, run) => {
      const allowScripts = Object.fromEntries(Object.keys(optionalDependencies).map((dependency) => [dependency, true]))
      writeFileSync(
        join(folder, 'package.json'),
        JSON.stringify({ private: true, dependencies, optionalDependencies, allowScripts }),
      )
      await run('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund'], npmEnvironment())
    },
  }
}

/** Native packages are built by the Node that runs this, with its own headers where it came with them. */
function npmEnvironment(): NodeJS.ProcessEnv {
  const bin = dirname(process.execPath)
  const candidates = [dirname(bin), join(dirname(bin), 'node_modules', `node-${process.platform}-${process.arch}`)]
  const headers = candidates.find((folder) => existsSync(join(folder, 'include/node/node.h')))
  return {
    PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
    ...(headers === undefined ? {} : { npm_config_nodedir: headers }),
  }
}
