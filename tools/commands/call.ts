/**
 * `sirtaki call`: one op on one object of a type that the command line knows, or of an extension.
 *
 * Read next: `../cluster/object-types.ts`, `../cluster/extensions.ts`.
 */
import { Argument, Command, InvalidArgumentError } from 'commander'
import { requestOf, targetOf } from '../../objects/handle.ts'
import { programOf, programType } from '../../objects/runtime/programs.ts'
import type { Value } from '../../objects/runtime/values.ts'
import { jsonValue, objectPath } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { nearest } from '../cli/nearest.ts'
import { agreeTo, factsOf, requireExtension } from '../cluster/extensions.ts'
import { inputExamples, objectTypes, typeNames, type TypeName } from '../cluster/object-types.ts'
import { withObjects } from '../cluster/objects.ts'

/** Makes the command. */
export const callCommand = (): Command =>
  new Command('call')
    .description('call an op of an object and print the result')
    .argument('<object>', 'the path of the object; its first op makes it', objectPath)
    // The choices are for completion and the help; the reader takes x:NAME too.
    .addArgument(new Argument('<type>', 'its type, or x:NAME of an extension').choices(typeNames).argParser(typeName))
    .argument('<op>', 'an op of the type')
    .argument('[input]', 'the input of the op as JSON (default: {})', jsonValue)
    .addHelpText('after', `\nOps with an example of their input:\n${examplesText()}\n\n${dataText}`)
    .action(async (object: string, type: Wanted, op: string, input: Value = {}, _flags: object, command: Command) => {
      const context = contextOf(command)
      const called = { object, op, input }
      const result =
        typeof type === 'string' ? await callOurs(context, type, called) : await callProgram(context, type, called)
      const name = typeof type === 'string' ? type : programType(type.extension)
      context.output.data({ object, type: name, op, result: result ?? null }, JSON.stringify(result ?? null))
    })

/** A type of ours, or an extension by its name. */
type Wanted = TypeName | { readonly extension: string }
interface Called {
  readonly object: string
  readonly op: string
  readonly input: Value
}

function typeName(text: string): Wanted {
  const extension = programOf(text)
  if (extension !== undefined) return { extension }
  const known = typeNames.find((name) => name === text)
  if (known !== undefined) return known
  throw new InvalidArgumentError(`Allowed choices are ${typeNames.join(', ')}, and x:NAME of an extension.`)
}

async function callOurs(context: Context, type: TypeName, { object, op, input }: Called): Promise<unknown> {
  const { calls } = objectTypes[type]
  const check = calls.get(op) ?? noOp(type, op, [...calls.keys()])
  if (check.refusal(input) !== undefined) throw misfit(type, op, input)
  if (check.waits) context.output.talk(GIVEN_BACK)
  const request = requestOf(targetOf(objectTypes[type], object, op, check), input)
  return withObjects(context, (client) => client.own.current().call(request, context), { mayCreate: true })
}

/** Agrees to the extension as it is registered, whose op the caller asks for by name, and calls it. */
const callProgram = (
  context: Context,
  { extension }: { readonly extension: string },
  called: Called,
): Promise<unknown> =>
  withObjects(context, async (client) => {
    const { object, op, input } = called
    const found = requireExtension(client, extension)
    const type = { name: programType(extension), version: found.version }
    const ops = (await factsOf(found.record))?.ops ?? []
    const { waits } =
      ops.find(({ name }) => name === op)
      ?? noOp(
        type.name,
        op,
        ops.map(({ name }) => name),
      )
    if (waits) context.output.talk(GIVEN_BACK)
    await agreeTo(client, found, context)
    const request = requestOf(targetOf(type, object, op, { waits, refusal: () => undefined }), input)
    return client.own.current().call(request, context)
  })

const GIVEN_BACK = 'what the op acquires is given back when this command ends'

/** @throws Failure with the nearest op. */
function noOp(type: string, op: string, names: readonly string[]): never {
  const near = nearest(op, names, 1).map((one) => ` (did you mean ${one}?)`)
  throw new Failure(
    exits.usage,
    `type ${type} has no op ${JSON.stringify(op)}${near.join('')}: it has ${names.join(', ')}`,
  )
}

const misfit = (type: TypeName, op: string, input: Value): Failure =>
  new Failure(
    exits.usage,
    `${op} of type ${type} does not accept ${JSON.stringify(input)}: write an input like '${exampleText(type, op)}'`,
  )

function exampleText(type: TypeName, op: string): string {
  const examples = new Map<string, Value>(Object.entries(inputExamples[type]))
  return JSON.stringify(examples.get(op) ?? {})
}

const dataText =
  'Data of nodes that are not null are no JSON: sirtaki create and sirtaki set write them.\n'
  + 'Ops of extensions: sirtaki extension show NAME.'

const examplesText = (): string =>
  typeNames
    .flatMap((type) => [...objectTypes[type].calls.keys()].map((op) => `  ${type} ${op} '${exampleText(type, op)}'`))
    .join('\n')
