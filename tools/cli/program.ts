/**
 * The commands as one parser, and where flags come from: defaults < sirtaki.config.json < SIRTAKI_* < flags.
 *
 * Owns: the common flags, the names of environment variables. Read next: `commands/`, one file each.
 */
import { existsSync, readFileSync } from 'node:fs'
import { Command, type CommanderError, type Option } from 'commander'
import { boolean, number, record, string, union, array, is } from 'superstruct'
import { appendCommand } from '../commands/append.ts'
import { archiveCommand, archiverCommand } from '../commands/archive.ts'
import { benchCommand } from '../commands/bench.ts'
import { callCommand } from '../commands/call.ts'
import { checkpointCommand } from '../commands/checkpoint.ts'
import { checkpointerCommand } from '../commands/checkpointer.ts'
import { completionCommand } from '../commands/completion.ts'
import { createCommand } from '../commands/create.ts'
import { devCommand } from '../commands/dev.ts'
import { doctorCommand } from '../commands/doctor.ts'
import { explainCommand } from '../commands/explain.ts'
import { exportCommand } from '../commands/export.ts'
import { extensionCommand } from '../commands/extension.ts'
import { fillCommand } from '../commands/fill.ts'
import { getCommand } from '../commands/get.ts'
import { blameCommand, diffCommand, historyCommand, replayCommand } from '../commands/history.ts'
import { importCommand } from '../commands/import.ts'
import { initCommand } from '../commands/init.ts'
import { electCommand, lockCommand } from '../commands/lock.ts'
import { logCommand } from '../commands/log.ts'
import { locksCommand } from '../commands/locks.ts'
import { lsCommand } from '../commands/ls.ts'
import { queueCommand } from '../commands/queue.ts'
import { readCommand } from '../commands/read.ts'
import { reconfigureCommand } from '../commands/reconfigure.ts'
import { recoverCommand } from '../commands/recover.ts'
import { restoreCommand } from '../commands/restore.ts'
import { rmCommand } from '../commands/rm.ts'
import { sequencerCommand } from '../commands/sequencer.ts'
import { sessionsCommand } from '../commands/sessions.ts'
import { setCommand } from '../commands/set.ts'
import { skipCommand } from '../commands/skip.ts'
import { statusCommand } from '../commands/status.ts'
import { tailCommand } from '../commands/tail.ts'
import { topCommand } from '../commands/top.ts'
import { trimCommand } from '../commands/trim.ts'
import { unitCommand } from '../commands/unit.ts'
import { verifyCommand } from '../commands/verify.ts'
import { watchCommand } from '../commands/watch.ts'
import { wholeFrom } from './arguments.ts'
import { Failure, exits } from './failure.ts'
import { ownVersion } from './version.ts'

/** The file of settings, in the working directory. */
export const CONFIG_FILE = 'sirtaki.config.json'

const Config = record(string(), union([string(), number(), boolean(), array(union([string(), number()]))]))

/** Makes the parser; it throws instead of ending the process. @throws Failure for a bad config file. */
export function makeProgram(): Command {
  const program = new Program('sirtaki')
    .description('Coordination as a library on a shared log: servers, objects, and a look at the log.')
    .option(
      '--cluster <address>',
      'where the cluster is: tcp://host:port,host:port,... or file:DIR',
      'tcp://127.0.0.1:7100',
    )
    .option('--blobs <address>', 'the blob store of checkpoints: s3://bucket/prefix?endpoint=URL or file:FOLDER')
    .option('--timeout <ms>', 'patience for one call', wholeFrom(1, 'a time in milliseconds'), 5_000)
    .option('--json', 'data as JSON, one object a line')
    .addHelpText(
      'after',
      `\nFlags come from ${CONFIG_FILE} ({"cluster": "tcp://..."}), from SIRTAKI_* variables `
        + `(SIRTAKI_CLUSTER) and from the command line, the last wins.\nExit codes: 0 ok, 1 failed, 2 usage, 3 `
        + 'cannot reach, 4 not found or trimmed, 5 conflict or lost, 6 corrupt, 130 interrupted.',
    )
  const commands = makeCommands()
  for (const command of commands) program.addCommand(command)
  const config = readConfig()
  const known = new Set<string>()
  // Flags of subcommands come from the command line only: no file should be able to change a cluster.
  for (const command of commands.flatMap((one) => [one, ...one.commands])) plain(command)
  plain(program)
  for (const command of [program, ...commands.filter((one) => !fromLineOnly.includes(one.name()))]) {
    for (const option of command.options) {
      known.add(option.attributeName())
      prepare(command, option, config)
    }
  }
  const odd = Object.keys(config).find((name) => !known.has(name))
  if (odd !== undefined) {
    throw new Failure(
      exits.usage,
      `${CONFIG_FILE} has ${JSON.stringify(odd)}, which is no flag: use the names of flags, such as "cluster"`,
    )
  }
  // Last, since it is a flag but no setting: neither the file nor the environment may give it.
  return program.version(ownVersion, '--version', 'print the version')
}

/**
 * Flags of these come from the command line only: `data` of `elect` is no folder, as that of a unit is, and what a
 * command does to a node is no setting.
 */
const fromLineOnly: readonly string[] = ['elect', 'lock', 'create', 'set', 'rm', 'import', 'restore']

