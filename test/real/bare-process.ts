/**
 * Plays the logs that come on stdin in a bare V8 context: no process, require, Buffer or import of Node, as in a
 * browser. Needs `--experimental-vm-modules`.
 *
 * What a bundler does is done here: types are stripped, `log/bytes/hash.ts` is replaced by its twin, and a condition of
 * the environment is written as what it is.
 */
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { SourceTextModule, createContext, runInContext } from 'node:vm'

const root = new URL('../..', import.meta.url)
const superstruct = import.meta.resolve('superstruct')
const replaced = new Map([
  [new URL('log/bytes/hash.ts', root).href, new URL('log/bytes/pure-hash.ts', root).href],
  // What its package calls `module`, which is for bundlers.
  [superstruct, new URL('index.mjs', superstruct).href],
])

const context = createContext({ host: { encoder: new TextEncoder(), TextDecoder } })
// Bytes are those of the context, as everything in a browser is of one realm.
runInContext(
  `{
    const { encoder, TextDecoder } = host
    delete globalThis.host
    globalThis.TextDecoder = TextDecoder
    globalThis.TextEncoder = class { encode(text) { return Uint8Array.from(encoder.encode(text)) } }
  }`,
  context,
)
const beyond = runInContext('Object.keys(globalThis).join()', context)
if (beyond !== 'TextDecoder,TextEncoder') throw new Error(`the context has ${beyond}`)

const modules = new Map<string, SourceTextModule>()

/** The module at an address, once. */
function load(address: string): SourceTextModule {
  const url = replaced.get(address) ?? address
  const known = modules.get(url)
  if (known !== undefined) return known
  if (!url.startsWith('file:')) throw new Error(`a browser has no ${url}`)
  const text = readFileSync(fileURLToPath(url), 'utf8')
  const source = url.endsWith('.ts') ? stripTypeScriptTypes(text) : text
  const made = new SourceTextModule(source.replaceAll('process.env.NODE_ENV', '"production"'), {
    context,
    identifier: url,
  })
  modules.set(url, made)
  return made
}

const addressOf = (specifier: string, from: string): string =>
  specifier.startsWith('.') ? new URL(specifier, from).href : import.meta.resolve(specifier, pathToFileURL(from))

const entry = load(new URL('test/objects/replay.ts', root).href)
await entry.link((specifier, from) => load(addressOf(specifier, from.identifier)))
await entry.evaluate()
const replayAll: unknown = Object(entry.namespace).replayAll
if (typeof replayAll !== 'function') throw new Error('there is no replayAll')
process.stdout.write(String(replayAll(readFileSync(0, 'utf8'))))
