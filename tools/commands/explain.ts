/**
 * `sirtaki explain CODE`: what an error code means and what to do; without a code all of them, a line each.
 *
 * Read next: `../cli/explanations.ts`, `../../log/errors.ts`.
 */
import { Argument, Command } from 'commander'
import { codes, isCode } from '../../log/errors.ts'
import { contextOf } from '../cli/context.ts'
import { explanations, nextText } from '../cli/explanations.ts'
import { Failure, exitOf, exits } from '../cli/failure.ts'
import { nearest } from '../cli/nearest.ts'
import { tableText, type Output } from '../cli/output.ts'
import { refusals, type RefusalExplanation } from '../cli/refusals.ts'

/** A code with all there is to say of it. */
interface Explained extends RefusalExplanation {
  readonly code: string
}

/** Codes of ours, and those with which objects refuse, by name. */
const all: readonly Explained[] = [
  ...Object.keys(codes)
    .filter(isCode)
    .map((code) => ({ code, next: codes[code], ...explanations[code] })),
  ...Object.entries(refusals).map(([code, one]) => ({ code, ...one })),
].sort((a, b) => (a.code < b.code ? -1 : 1))
const known = all.map(({ code }) => code)

/** Makes the command. */
export const explainCommand = (): Command =>
  new Command('explain')
    .description('print what an error code means and what to do; without a code, print all of them')
    // The choices are for completion and the help; the reader takes any case and names the nearest code.
    .addArgument(new Argument('[code]', 'the code at the end of a message').choices(known).argParser(explainedBy))
    .action((one: Explained | undefined, _flags: object, command: Command) => {
      const { output } = contextOf(command)
      if (one !== undefined) output.data(jsonOf(one), textOf(one, output))
      else if (output.json) for (const each of all) output.data(jsonOf(each), '')
      else {
        const rows = all.map(({ code, next, meaning }) => [code, next, meaning])
        output.data({}, tableText([['code', 'next', 'meaning'], ...rows]))
      }
    })

/** Reads a code as people copy it: of any case, with brackets. @throws Failure with the nearest ones. */
function explainedBy(text: string): Explained {
  const code = text
    .toUpperCase()
    .replaceAll('-', '_')
    .replace(/[^A-Z_]/g, '')
  const found = all.find((one) => one.code === code)
  if (found !== undefined) return found
  const near = nearest(code, known)
  throw new Failure(
    exits.usage,
    'no error code is called '
      + `${JSON.stringify(text)}${near.length === 0 ? '' : ` (did you mean ${near.join(' or ')}?)`}: see `
      + 'sirtaki explain',
  )
}

const jsonOf = ({ code, next, ...explanation }: Explained): object => ({
  code,
  next,
  exit: exitOf(code),
  ...explanation,
})

function textOf({ code, next, meaning, causes, actions }: Explained, { bold }: Output): string {
  return [
    `${bold(code)}: ${meaning}`,
    `next       ${next}: ${nextText[next]}`,
    `exit code  ${exitOf(code)}`,
    'causes',
    ...causes.map((one) => `  - ${one}`),
    'what to do',
    ...actions.map((one) => `  - ${one}`),
  ].join('\n')
}
