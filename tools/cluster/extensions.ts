/**
 * Extensions as commands see them: what a program has, and the ops of the registry that no handle of a client gives.
 *
 * Read next: `../../objects/extensions/registry.ts` (what the ops do), `code.ts`, `trial.ts`.
 */
import type { CallOptions } from '../../log/cluster/calls.ts'
import type { ObjectClient } from '../../objects/client.ts'
import { packagedEngine } from '../../objects/extensions/engine-source.ts'
import { Machine } from '../../objects/extensions/engine/machine.ts'
import { registryOf, type RegisteredExtension } from '../../objects/extensions/open-extension.ts'
import { hookNames, opNames } from '../../objects/extensions/program-records.ts'
import { runsOf, type ProgramShape } from '../../objects/extensions/shapes.ts'
import { Failure, exits } from '../cli/failure.ts'
import { nearest } from '../cli/nearest.ts'

/** Has an extension run no more from here on. @throws SirtakiError `NOT_REGISTERED`; as any op. */
export async function disableExtension(
  client: ObjectClient,
  what: { readonly name: string; readonly reason: string },
  options: CallOptions,
): Promise<void> {
  await registryOf(client.own.port.view).call(client.own.current(), { op: 'disable', input: what, options })
}

/** Has it run again. @throws SirtakiError `NOT_REGISTERED`; as any op. */
export async function enableExtension(client: ObjectClient, name: string, options: CallOptions): Promise<void> {
  await registryOf(client.own.port.view).call(client.own.current(), { op: 'enable', input: { name }, options })
}

/** Forgets it; its objects stay, for reading. @throws SirtakiError `NOT_REGISTERED`; as any op. */
export async function removeExtension(client: ObjectClient, name: string, options: CallOptions): Promise<void> {
  await registryOf(client.own.port.view).call(client.own.current(), { op: 'remove', input: { name }, options })
}

/** Agrees to the source that is registered, whatever it is: for a person who calls one op of it. @throws as any op. */
export async function agreeTo(
  client: ObjectClient,
  { name, hash }: Pick<RegisteredExtension, 'name' | 'hash'>,
  options: CallOptions,
): Promise<void> {
  await registryOf(client.own.port.view).call(client.own.current(), {
    op: 'acknowledge',
    input: { name, hash, takes: false },
    options,
  })
}

/** Finds an extension. @throws Failure where none of that name is registered. */
export function requireExtension(client: ObjectClient, name: string): RegisteredExtension {
  const all = client.extensions()
  const found = all.find((one) => one.name === name)
  if (found !== undefined) return found
  const names = all.map((one) => one.name)
  const near = nearest(name, names, 1).map((one) => ` (did you mean ${one}?)`)
  const message = `no extension ${JSON.stringify(name)} is registered${near.join('')}: see sirtaki extension list`
  throw new Failure(exits.notFound, `${message} [NOT_REGISTERED]`, {
    code: 'NOT_REGISTERED',
    next: 'stop',
    facts: { extension: name },
  })
}

/** An op of a program. */
export interface ProgramOp {
  readonly name: string
  /** Whether it may wait. */
  readonly waits: boolean
}

/** What a program has. */
export interface ProgramFacts {
  readonly bytes: number
  readonly ops: readonly ProgramOp[]
  /** Its functions that the runtime calls by itself. */
  readonly hooks: readonly string[]
  readonly takes: ProgramShape['takes']
  readonly uses: ProgramShape['uses']
  readonly events: ProgramShape['events']
  /** Of one call, at most. */
  readonly fuel: number
  /** What its source used to load. */
  readonly loadFuel: number
}

/** Loads a program in the engine of this process; `undefined`: its source is none. */
export async function factsOf(program: ProgramShape): Promise<ProgramFacts | undefined> {
  const machines = await packagedEngine.load()
  const machine = machines.load(program.source)
  if (!(machine instanceof Machine)) return undefined
  const { source, waits, fuel, takes, uses, events } = program
  return {
    bytes: new TextEncoder().encode(source).byteLength,
    ops: opNames(machine, runsOf(program)).map((name) => ({ name, waits: waits.includes(name) })),
    hooks: hookNames.filter((hook) => machine.names.includes(hook)),
    takes,
    uses,
    events,
    fuel,
    loadFuel: machine.loadFuel,
  }
}

/** The same for people, as rows of a table. */
export function rowsOf({ bytes, ops, hooks, takes, uses, events, fuel, loadFuel }: ProgramFacts): string[][] {
  const rows: (readonly [string, readonly string[]])[] = [
    ['ops', ops.map(({ name, waits }) => (waits ? `${name} (may wait)` : name))],
    ['hooks', hooks],
    ['takes', takes.map(({ op, type, path, run }) => `${op} of ${type} at ${path} (by ${run})`)],
    ['uses', uses.map(({ path, type }) => `${path} of ${type}`)],
    ['events', events.map(eventText)],
  ]
  return [
    ['source', `${bytes} bytes`],
    ['fuel', `${fuel} for a call at most, ${loadFuel} to load`],
    ...rows.filter(([, all]) => all.length > 0).map(([name, all]) => [name, all.join(', ')]),
  ]
}

function eventText({ on, path, table, key, run }: ProgramShape['events'][number]): string {
  const what = table === '' ? 'the small value' : `${key === null ? 'any' : key} in ${table}`
  return `${on.join(' or ')}: ${what} ${path === null ? 'of its own objects' : `at ${path}`} (by ${run})`
}
