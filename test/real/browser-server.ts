/**
 * A server of the sources for a page of a browser, on 127.0.0.1 only.
 *
 *     /                an empty page, which knows where packages are
 *     /quickjs.wasm    the engine of extensions
 *     /PATH            a module of ours, or of a package
 *
 * Read next: `browser-sources.ts`, `browser.test.ts`.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { readEngineFile } from '../../objects/io/engine-file.ts'
import { addressOf, root, textAt } from './browser-sources.ts'

/** Packages that the sources of a browser import. */
const packages = ['immer', 'superstruct']

/** A server that runs. */
export interface SourceServer extends AsyncDisposable {
  readonly address: string
}

/** Serves them. */
export async function serveSources(): Promise<SourceServer> {
  const answer = (path: string): { readonly type: string; readonly body: string | Uint8Array } => {
    if (path === '/') return { type: 'text/html', body: PAGE }
    if (path === '/quickjs.wasm') return { type: 'application/wasm', body: readEngineFile() }
    return { type: 'text/javascript', body: textAt(new URL(path.slice(1), root).href) }
  }
  const server = createServer((request, response) => {
    try {
      const { type, body } = answer(request.url ?? '/')
      response.writeHead(200, { 'content-type': type }).end(body)
    } catch (thrown) {
      response.writeHead(404).end(String(thrown))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    address: `http://127.0.0.1:${address.port}/`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const places = packages.map((name) => [name, `/${addressOf(name, root.href).slice(root.href.length)}`])
const map = JSON.stringify({ imports: Object.fromEntries(places) })
const PAGE = `<!doctype html><script type="importmap">${map}</script>`
