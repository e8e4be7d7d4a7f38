/**
 * Types of a program that a command loads from modules: what they export and `defineObject` made.
 *
 * Read next: `objects.ts`.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AnyObjectType } from '../../objects/runtime/object-type.ts'
import { Failure, exits } from '../cli/failure.ts'

/** Loads the types that these modules export. @throws Failure where one cannot be loaded or exports none. */
export async function loadTypes(files: readonly string[]): Promise<AnyObjectType[]> {
  const all: AnyObjectType[] = []
  for (const file of files) {
    const found = Object.values(await load(file)).filter(isType)
    if (found.length === 0) {
      throw new Failure(exits.usage, `${file} exports no type of objects: export what defineObject gives`)
    }
    all.push(...found)
  }
  return all
}

async function load(file: string): Promise<object> {
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
