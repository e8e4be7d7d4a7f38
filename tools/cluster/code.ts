/**
 * Types of a program that a command loads from modules: what they export and `defineObject` or `defineExtension` made.
 *
 * Read next: `objects.ts`, `extensions.ts`.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isExtension, type Extension } from '../../objects/extensions/define-extension.ts'
import type { AnyObjectType } from '../../objects/runtime/object-type.ts'
import { Failure, exits } from '../cli/failure.ts'
import { nearest } from '../cli/nearest.ts'

/**
 * Loads the types that these modules export. Extensions are among those that a module may export, but not given: their
 * code stands in the log.
 *
 * @throws Failure where one cannot be loaded or exports none.
 */
export async function loadTypes(files: readonly string[]): Promise<AnyObjectType[]> {
  const all: AnyObjectType[] = []
  for (const file of files) {
    const found = Object.values(await loadModule(file)).filter(isType)
    if (found.length === 0) {
      throw new Failure(exits.usage, `${file} exports no type of objects: export what defineObject gives`)
    }
    all.push(...found.filter((type) => !isExtension(type)))
  }
  return all
}

/** Extensions that a module exports, each once: all of them, or those of these names. @throws Failure. */
export function extensionsIn(file: string, exported: object, only: readonly string[] = []): Extension<object>[] {
  const all = [...new Set<unknown>(Object.values(exported))].filter(isType).filter(isExtension)
  if (all.length === 0) {
    throw new Failure(exits.usage, `${file} exports no extension: export what defineExtension gives`)
  }
  const names = all.map(({ extension }) => extension)
  const odd = only.find((name) => !names.includes(name))
  if (odd !== undefined) {
    const near = nearest(odd, names, 1).map((one) => ` (did you mean ${one}?)`)
    throw new Failure(
      exits.usage,
      `${file} exports no extension ${JSON.stringify(odd)}${near.join('')}: it exports ${names.join(', ')}`,
    )
  }
  return all.filter(({ extension }) => only.length === 0 || only.includes(extension))
}

/** What a module exports, by name. @throws Failure where it cannot be loaded. */
export async function loadModule(file: string): Promise<object> {
  try {
    const loaded: unknown = await import(pathToFileURL(resolve(file)).href)
    return typeof loaded === 'object' && loaded !== null ? loaded : {}
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw new Failure(exits.usage, `${file} cannot be loaded: ${reason}`)
  }
}

const isType = (value: unknown): value is AnyObjectType =>
  typeof value === 'object'
  && value !== null
  && 'name' in value
  && typeof value.name === 'string'
  && 'version' in value
  && typeof value.version === 'number'
  && 'bind' in value
  && typeof value.bind === 'function'
