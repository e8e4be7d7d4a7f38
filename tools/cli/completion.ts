/**
 * Completion for shells, made from the commands as they are, so that it never goes stale.
 *
 *     program ─ shapeOf ─ Shape ─ bash | zsh | fish ─ a script that knows every command, flag and choice
 *
 * Read next: `program.ts`, `../commands/completion.ts`.
 */
import type { Argument, Command, Option } from 'commander'

/** What may stand in a place: one of `words`, a folder, or anything (no words). */
interface Value {
  readonly words: readonly string[]
  readonly folder: boolean
}
interface Flag {
  readonly names: readonly string[]
  readonly about: string
  readonly value: Value | undefined
}
interface Shape {
  readonly name: string
  readonly about: string
  readonly flags: readonly Flag[]
  readonly argument: Value | undefined
  readonly commands: readonly Shape[]
}

/** Scripts by shell. */
const completions = { bash, zsh, fish } as const satisfies Record<string, (program: Shape) => string>
/** A shell that we can complete for. */
export type Shell = keyof typeof completions
/** The shells by name. */
export const shells: readonly Shell[] = ['bash', 'zsh', 'fish']

/** Makes the script of a shell for a program and its commands. */
export const completionOf = (shell: Shell, program: Command): string => completions[shell](shapeOf(program))

function shapeOf(command: Command): Shape {
  const help = command.createHelp()
  const values = command.registeredArguments.map((argument) => valueOf(argument, argument.name()))
  return {
    name: command.name(),
    about: command.description(),
    flags: help.visibleOptions(command).map(flagOf),
    argument: values.length === 0 ? undefined : anyOf(values),
    commands: help.visibleCommands(command).map(shapeOf),
  }
}

/** A command with the words that lead to it: `reconfigure`, `reconfigure add`. */
interface Leading {
  readonly path: string
  readonly shape: Shape
}
const leadingOf = (commands: readonly Shape[], before = ''): Leading[] =>
  commands.flatMap((shape) => [
    { path: `${before}${shape.name}`, shape },
    ...leadingOf(shape.commands, `${before}${shape.name} `),
  ])

function flagOf(option: Option): Flag {
  const takes = option.required || option.optional
  return {
    names: [option.short, option.long].filter((name) => name !== undefined && name !== null),
    about: option.description,
    value: takes ? valueOf(option, option.flags) : undefined,
  }
}

/** A folder is what calls itself `dir`. */
const valueOf = ({ argChoices = [] }: Argument | Option, name: string): Value => ({
  words: argChoices,
  folder: /\bdir\b/.test(name),
})

/** Arguments are offered all together: a word is rarely that of another place. */
const anyOf = (values: readonly Value[]): Value => ({
  words: values.flatMap(({ words }) => words),
  folder: values.some(({ folder }) => folder),
})

const namesOf = (flags: readonly Flag[]): string[] => flags.flatMap(({ names }) => names)

// ---- bash

function bash(program: Shape): string {
  const { name, commands, flags } = program
  const all = leadingOf(commands)
  const known = all.map(({ path }) => bashPath(path)).join('|')
  const values = [
    ...flags.map((flag) => bashValue('', flag)),
    ...all.flatMap(({ path, shape }) => shape.flags.map((flag) => bashValue(path, flag))),
  ]
  return `# ${name} in bash: source <(${name} completion bash)
_${name}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command='' one
  for one in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${command:+$command }$one" in ${known}) command="\${command:+$command }$one" ;; esac
  done
  COMPREPLY=()
  case "$command $before" in
${values.filter((line) => line !== '').join('\n')}
  esac
  case "$command" in
    '') COMPREPLY=($(compgen -W '${[...commands.map((one) => one.name), ...namesOf(flags)].join(' ')}' -- "$word")) ;;
${all.map((one) => bashCommand(one, flags)).join('\n')}
  esac
}
complete -F _${name} ${name}`
}

const bashPath = (path: string): string => (path.includes(' ') ? `'${path}'` : path)

/** Flags of the program, of no path, have values behind every command. */
function bashValue(path: string, { names, value }: Flag): string {
  if (value === undefined) return ''
  return (
    `    ${names.map((name) => (path === '' ? `*' ${name}'` : `'${path} ${name}'`)).join('|')}) `
    + `${bashReply(value)}return ;;`
  )
}

function bashReply({ words, folder }: Value): string {
  if (folder) return 'COMPREPLY=($(compgen -d -- "$word")); '
  return words.length === 0 ? '' : `COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$word")); `
}

