/**
 * A fixture that answers like an S3 server, on node:http, for tests of what no server does on demand: lost answers,
 * 503, damage, a missing bucket. It is no S3 server: signatures are not checked, and only what Sirtaki asks is there.
 *
 * Read next: `contracts/blob-store.test.ts`; the real server: `real/minio.ts`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { PAGE_KEYS } from '../log/archive/blob-store.ts'

/** Any keys do. */
export const fixtureKeys = { accessKeyId: 'fixture', secretAccessKey: 'fixture-secret' }

/** What the next matching request meets. */
export type S3Fault =
  /** It is carried out, and its answer is lost. */
  | { readonly kind: 'loseAnswer' }
  /** It is refused with a status and a code of the protocol. */
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string }
  /** It is never answered. */
  | { readonly kind: 'hang' }
  /** If-None-Match is not looked at, as some servers do. */
  | { readonly kind: 'overwrite' }

/** One bucket named `test`. */
export class S3Fixture {
  readonly endpoint: string
  readonly blobs = new Map<string, Buffer>()
  readonly requests: string[] = []
  readonly #server: Server
  #faults: { readonly match: RegExp; readonly fault: S3Fault; times: number }[] = []

  private constructor(server: Server) {
    this.#server = server
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    this.endpoint = `http://127.0.0.1:${port}`
  }

  static async start(): Promise<S3Fixture> {
    let fixture: S3Fixture | undefined
    const server = createServer((request, response) => {
      fixture?.take(request, response)
    })
    await new Promise<void>((done) => {
      server.listen(0, '127.0.0.1', done)
    })
    return (fixture = new S3Fixture(server))
  }

  /** Has the next `times` requests whose "METHOD key" matches meet a fault. */
  fault(match: RegExp, fault: S3Fault, times = 1): void {
    this.#faults.push({ match, fault, times })
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((done) => {
      this.#server.close(() => {
        done()
      })
    })
  }

  /** Reads the body, then answers. */
  take(request: IncomingMessage, response: ServerResponse): void {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const url = new URL(request.url ?? '/', this.endpoint)
      const [, bucket = '', ...key] = url.pathname.split('/').map(decodeURIComponent)
      this.#answer({ request, response, url, bucket, key: key.join('/'), body: Buffer.concat(pieces) })
    })
  }

  #answer(asked: Asked): void {
    const { request, response, bucket, key } = asked
    const name = `${request.method ?? ''} ${key}`
    this.requests.push(name)
    const fault = this.#faultFor(name)
    if (fault?.kind === 'hang') return
    if (fault?.kind === 'refuse') {
      refuse(response, fault.status, fault.code)
      return
    }
    if (bucket !== 'test') {
      refuse(response, 404, 'NoSuchBucket')
      return
    }
    if (fault?.kind === 'loseAnswer') {
      this.#carryOut({ ...asked, response: undefined }, fault)
      request.socket.destroy()
    } else this.#carryOut(asked, fault)
  }

  #faultFor(name: string): S3Fault | undefined {
    const found = this.#faults.find(({ match }) => match.test(name))
    if (found === undefined) return undefined
    found.times--
    if (found.times === 0) this.#faults = this.#faults.filter((one) => one !== found)
    return found.fault
  }

  #carryOut({ request, response, url, key, body }: Carried, fault: S3Fault | undefined): void {
    if (request.method === 'PUT') {
      const isConditional = request.headers['if-none-match'] === '*' && fault?.kind !== 'overwrite'
      if (isConditional && this.blobs.has(key)) refuse(response, 412, 'PreconditionFailed')
      else {
        this.blobs.set(key, body)
        response?.writeHead(200, { ETag: '"0"' }).end()
      }
    } else if (request.method === 'DELETE') {
      this.blobs.delete(key)
      response?.writeHead(204).end()
    } else if (key === '') this.#list(url, response)
    else {
      const found = this.blobs.get(key)
      if (found === undefined) refuse(response, 404, 'NoSuchKey')
      else response?.writeHead(200, { 'Content-Length': found.byteLength }).end(found)
    }
  }

  #list(url: URL, response: ServerResponse | undefined): void {
    const prefix = url.searchParams.get('prefix') ?? ''
    const after = url.searchParams.get('start-after') ?? ''
    const all = [...this.blobs.keys()].filter((key) => key.startsWith(prefix) && key > after).sort()
    const keys = all.slice(0, PAGE_KEYS).map((key) => `<Contents><Key>${key}</Key></Contents>`)
    const isTruncated = all.length > PAGE_KEYS
    response
      ?.writeHead(200, { 'Content-Type': 'application/xml' })
      .end(
        `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${keys.join('')}`
          + `${isTruncated ? '<NextContinuationToken>0</NextContinuationToken>' : ''}</ListBucketResult>`,
      )
  }
}

interface Asked {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  readonly bucket: string
  readonly key: string
  readonly body: Buffer
}
type Carried = Omit<Asked, 'response'> & { readonly response: ServerResponse | undefined }

function refuse(response: ServerResponse | undefined, status: number, code: string): void {
  response
    ?.writeHead(status, { 'Content-Type': 'application/xml' })
    .end(`<Error><Code>${code}</Code><Message>${code} by the fixture</Message></Error>`)
}
