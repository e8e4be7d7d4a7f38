/**
 * A real MinIO for tests: found, or built once, started on a folder, killed and started again.
 *
 *     S3_TEST_ENDPOINT    a server that runs already, with S3_TEST_BUCKET, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
 *     MINIO_BIN, PATH     its program
 *     go                  builds it into the user's cache folder, which takes 2 to 3 minutes once
 *
 * Where there is none of these, tests of it are skipped with that reason; they fail instead where Go is there, or `CI`
 * is set. Read next: `minio.test.ts`.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { S3Blobs } from '../../log/io/s3-blobs.ts'
import { freePorts } from '../free-ports.ts'
import { makeFolder, type Teardown } from '../log/io/folder.ts'

const MODULE = 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c'
const BUILD_MS = 600_000
const READY_MS = 20_000
/** The keys of access of every MinIO that is started here. */
export const minioKeys = { accessKeyId: 'sirtaki-test', secretAccessKey: 'sirtaki-test-secret' }

/** Where the server comes from. */
export type MinioSource =
  | { readonly kind: 'endpoint'; readonly endpoint: string; readonly bucket: string }
  | { readonly kind: 'program'; readonly path: string }
  | { readonly kind: 'none'; readonly reason: string }

/** Finds the server, or builds it. @throws Error where it should be there and is not. */
export async function findMinio(): Promise<MinioSource> {
  const { S3_TEST_ENDPOINT: endpoint, S3_TEST_BUCKET: bucket = 'sirtaki-test', MINIO_BIN, CI } = process.env
  if (endpoint !== undefined) return { kind: 'endpoint', endpoint, bucket }
  const built = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sirtaki', 'minio', 'minio')
  const path = [MINIO_BIN, onPath('minio'), built].find((one) => one !== undefined && existsSync(one))
  if (path !== undefined) return { kind: 'program', path }
  const go = onPath('go')
  if (go !== undefined) return { kind: 'program', path: await build(go, built) }
  const reason = 'there is no MinIO: set S3_TEST_ENDPOINT or MINIO_BIN, or put minio or go on the PATH'
  if (CI !== undefined) throw new Error(reason)
  return { kind: 'none', reason }
}

async function build(go: string, to: string): Promise<string> {
  const folder = join(to, '..')
  const beside = join(folder, `build-${process.pid}`)
  mkdirSync(beside, { recursive: true })
  const env = { ...process.env, CGO_ENABLED: '0', GOBIN: beside }
  await promisify(execFile)(go, ['install', MODULE], { env, timeout: BUILD_MS, maxBuffer: 64 << 20 })
  renameSync(join(beside, 'minio'), to)
  return to
}

const onPath = (program: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path))

/** Where it listens, and on which folder it serves: one of its own unless told. */
export interface MinioPlace {
  readonly host?: string
  readonly folder?: string | undefined
}

/** A MinIO of one test. */
export class Minio {
  readonly endpoint: string
  readonly folder: string
  readonly #path: string
  readonly #address: string
  #child: ChildProcess | undefined

  private constructor(path: string, address: string, folder: string) {
    this.#path = path
    this.#address = address
    this.folder = folder
    this.endpoint = `http://${address}`
  }

  /** Starts one, with a bucket named `test`. */
  static async start(t: Teardown, path: string, { host = '127.0.0.1', folder }: MinioPlace = {}): Promise<Minio> {
    const [port = 0] = await freePorts(1)
    const minio = new Minio(path, `${host}:${port}`, folder ?? makeFolder(t))
    t.teardown(() => minio.kill())
    // A bucket is a folder: who serves it makes nothing of it but that.
    mkdirSync(join(minio.folder, 'test'))
    await minio.start()
    return minio
  }

  /** A store in the bucket `test`. */
  store(prefix: string, more: Partial<ConstructorParameters<typeof S3Blobs>[0]> = {}): S3Blobs {
    return new S3Blobs({ bucket: 'test', prefix, endpoint: this.endpoint, credentials: minioKeys, ...more })
  }

  /** Starts it on its folder and port; settles when it answers. */
  async start(): Promise<void> {
    const env = {
      ...process.env,
      MINIO_ROOT_USER: minioKeys.accessKeyId,
      MINIO_ROOT_PASSWORD: minioKeys.secretAccessKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      GOMAXPROCS: '1',
    }
    const args = ['server', this.folder, '--address', this.#address, '--quiet']
    // It gives way: other tests have deadlines.
    this.#child = spawn('nice', ['-n', '15', this.#path, ...args], { env, stdio: 'ignore' })
    // Ready says that it listens: what it serves from is not looked through yet.
    const store = this.store('')
    const until = Date.now() + READY_MS
    try {
      while (!(await isServing(store))) {
        if (Date.now() > until) throw new Error(`MinIO at ${this.endpoint} was not ready within ${READY_MS / 1000} s`)
        await new Promise((resolve) => {
          setTimeout(resolve, 50)
        })
      }
    } finally {
      store.close()
    }
  }

  /** Of its process; 0 while there is none. */
  get pid(): number {
    return this.#child?.pid ?? 0
  }
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name)
  }

  /** Ends it with SIGKILL. Idempotent. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
}

/** Whether it stores and removes, as a server does that has begun. */
async function isServing(store: S3Blobs): Promise<boolean> {
  const signal = AbortSignal.timeout(1_000)
  try {
    await store.put('ready', new Uint8Array(1), { signal })
    await store.remove('ready', { signal })
    return true
  } catch {
    return false
  }
}
