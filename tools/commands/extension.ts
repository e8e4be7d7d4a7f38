/**
 * `sirtaki extension`: checks, registers and looks after extensions, types of objects whose code stands in the log.
 *
 * Read next: `extension-check.ts`, `extension-profile.ts`, `../cluster/extensions.ts`.
 */
import { Command, InvalidArgumentError } from 'commander'
import type { ObjectClient } from '../../objects/client.ts'
import type { Extension } from '../../objects/extensions/define-extension.ts'
import type { RegisteredExtension } from '../../objects/extensions/open-extension.ts'
import { programType } from '../../objects/runtime/programs.ts'
import { texts } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { tableText } from '../cli/output.ts'
import { extensionsIn, loadModule } from '../cluster/code.ts'
import {
  disableExtension,
  enableExtension,
  factsOf,
  removeExtension,
  requireExtension,
  rowsOf,
} from '../cluster/extensions.ts'
import { withObjects } from '../cluster/objects.ts'
import { FILE, buildCommand, checkCommand } from './extension-check.ts'
import { profileCommand } from './extension-profile.ts'

const NAME = ['<name>', 'the name of the extension'] as const
/** Characters of a reason. */
const REASON_MAX = 1_000

/** Makes the command with its verbs. */
export const extensionCommand = (): Command =>
  new Command('extension')
    .description('check, register and look after extensions: types of objects whose code stands in the log')
    .addCommand(checkCommand())
    .addCommand(buildCommand())
    .addCommand(registerCommand())
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(disableCommand())
    .addCommand(enableCommand())
    .addCommand(removeCommand())
    .addCommand(profileCommand())

interface RegisterFlags {
  readonly only?: readonly string[]
}

const registerCommand = (): Command =>
  new Command('register')
    .description('register the extensions of a module: from there on every client runs them')
    .argument(...FILE)
    .option('--only <name>', 'only this one, several times for several', texts)
    .action(async (file: string, { only }: RegisterFlags, command: Command) => {
      const context = contextOf(command)
      const extensions = extensionsIn(file, await loadModule(file), only)
      await withObjects(
        context,
        async (client) => {
          for (const extension of extensions) await register(context, client, extension)
        },
        { mayCreate: true },
      )
    })

async function register(context: Context, client: ObjectClient, extension: Extension<object>): Promise<void> {
  const { signal, timeoutMs, output } = context
  const before = client.extensions().find(({ name }) => name === extension.extension)
  const wasThere = before?.version === extension.version && before.hash === extension.hash
  await client.register(extension, { signal, timeoutMs })
  const { name, version, hash, at } = requireExtension(client, extension.extension)
  const how = wasThere ? 'was registered already' : `is registered${placeOf(before)}`
  output.data(
    { name, version, hash, at, registered: !wasThere, replaced: wasThere ? null : (before?.version ?? null) },
    `${name} version ${version} ${how} at position ${at}, hash ${hash}`,
  )
  if (before?.disabled === undefined || !wasThere) return
  output.talk(
    `${name} does not run, since it was disabled (${before.disabled.reason}): sirtaki extension enable ${name}`,
  )
}

const placeOf = (before: RegisteredExtension | undefined): string =>
  before === undefined ? '' : ` in place of version ${before.version},`

const listCommand = (): Command =>
  new Command('list')
    .description('print the extensions that are registered')
    .action(async (_flags, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      const all = await withObjects(context, (client) => Promise.resolve(client.extensions()))
      if (output.json) {
        for (const one of all) output.data(markOf(one), '')
        return
      }
      const rows = all.map(({ name, version, hash, at, disabled }) => {
        const why = disabled === undefined ? 'runs' : `disabled at ${disabled.position}: ${disabled.reason}`
        return [name, String(version), hash.slice(0, 12), String(at), why]
      })
      output.data({}, tableText([['name', 'version', 'hash', 'position', 'state'], ...rows]))
    })

interface ShowFlags {
  readonly source?: boolean
}

const showCommand = (): Command =>
  new Command('show')
    .description('print what an extension is, or its source; exit code 4 where there is none')
    .argument(...NAME)
    .option('--source', 'only the source, as it stands in the log')
    .action(async (wanted: string, { source: isSource = false }: ShowFlags, command: Command) => {
      const context = contextOf(command)
      const { output } = context
      const found = await withObjects(context, (client) => Promise.resolve(requireExtension(client, wanted)))
      const { name, version, hash, at, session, disabled, source, record } = found
      if (isSource) {
        output.data({ name, version, hash, source }, source)
        return
      }
      const facts = await factsOf(record)
      const rows = [
        ['name', name],
        ['version', String(version)],
        ['hash', hash],
        ['position', String(at)],
        ['session', String(session)],
        ['state', disabled === undefined ? 'runs' : `disabled at ${disabled.position}: ${disabled.reason}`],
      ]
      if (facts !== undefined) rows.push(...rowsOf(facts))
      output.data({ ...markOf(found), ids: record.ids, ...facts }, tableText(rows))
    })

const markOf = ({ name, version, hash, source, at, session, disabled }: RegisteredExtension) => ({
  name,
  version,
  hash,
  bytes: Buffer.byteLength(source),
  at,
  session,
  disabled: disabled ?? null,
})

const disableCommand = (): Command =>
  new Command('disable')
    .description('have an extension run no more, until it is enabled or registered in a later version')
    .argument(...NAME)
    .requiredOption('--reason <text>', 'why: those whose ops are refused are told', reasonText)
    .action(async (wanted: string, { reason }: { readonly reason: string }, command: Command) => {
      const context = contextOf(command)
      await changeOne(context, wanted, async (client, { name }) => {
        await disableExtension(client, { name, reason }, context)
        const { disabled } = requireExtension(client, name)
        context.output.data({ name, disabled: disabled ?? null }, `${name} does not run any more: ${reason}`)
      })
    })

const enableCommand = (): Command =>
  new Command('enable')
    .description('have an extension run again')
    .argument(...NAME)
    .action(async (wanted: string, _flags: object, command: Command) => {
      const context = contextOf(command)
      await changeOne(context, wanted, async (client, { name, disabled }) => {
        await enableExtension(client, name, context)
        const wasDisabled = disabled !== undefined
        context.output.data({ name, wasDisabled }, wasDisabled ? `${name} runs again` : `${name} ran already`)
      })
    })

const removeCommand = (): Command =>
  new Command('remove')
    .description('forget an extension; its objects stay, for reading')
    .argument(...NAME)
    .action(async (wanted: string, _flags: object, command: Command) => {
      const context = contextOf(command)
      await changeOne(context, wanted, async (client, { name, version, hash }) => {
        await removeExtension(client, name, context)
        const objects = client.objects().filter(({ type }) => type === programType(name)).length
        const left = objects === 0 ? '' : `; its objects stay, for reading: ${objects}`
        context.output.data({ name, version, hash, objects }, `removed ${name} version ${version}${left}`)
      })
    })

/** Changes one extension, as it is registered now. */
const changeOne = (
  context: Context,
  name: string,
  change: (client: ObjectClient, found: RegisteredExtension) => Promise<void>,
): Promise<void> => withObjects(context, (client) => change(client, requireExtension(client, name)))

function reasonText(text: string): string {
  if (text.trim() !== '' && text.length <= REASON_MAX) return text
  throw new InvalidArgumentError(`a reason is a text of 1 to ${REASON_MAX} characters.`)
}
