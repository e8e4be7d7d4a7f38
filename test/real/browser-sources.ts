/**
 * Sources as a browser takes them: what a bundler does is done here.
 *
 * Types are stripped, `log/bytes/hash.ts` is replaced by a twin without Node, and a condition of the environment is
 * written as what it is. Read next: `bare-context.ts`, `browser.test.ts`.
 */
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = new URL('../..', import.meta.url)
const superstruct = import.meta.resolve('superstruct')

/** The sources with one of the twins of `log/bytes/hash.ts`, a file by its path. */
export class BrowserSources {
  readonly #replaced: ReadonlyMap<string, string>

  constructor(hash: string) {
    this.#replaced = new Map([
      [new URL('log/bytes/hash.ts', root).href, new URL(hash, root).href],
      // What its package calls `module`, which is for bundlers.
      [superstruct, new URL('index.mjs', superstruct).href],
    ])
  }

  /** Where a module is that one at `from` imports. */
  addressOf(specifier: string, from: string): string {
    const address = specifier.startsWith('.')
      ? new URL(specifier, from).href
      : import.meta.resolve(specifier, pathToFileURL(from))
    return this.#replaced.get(address) ?? address
  }

  /** The text of a module. @throws Error where a browser has none. */
  textAt(address: string): string {
    if (!address.startsWith('file:')) throw new Error(`a browser has no ${address}`)
    const text = readFileSync(fileURLToPath(this.#replaced.get(address) ?? address), 'utf8')
    return (address.endsWith('.ts') ? stripTypeScriptTypes(text) : text).replaceAll(
      'process.env.NODE_ENV',
      '"production"',
    )
  }
}
