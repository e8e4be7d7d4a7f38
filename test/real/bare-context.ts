/**
 * A bare V8 context: no process, require, Buffer or import of Node, as in a browser. Needs `--experimental-vm-modules`.
 *
 * Read next: `browser-sources.ts`, `bare-process.ts`, `bare-corpora.ts`.
 */
import { SourceTextModule, createContext, runInContext } from 'node:vm'
import { addressOf, root, textAt } from './browser-sources.ts'

/** A function that a module exports, by its file and name, in a context of its own. */
export async function bareFunction(file: string, name: string): Promise<(input: string | Uint8Array) => unknown> {
  const context = bareContext()
  const modules = new Map<string, SourceTextModule>()
  /** The module at an address, once. */
  const load = (address: string): SourceTextModule => {
    const known = modules.get(address)
    if (known !== undefined) return known
    const made = new SourceTextModule(textAt(address), { context, identifier: address })
    modules.set(address, made)
    return made
  }
  const entry = load(new URL(file, root).href)
  await entry.link((specifier, from) => load(addressOf(specifier, from.identifier)))
  await entry.evaluate()
  const found: unknown = Object(entry.namespace)[name]
  if (typeof found !== 'function') throw new Error(`${file} has no ${name}`)
  return (input) => Reflect.apply(found, undefined, [input])
}

function bareContext(): object {
  const context = createContext({ host: { encoder: new TextEncoder(), TextDecoder } })
  // Bytes and errors are those of the context, as everything in a browser is of one realm.
  runInContext(
    `{
    const { encoder, TextDecoder } = host
    delete globalThis.host
    globalThis.TextDecoder = class {
      #decoder
      constructor(...args) { this.#decoder = new TextDecoder(...args) }
      decode(bytes) {
        try { return this.#decoder.decode(bytes) } catch (thrown) { throw new TypeError(thrown.message) }
      }
    }
    globalThis.TextEncoder = class { encode(text) { return Uint8Array.from(encoder.encode(text)) } }
  }`,
    context,
  )
  const beyond = runInContext('Object.keys(globalThis).join()', context)
  if (beyond !== 'TextDecoder,TextEncoder') throw new Error(`the context has ${beyond}`)
  return context
}
