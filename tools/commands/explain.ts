/**
 * `sirtaki explain CODE`: what an error code means and what to do; without a code all of them, a line each.
 *
 * Read next: `../cli/explanations.ts`, `../../log/errors.ts`.
 */
import { Argument, Command } from 'commander'
import { codes, isCode, type Code } from '../../log/errors.ts'
import { contextOf } from '../cli/context.ts'
import { explanations, nextText } from '../cli/explanations.ts'
import { Failure, exitOf, exits } from '../cli/failure.ts'
import { nearest } from '../cli/nearest.ts'
import { tableText, type Output } from '../cli/output.ts'

const known = Object.keys(codes).filter(isCode).sort()

/** Makes the command. */
export const explainCommand = (): Command =>
  new Command('explain')
    .description('print what an error code means and what to do; without a code, print all of them')
    // The choices are for completion and the help; the reader takes any case and names the nearest code.
    .addArgument(new Argument('[code]', 'the code at the end of a message').choices(known).argParser(codeOf))
    .action((code: Code | undefined, _flags: object, command: Command) => {
      const { output } = contextOf(command)
      if (code !== undefined) output.data(jsonOf(code), textOf(code, output))
      else if (output.json) for (const one of known) output.data(jsonOf(one), '')
      else {
        output.data(
          {},
          tableText([['code', 'next', 'meaning'], ...known.map((one) => [one, codes[one], explanations[one].meaning])]),
        )
      }
    })

/** Reads a code as people copy it: of any case, with brackets. @throws Failure with the nearest ones. */
function codeOf(text: string): Code {
  const code = text
    .toUpperCase()
    .replaceAll('-', '_')
    .replace(/[^A-Z_]/g, '')
  if (isCode(code)) return code
  const near = nearest(code, known)
  throw new Failure(
    exits.usage,
    'no error code is called '
      + `${JSON.stringify(text)}${near.length === 0 ? '' : ` (did you mean ${near.join(' or ')}?)`}: see `
      + 'sirtaki explain',
  )
}

const jsonOf = (code: Code): object => ({ code, next: codes[code], exit: exitOf(code), ...explanations[code] })

function textOf(code: Code, { bold }: Output): string {
  const { meaning, causes, actions } = explanations[code]
  return [
    `${bold(code)}: ${meaning}`,
    `next       ${codes[code]}: ${nextText[codes[code]]}`,
    `exit code  ${exitOf(code)}`,
    'causes',
    ...causes.map((one) => `  - ${one}`),
    'what to do',
    ...actions.map((one) => `  - ${one}`),
  ].join('\n')
}
