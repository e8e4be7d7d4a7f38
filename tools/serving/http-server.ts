/**
 * The pages of a server for those who watch over it: a small HTTP server that cannot hold the server itself up.
 *
 * A page is made at once from what is known, is small and is handed to the kernel whole. Owns: the bounds of the
 * connections, and that pages stay on this machine unless somebody says otherwise. Read next: `health.ts`, `metric.ts`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { SirtakiError } from '../../log/errors.ts'
import { formatTcp, parseAddress } from '../../log/io/address.ts'

/** A page as it is now. */
export interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}
/** Pages by path. */
export type Pages = Readonly<Record<string, () => Page>>
/** Where pages are shown. `isPublic`: also where others than this machine can reach them. */
export interface HttpOptions {
  readonly address: string
  readonly isPublic: boolean
  readonly pages: Pages
}
/** Pages that are shown. */
export interface HttpServer {
  readonly address: string
  close(): Promise<void>
}

/** Connections at once: a few scrapers and people. */
const CONNECTIONS_MAX = 32
/** For a whole request to come, and for a page to be taken. */
const PATIENCE_MS = 5_000
/** Between two requests of one connection: longer than a scraper's usual minute would keep sockets for nothing. */
const IDLE_MS = 15_000
const HEAD_BYTES_MAX = 8_192

/**
 * Shows pages.
 *
 * @throws SirtakiError `BAD_ARGUMENT` for an address that others can reach, without `isPublic`; `IN_USE`,
 *   `BAD_ADDRESS`.
 */
export async function openHttp({ address, isPublic, pages }: HttpOptions): Promise<HttpServer> {
  const { host, port } = requireAddress(address, isPublic)
  // Loaded where there are pages: it brings a client of the web with it, a tenth of what a start of the command costs.
  const { createServer } = await import('node:http')
  const server = createServer(
    {
      headersTimeout: PATIENCE_MS,
      requestTimeout: PATIENCE_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: HEAD_BYTES_MAX,
    },
    (request, response) => {
      answer(request, response, pages)
    },
  )
  server.maxConnections = CONNECTIONS_MAX
  server.setTimeout(IDLE_MS)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(listenError(address, cause))
    })
    server.listen({ host, port }, resolve)
  })
  // Running out of descriptors costs a scraper its connection, and the server nothing.
  server.removeAllListeners('error').on('error', () => undefined)
  const bound = server.address()
  return {
    address: bound === null || typeof bound === 'string' ? address : formatTcp(host, bound.port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

/** Takes an address apart that pages may be shown at. @throws SirtakiError `BAD_ADDRESS`, `BAD_ARGUMENT`. */
export function requireAddress(address: string, isPublic: boolean): { readonly host: string; readonly port: number } {
  const parsed = parseAddress(address)
  if (parsed.kind !== 'tcp') {
    throw new SirtakiError('BAD_ADDRESS', `pages cannot be shown at ${address}: name a host:port with --http`, {
      facts: { address },
    })
  }
  if (!isPublic && !isLoopback(parsed.host)) {
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `--http ${address} can be reached from other machines, and everybody who reaches it can read it: use `
        + `127.0.0.1:${parsed.port}, or say --http-public`,
      { facts: { address } },
    )
  }
  return parsed
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

function answer(request: IncomingMessage, response: ServerResponse, pages: Pages): void {
  const late = setTimeout(() => {
    response.destroy()
  }, PATIENCE_MS)
  response.on('close', () => {
    clearTimeout(late)
  })
  const { status, type, body } = pageOf(request, pages)
  const bytes = Buffer.from(body)
  const close = request.method === 'GET' || request.method === 'HEAD' ? {} : { allow: 'GET, HEAD', connection: 'close' }
  response.writeHead(status, {
    'content-type': type,
    'content-length': bytes.byteLength,
    'cache-control': 'no-store',
    ...close,
  })
  response.end(bytes)
}

function pageOf({ method, url = '/' }: IncomingMessage, pages: Pages): Page {
  const path = url.replace(/[?#].*$/s, '')
  const make = Object.hasOwn(pages, path) ? pages[path] : undefined
  if (make === undefined) return textPage(404, `there is no ${path} here, only ${Object.keys(pages).join(' and ')}`)
  if (method !== 'GET' && method !== 'HEAD') return textPage(405, `${method} does nothing here: use GET`)
  try {
    return make()
  } catch (thrown) {
    return textPage(500, thrown instanceof Error ? thrown.message : String(thrown))
  }
}

const textPage = (status: number, text: string): Page => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${text}\n`,
})

/** Gives a value as a page. */
export const jsonPage = (status: number, value: object): Page => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(value)}\n`,
})

function listenError(address: string, cause: unknown): SirtakiError {
  const options = { cause, facts: { address } }
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (code === 'EADDRINUSE') {
    return new SirtakiError(
      'IN_USE',
      `${address} is in use: stop the process that listens there or choose another --http`,
      options,
    )
  }
  return new SirtakiError(
    'BAD_ADDRESS',
    `pages cannot be shown at ${address} (${code}): choose `
      + `${code === 'EACCES' ? 'a port from 1024' : 'an address of this machine'} with --http`,
    options,
  )
}