function bashCommand({ path, shape: { flags, argument, commands } }: Leading, common: readonly Flag[]): string {
  const words = [...commands.map((one) => one.name), ...(argument?.words ?? []), ...namesOf([...flags, ...common])]
  const folders = argument?.folder === true ? '; COMPREPLY+=($(compgen -d -- "$word"))' : ''
  return `    ${bashPath(path)}) COMPREPLY=($(compgen -W '${[...new Set(words)].join(' ')}' -- "$word"))${folders} ;;`
}

// ---- zsh

function zsh({ name, commands, flags }: Shape): string {
  const common = flags.map(zshFlag)
  const argumentsOf = (one: Shape): string => {
    const own = [one, ...one.commands].flatMap((each) => each.flags).map(zshFlag)
    return [...new Set([...own, ...common, ...zshSubcommands(one), ...zshArgument(one)])].join(' ')
  }
  return `#compdef ${name}
# ${name} in zsh: source <(${name} completion zsh), after compinit
_${name}() {
  local curcontext="$curcontext" state line
  local -a commands
  commands=(
${commands.map((one) => `    ${quoted(`${one.name}:${one.about}`)}`).join('\n')}
  )
  _arguments -C ${common.join(' ')} '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $words[1] in
${commands.map((one) => `        ${one.name}) _arguments ${argumentsOf(one)} ;;`).join('\n')}
      esac ;;
  esac
}
if [ "$funcstack[1]" = _${name} ]; then _${name} "$@"; else compdef _${name} ${name}; fi`
}

function zshFlag({ names, about, value }: Flag): string {
  const text = `[${about.replaceAll(/[[\]:\\]/g, '\\$&')}]${value === undefined ? '' : `:value:${zshValue(value)}`}`
  return names.length === 1
    ? quoted(`${names.join('')}${text}`)
    : `'(${names.join(' ')})'{${names.join(',')}}${quoted(text)}`
}

const zshArgument = ({ argument }: Shape): string[] =>
  argument === undefined ? [] : [quoted(`*:argument:${zshValue(argument)}`)]

/** A subcommand is the first word; the flags of all of them may follow. */
const zshSubcommands = ({ commands }: Shape): string[] =>
  commands.length === 0
    ? []
    : [quoted(`1:command:(${commands.map(({ name }) => name).join(' ')})`), quoted('*:argument: ')]

function zshValue({ words, folder }: Value): string {
  if (folder) return '_files -/'
  return words.length === 0 ? ' ' : `(${words.join(' ')})`
}

// ---- fish

function fish({ name, commands, flags }: Shape): string {
  const all = commands.map((one) => one.name).join(' ')
  return [
    `# ${name} in fish: ${name} completion fish | source`,
    `complete -c ${name} -f`,
    ...flags.map((flag) => `complete -c ${name}${fishFlag(flag)}`),
    ...commands.map(
      (one) =>
        `complete -c ${name} -n 'not __fish_seen_subcommand_from ${all}' -a ${one.name} -d ${fishQuoted(one.about)}`,
    ),
    ...commands.flatMap((one) =>
      one.commands.length === 0
        ? []
        : one.commands.map(
            (sub) =>
              `complete -c ${name} -n '__fish_seen_subcommand_from ${one.name}; and not `
              + `__fish_seen_subcommand_from ${one.commands.map((each) => each.name).join(' ')}' -a `
              + `${sub.name} -d ${fishQuoted(sub.about)}`,
          ),
    ),
    ...leadingOf(commands).flatMap(({ path, shape: one }) => {
      const start = `complete -c ${name} -n '${path
        .split(' ')
        .map((word) => `__fish_seen_subcommand_from ${word}`)
        .join('; and ')}'`
      return [
        ...one.flags.filter(({ names }) => !names.includes('--help')).map((flag) => `${start}${fishFlag(flag)}`),
        ...(one.argument === undefined ? [] : [`${start}${fishWords(one.argument)}`]),
      ]
    }),
  ].join('\n')
}

function fishFlag({ names, about, value }: Flag): string {
  const flags = names.map((one) => (one.startsWith('--') ? ` -l ${one.slice(2)}` : ` -s ${one.slice(1)}`))
  return `${flags.join('')}${value === undefined ? '' : ` -x${fishWords(value)}`} -d ${fishQuoted(about)}`
}

function fishWords({ words, folder }: Value): string {
  if (folder) return " -a '(__fish_complete_directories)'"
  return words.length === 0 ? '' : ` -a '${words.join(' ')}'`
}

/** In single quotes for bash and zsh, in which nothing is special. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
const fishQuoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
