/**
 * `sirtaki extension check | build`: what is done with the extensions of a module before any cluster has them.
 *
 * Read next: `../cluster/trial.ts`, `../../objects/extensions/define-extension.ts`.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Command } from 'commander'
import { validate } from 'superstruct'
import type { Extension } from '../../objects/extensions/define-extension.ts'
import { contextOf } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { tableText, type Output } from '../cli/output.ts'
import { extensionsIn, loadModule } from '../cluster/code.ts'
import { factsOf, rowsOf } from '../cluster/extensions.ts'
import { Examples, tryExample, tryRegistration, type Example, type Problem, type Tried } from '../cluster/trial.ts'

/** The module that has the extensions. */
export const FILE = ['<file>', 'a module that exports extensions (.ts or .js)'] as const

/** Something that would go wrong on a cluster. */
interface Found extends Problem {
  readonly what: string
}
/** An example with the extension that it is of. */
interface Placed {
  readonly extension: Extension<object>
  readonly example: Example
}

/** Makes the command that tries extensions. */
export const checkCommand = (): Command =>
  new Command('check')
    .description('load the extensions of a module without a cluster, and run the examples that it exports')
    .argument(...FILE)
    .addHelpText('after', `\n${examplesHelp}`)
    .action(async (file: string, _flags: object, command: Command) => {
      const { output } = contextOf(command)
      const exported = await loadModule(file)
      const extensions = extensionsIn(file, exported)
      const examples = examplesIn(file, exported, extensions)
      const found: Found[] = []
      for (const extension of extensions) {
        found.push(...(await checkOne(output, extension)))
        const own = examples.filter((one) => one.extension === extension)
        for (const one of own) found.push(...(await runOne(output, one)))
      }
      const [first] = found
      if (first !== undefined) throw failureOf(first, found.length)
      if (examples.length === 0) output.talk(`${file} exports no examples: see sirtaki extension check --help`)
    })

const examplesHelp = `What the module exports as "examples" is run, each on an object of its own with these records:
  export const examples = [{ extension: 'hits', op: 'hit', input: { by: 1 }, records: { n: 4 } }]
"extension" may be left out where there is one; "path" is that of the object (default: /example).`

async function checkOne(output: Output, extension: Extension<object>): Promise<Found[]> {
  const { extension: name, version, hash, program } = extension
  const { problem } = await tryRegistration(extension)
  const facts = problem === undefined ? await factsOf(program) : undefined
  const why = problem ?? lackOf(extension, new Set(facts?.ops.map((op) => op.name)))
  const rows = [
    ['name', name],
    ['version', String(version)],
    ['hash', hash],
  ]
  if (facts !== undefined) rows.push(...rowsOf(facts))
  if (why !== undefined) rows.push(['problem', why.reason])
  output.data({ extension: name, version, hash, ...facts, problem: why?.reason ?? null }, tableText(rows))
  return why === undefined ? [] : [{ ...why, what: `extension ${name}`, facts: { extension: name, ...why.facts } }]
}

/** A definition may have a source of its own, and name an op that is not in it. */
function lackOf({ ops }: Extension<object>, has: ReadonlySet<string>): Problem | undefined {
  const lack = Object.keys(ops).find((op) => !has.has(op))
  return lack === undefined ? undefined : { code: 'BAD_SOURCE', reason: `it has no function ${lack}`, facts: {} }
}

async function runOne(output: Output, { extension, example }: Placed): Promise<Found[]> {
  const { extension: name } = extension
  const { op, input = {} } = example
  const tried = await tryExample(extension, example)
  const { kind, value, problem, fuel } = tried
  const { code, reason } = problem ?? {}
  const text = `example  ${op} ${JSON.stringify(input)}: ${triedText(tried)}`
  output.data({ extension: name, op, input, outcome: { kind, value, code, reason }, fuel }, text)
  return problem === undefined ? [] : [{ ...problem, what: `example ${op} of extension ${name}` }]
}

function triedText({ kind, value, problem, fuel }: Tried): string {
  if (problem !== undefined) return `${problem.code}, ${problem.reason} (${fuel} fuel)`
  return `${kind === 'waiting' ? 'it waits' : JSON.stringify(value ?? null)} (${fuel} fuel)`
}

function failureOf({ what, code, reason, facts }: Found, count: number): Failure {
  const more = count === 1 ? '' : ` (the first of ${count} problems)`
  const message = `${what} is refused: ${reason.replace(/\s*\n\s*/g, ' ')}${more} [${code}]`
  return new Failure(exits.failed, message, { code, next: 'stop', facts: { ...facts, reason } })
}

/** The examples of a module. @throws Failure for what are none. */
function examplesIn(file: string, exported: object, extensions: readonly Extension<object>[]): Placed[] {
  if (!('examples' in exported)) return []
  const [error, examples = []] = validate(exported.examples, Examples)
  if (error !== undefined) {
    const where = error.path.length === 0 ? '' : ` at ${error.path.join('.')}`
    throw new Failure(
      exits.usage,
      `the examples of ${file} are not as they should be${where}: see sirtaki extension check --help`,
    )
  }
  return examples.map((example) => ({ example, extension: extensionOf(file, example, extensions) }))
}

function extensionOf(file: string, { extension, op }: Example, all: readonly Extension<object>[]): Extension<object> {
  const [first, second] = all
  const found = extension === undefined ? first : all.find((one) => one.extension === extension)
  if (found !== undefined && (extension !== undefined || second === undefined)) return found
  const names = all.map((one) => one.extension).join(', ')
  throw new Failure(exits.usage, `an example of op ${op} in ${file} names none of its extensions: it exports ${names}`)
}

interface BuildFlags {
  readonly out?: string
  readonly force?: boolean
}

/** Makes the command that writes sources. */
export const buildCommand = (): Command =>
  new Command('build')
    .description('write the source of each extension to NAME-VERSION.js, so that every build registers the same text')
    .argument(...FILE)
    .option('--out <dir>', 'where to (default: beside the module)')
    .option('--force', 'also over a file with another text')
    .action(async (file: string, { out = dirname(file), force = false }: BuildFlags, command: Command) => {
      const { output } = contextOf(command)
      const extensions = extensionsIn(file, await loadModule(file))
      const all = extensions.map((one) => ({ ...one, path: join(out, `${one.extension}-${one.version}.js`) }))
      // All or none: what is there already may be registered somewhere.
      for (const one of all) if (!force) requireSame(one)
      for (const { extension, version, hash, program, path } of all) {
        write(path, program.source)
        output.data({ extension, version, hash, path, bytes: Buffer.byteLength(program.source) }, path)
      }
      output.talk(
        "in the definition, in place of functions: source: readFileSync(new URL('./NAME-VERSION.js', import.meta.url), "
          + "'utf8'); leave these files as they are, and give what changes another version",
      )
    })

type Built = Pick<Extension<object>, 'extension' | 'version' | 'program'> & { readonly path: string }

/** @throws Failure where the file has another text. */
function requireSame({ extension, version, program, path }: Built): void {
  if (!existsSync(path) || readFileSync(path, 'utf8') === program.source) return
  throw new Failure(
    exits.conflict,
    `${path} has another source: give ${extension} a version above ${version}, or say --force`,
  )
}

function write(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw new Failure(exits.failed, `${path} cannot be written: ${reason}`)
  }
}
