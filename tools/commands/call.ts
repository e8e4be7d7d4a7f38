/**
 * `sirtaki call`: one op on one object of a type that the command line knows.
 *
 * Read next: `../cluster/object-types.ts`.
 */
import { Argument, Command } from 'commander'
import { requestOf, targetOf } from '../../objects/handle.ts'
import type { Value } from '../../objects/runtime/values.ts'
import { jsonValue, objectPath } from '../cli/arguments.ts'
import { contextOf } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { nearest } from '../cli/nearest.ts'
import { inputExamples, objectTypes, typeNames, type TypeName } from '../cluster/object-types.ts'
import { withObjects } from '../cluster/objects.ts'

/** Makes the command. */
export const callCommand = (): Command =>
  new Command('call')
    .description('call an op of an object and print the result')
    .argument('<object>', 'the path of the object; its first op makes it', objectPath)
    .addArgument(new Argument('<type>', 'its type').choices(typeNames))
    .argument('<op>', 'an op of the type')
    .argument('[input]', 'the input of the op as JSON (default: {})', jsonValue)
    .addHelpText('after', `\nOps with an example of their input:\n${examplesText()}\n\n${dataText}`)
    .action(async (object: string, type: TypeName, op: string, input: Value = {}, _flags: object, command: Command) => {
      const context = contextOf(command)
      const { output, signal, timeoutMs } = context
      const check = requireOp(type, op)
      const refusal = check.refusal(input)
      if (refusal !== undefined) throw misfit(type, op, input)
      if (check.waits) output.talk('what the op acquires is given back when this command ends')
      const request = requestOf(targetOf(objectTypes[type], object, op, check), input)
      const call = { signal, timeoutMs }
      const result = await withObjects(context, (client) => client.own.current().call(request, call), {
        mayCreate: true,
      })
      output.data({ object, type, op, result: result ?? null }, JSON.stringify(result ?? null))
    })

/** @throws Failure with the nearest op. */
function requireOp(type: TypeName, op: string) {
  const { calls } = objectTypes[type]
  const check = calls.get(op)
  if (check !== undefined) return check
  const names = [...calls.keys()]
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

const dataText = 'Data of nodes that are not null are no JSON: sirtaki create and sirtaki set write them.'

const examplesText = (): string =>
  typeNames
    .flatMap((type) => [...objectTypes[type].calls.keys()].map((op) => `  ${type} ${op} '${exampleText(type, op)}'`))
    .join('\n')
