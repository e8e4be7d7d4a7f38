/**
 * Trees of znodes as commands use them: OBJECT is the path of a tree, NODE the path of a node inside it.
 *
 * Read next: `objects.ts`, `../../objects/tree/tree.ts`.
 */
import { SirtakiError } from '../../log/errors.ts'
import type { ObjectClient } from '../../objects/client.ts'
import type { Value } from '../../objects/runtime/values.ts'
import type { Stat } from '../../objects/tree/stat.ts'
import type { Tree } from '../../objects/tree/tree.ts'
import { TreeType } from '../../objects/tree/type.ts'
import { jsonValue } from '../cli/arguments.ts'
import type { Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import type { UseOptions } from './open-log.ts'
import { requireObject, withObjects, wrongType } from './objects.ts'

/** What commands with values of nodes take. */
export interface TextFlags {
  /** Values are text, not JSON. */
  readonly text?: boolean | undefined
}

/** A tree whose values are JSON or text. */
export type CommandTree = Omit<Tree<Value>, 'cache' | 'close'> & AsyncDisposable

/** How a command uses a tree. */
export interface TreeUse extends UseOptions, TextFlags {
  /** Whether there need be nothing at the path: for what makes a tree, or waits for one. */
  readonly mayBeAbsent?: boolean | undefined
  readonly watchFrom?: number | undefined
}

/** Runs `use` with a tree as it is at the tail. @throws Failure where the path has none. */
export const withTree = <T>(
  context: Context,
  path: string,
  { text, mayBeAbsent, ...options }: TreeUse,
  use: (tree: CommandTree) => Promise<T>,
): Promise<T> => withObjects(context, (client) => useTree(client, path, { text, mayBeAbsent }, use), options)

/** Runs `use` with a tree of these objects. @throws Failure where the path has none. */
export async function useTree<T>(
  client: ObjectClient,
  path: string,
  { text = false, mayBeAbsent = false }: Pick<TreeUse, 'text' | 'mayBeAbsent'>,
  use: (tree: CommandTree) => Promise<T>,
): Promise<T> {
  requireTree(client, path, mayBeAbsent)
  await using tree = await openTree(client, path, text)
  return await use(tree)
}

const openTree = (client: ObjectClient, path: string, isText: boolean): Promise<CommandTree> =>
  isText ? client.tree(path, { codec: 'text' }) : client.tree(path)

function requireTree(client: ObjectClient, path: string, mayBeAbsent: boolean): void {
  if (mayBeAbsent && !client.objects().some((one) => one.path === path)) return
  const { type } = requireObject(client, path)
  if (type !== TreeType.name) throw wrongType(path, type, TreeType.name, 'tree')
}

/** What was read of a node. @throws SirtakiError `NO_NODE` where there is none. */
export function requireNode<R>({ path: object }: CommandTree, path: string, read: R | undefined): R {
  if (read !== undefined) return read
  throw new SirtakiError('NO_NODE', `there is no node ${path} in ${object}`, { next: 'stop', facts: { path } })
}

/** The value of a node as it was written. @throws Failure for what is no JSON. */
export function valueOf(text: string, { text: isText = false }: TextFlags): Value {
  if (isText) return text
  try {
    return jsonValue(text)
  } catch {
    throw new Failure(
      exits.usage,
      `${JSON.stringify(text)} is no JSON: write it like '{"dark": true}', or with --text what is meant as it stands`,
    )
  }
}

/** What is known of a node, for people. */
export const statRows = (stat: Stat): string[][] =>
  Object.entries(stat).map(([name, value]: [string, number]) => [name, isTime(name) ? timeText(value) : String(value)])

const isTime = (name: string): boolean => name === 'ctime' || name === 'mtime'

/** A time for people. */
export const timeText = (time: number): string => new Date(time).toISOString()
