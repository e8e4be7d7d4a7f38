/**
 * Completion for shells, made from the commands as they are, so that it never goes stale.
 *
 *     program ─ shapeOf ─ Shape ─ bash | zsh | fish ─ a script that knows every command, flag and choice
 *
 * Read next: `program.ts`, `commands/completion.ts`.
 */
import type { Argument, Command, Option } from 'commander'

/** What may stand in a place: one of `words`, a folder, or anything (no words). */
interface Value { readonly words: readonly string[]; readonly folder: boolean }
interface Flag { readonly names: readonly string[]; readonly about: string; readonly value: Value | undefined }
interface Shape { readonly name: string; readonly about: string; readonly flags: readonly Flag[]; readonly argument: Value | undefined; readonly commands: readonly Shape[] }

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
  const [argument] = command.registeredArguments
  return {
    name: command.name(), about: command.description(),
    flags: help.visibleOptions(command).map(flagOf),
    argument: argument === undefined ? undefined : valueOf(argument, argument.name()),
    commands: help.visibleCommands(command).map(shapeOf),
  }
}

function flagOf(option: Option): Flag {
  const takes = option.required || option.optional
  return { names: [option.short, option.long].filter((name) => name !== undefined && name !== null), about: option.description, value: takes ? valueOf(option, option.flags) : undefined }
}

/** A folder is what calls itself `dir`. */
const valueOf = ({ argChoices = [] }: Argument | Option, name: string): Value => ({ words: argChoices, folder: /\bdir\b/.test(name) })

const namesOf = (flags: readonly Flag[]): string[] => flags.flatMap(({ names }) => names)

// ---- bash

function bash(program: Shape): string {
  const { name, commands, flags } = program
  const all = commands.map((one) => one.name)
  return `# ${name} in bash: source <(${name} completion bash)
_${name}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command='' one
  for one in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$one" in ${all.join('|')}) command="$one"; break ;; esac
  done
  COMPREPLY=()
  case "$command $before" in
${[...flags.map((flag) => bashValue('*', flag)), ...commands.flatMap((one) => one.flags.map((flag) => bashValue(one.name, flag)))].filter((line) => line !== '').join('\n')}
  esac
  case "$command" in
    '') COMPREPLY=($(compgen -W '${[...all, ...namesOf(flags)].join(' ')}' -- "$word")) ;;
${commands.map((one) => bashCommand(one, flags)).join('\n')}
  esac
}
complete -F _${name} ${name}`
}

function bashValue(command: string, { names, value }: Flag): string {
  if (value === undefined) return ''
  return `    ${names.map((name) => `${command}' ${name}'`).join('|')}) ${bashReply(value)}return ;;`
}

function bashReply({ words, folder }: Value): string {
  if (folder) return 'COMPREPLY=($(compgen -d -- "$word")); '
  return words.length === 0 ? '' : `COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$word")); `
}

function bashCommand({ name, flags, argument }: Shape, common: readonly Flag[]): string {
  const words = [...argument?.words ?? [], ...namesOf([...flags, ...common])]
  const folders = argument?.folder === true ? '; COMPREPLY+=($(compgen -d -- "$word"))' : ''
  return `    ${name}) COMPREPLY=($(compgen -W '${[...new Set(words)].join(' ')}' -- "$word"))${folders} ;;`
}

// ---- zsh

function zsh({ name, commands, flags }: Shape): string {
  const common = flags.map(zshFlag)
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
${commands.map((one) => `        ${one.name}) _arguments ${[...new Set([...one.flags.map(zshFlag), ...common, ...zshArgument(one)])].join(' ')} ;;`).join('\n')}
      esac ;;
  esac
}
if [ "$funcstack[1]" = _${name} ]; then _${name} "$@"; else compdef _${name} ${name}; fi`
}

function zshFlag({ names, about, value }: Flag): string {
  const text = `[${about.replaceAll(/[[\]:\\]/g, '\\$&')}]${value === undefined ? '' : `:value:${zshValue(value)}`}`
  return names.length === 1 ? quoted(`${names.join('')}${text}`) : `'(${names.join(' ')})'{${names.join(',')}}${quoted(text)}`
}

const zshArgument = ({ argument }: Shape): string[] => argument === undefined ? [] : [quoted(`*:argument:${zshValue(argument)}`)]

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
    ...commands.map((one) => `complete -c ${name} -n 'not __fish_seen_subcommand_from ${all}' -a ${one.name} -d ${fishQuoted(one.about)}`),
    ...commands.flatMap((one) => {
      const start = `complete -c ${name} -n '__fish_seen_subcommand_from ${one.name}'`
      return [...one.flags.filter(({ names }) => !names.includes('--help')).map((flag) => `${start}${fishFlag(flag)}`), ...one.argument === undefined ? [] : [`${start}${fishWords(one.argument)}`]]
    }),
  ].join('\n')
}

const fishFlag = ({ names, about, value }: Flag): string =>
  `${names.map((one) => one.startsWith('--') ? ` -l ${one.slice(2)}` : ` -s ${one.slice(1)}`).join('')}${value === undefined ? '' : ` -x${fishWords(value)}`} -d ${fishQuoted(about)}`

function fishWords({ words, folder }: Value): string {
  if (folder) return " -a '(__fish_complete_directories)'"
  return words.length === 0 ? '' : ` -a '${words.join(' ')}'`
}

/** In single quotes for bash and zsh, in which nothing is special. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
const fishQuoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
