/**
 * Sources as a browser takes them: what a bundler does is done here.
 *
 * Types are stripped, `log/bytes/hash.ts` is replaced by its twin without Node, and a condition of the environment is
 * written as what it is. Read next: `bare-context.ts`, `browser.test.ts`.
 */
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = new URL('../..', import.meta.url)
const superstruct = import.meta.resolve('superstruct')

/** What takes the place of what. */
const replaced: ReadonlyMap<string, string> = new Map([
  [new URL('log/bytes/hash.ts', root).href, new URL('log/bytes/pure-hash.ts', root).href],
  // What its package calls `module`, which is for bundlers.
  [superstruct, new URL('index.mjs', superstruct).href],
])

/** Where a module is that one at `from` imports. */
export function addressOf(specifier: string, from: string): string {
  const address = specifier.startsWith('.')
    ? new URL(specifier, from).href
    : import.meta.resolve(specifier, pathToFileURL(from))
  return replaced.get(address) ?? address
}

/** The text of a module. @throws Error where a browser has none. */
export function textAt(address: string): string {
  if (!address.startsWith('file:')) throw new Error(`a browser has no ${address}`)
  const text = readFileSync(fileURLToPath(replaced.get(address) ?? address), 'utf8')
  const script = address.endsWith('.ts') ? stripTypeScriptTypes(text) : text
  return script.replaceAll('process.env.NODE_ENV', '"production"')
}