const makeCommands = (): Command[] => [
  devCommand(),
  initCommand(),
  unitCommand(),
  sequencerCommand(),
  statusCommand(),
  topCommand(),
  doctorCommand(),
  appendCommand(),
  readCommand(),
  tailCommand(),
  fillCommand(),
  trimCommand(),
  lsCommand(),
  getCommand(),
  callCommand(),
  createCommand(),
  setCommand(),
  rmCommand(),
  skipCommand(),
  watchCommand(),
  exportCommand(),
  importCommand(),
  lockCommand(),
  electCommand(),
  locksCommand(),
  queueCommand(),
  sessionsCommand(),
  historyCommand(),
  diffCommand(),
  blameCommand(),
  replayCommand(),
  logCommand(),
  extensionCommand(),
  checkpointCommand(),
  checkpointerCommand(),
  archiveCommand(),
  archiverCommand(),
  reconfigureCommand(),
  recoverCommand(),
  restoreCommand(),
  verifyCommand(),
  benchCommand(),
  explainCommand(),
  completionCommand(),
]

/**
 * Leaves what stands behind `--` to the command that it belongs to: the parser of the whole line would drop the `--`,
 * and take a flag of what `sirtaki lock ID -- COMMAND` runs for one of `lock`.
 */
class Program extends Command {
  override parseOptions(argv: string[]): ReturnType<Command['parseOptions']> {
    const at = argv.indexOf('--')
    if (at < 0) return this.#parse(argv)
    const { operands, unknown } = this.#parse(argv.slice(0, at))
    return { operands, unknown: [...unknown, ...argv.slice(at)] }
  }

  /** The `--version` of a command that has one, with its value, is not that of the program. */
  #parse(argv: string[]): ReturnType<Command['parseOptions']> {
    const at = argv.indexOf('--version')
    const name = argv.slice(0, Math.max(0, at)).find((word) => this.commands.some((one) => one.name() === word))
    const own = this.commands.find((one) => one.name() === name)
    if (own?.options.some(({ long }) => long === '--version') !== true) return super.parseOptions(argv)
    const before = super.parseOptions(argv.slice(0, at))
    const behind = super.parseOptions(argv.slice(at + 2))
    return {
      operands: before.operands,
      unknown: [...before.unknown, ...argv.slice(at, at + 2), ...behind.operands, ...behind.unknown],
    }
  }
}

/** Errors are told by `../main.ts`, in one line. */
function plain(command: Command): void {
  command
    .exitOverride((error) => {
      throw usageOf(command, error)
    })
    .configureOutput({ outputError: () => undefined })
    .helpCommand(false)
}

/** What the parser refuses, with the help of the command that it is about. */
function usageOf(command: Command, { code, message, exitCode }: CommanderError): Failure {
  if (exitCode === 0) return new Failure(exits.ok, '')
  // Without a command the parser has shown the help already.
  if (code === 'commander.help') return new Failure(exits.usage, '')
  const oneLine = message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace('(Did you mean', '(did you mean')
    .replace(/\.$/, '')
  return new Failure(exits.usage, `${oneLine}: see ${nameOf(command)} --help`)
}

/** The names from the program down to the command: `sirtaki reconfigure add`. */
const nameOf = (command: Command): string =>
  command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`

function prepare(command: Command, option: Option, config: Readonly<Record<string, unknown>>): void {
  const name = option.attributeName()
  const variable = `SIRTAKI_${(option.long ?? '').slice(2).replaceAll('-', '_').toUpperCase()}`
  const fromFile = config[name]
  if (fromFile !== undefined) command.setOptionValueWithSource(name, valueOf(option, fromFile, CONFIG_FILE), 'config')
  const fromEnvironment = process.env[variable]
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    command.setOptionValueWithSource(name, valueOf(option, fromEnvironment, variable), 'env')
  }
}

/** Reads a value as the flag itself would. @throws Failure that names where it came from. */
function valueOf(option: Option, value: unknown, source: string): unknown {
  if (!option.required && !option.optional) return !['0', 'false'].includes(String(value))
  const parse: ((text: string, before: unknown) => unknown) | undefined = option.parseArg
  if (parse === undefined) return String(value)
  try {
    let parsed: unknown
    for (const one of Array.isArray(value) ? value : [value]) parsed = parse(String(one), parsed)
    return parsed
  } catch (thrown) {
    throw new Failure(
      exits.usage,
      `${source}: ${JSON.stringify(value)} is no value of ${JSON.stringify(option.attributeName())}: `
        + (thrown instanceof Error ? thrown.message : String(thrown)),
    )
  }
}

function readConfig(): Readonly<Record<string, unknown>> {
  if (!existsSync(CONFIG_FILE)) return {}
  let value: unknown
  try {
    value = JSON.parse(readFileSync(CONFIG_FILE, 'utf8'))
  } catch (thrown) {
    throw new Failure(
      exits.usage,
      `${CONFIG_FILE} cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    )
  }
  if (!is(value, Config)) {
    throw new Failure(
      exits.usage,
      `${CONFIG_FILE} must be an object of flags and their values, such as {"cluster": "tcp://127.0.0.1:7100"}`,
    )
  }
  return value
}
