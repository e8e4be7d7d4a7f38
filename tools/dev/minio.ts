/**
 * A MinIO beside a dev cluster, for its checkpoints: found, started on a folder, ended with its parent.
 *
 *     MINIO_BIN, `minio` on the PATH, or the one that `npm test` has built
 *
 * Read next: `dev-cluster.ts`, `../../docs/checkpoints.md`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { openBlobs } from '../../log/io/blobs.ts'
import { Failure, exits } from '../cli/failure.ts'

const BUCKET = 'sirtaki'
const READY_MS = 30_000
const END_MS = 5_000
/** Of a server that only this machine reaches. */
const keys = { user: 'sirtaki-dev', password: 'sirtaki-dev-secret' }

/** A running server. */
export interface DevMinio {
  /** The address of the store, as `--blobs` takes it. */
  readonly address: string
  close(): Promise<void>
}

/**
 * Starts the server on a folder and a port of this machine. The keys of access that it takes are put into the
 * environment of this process, unless there are some.
 *
 * @throws Failure where there is no MinIO, or it does not answer.
 */
export async function startMinio(folder: string, port: number): Promise<DevMinio> {
  const program = findProgram()
  // A bucket is a folder: who serves it makes nothing of it but that.
  mkdirSync(join(folder, BUCKET), { recursive: true })
  process.env['AWS_ACCESS_KEY_ID'] ??= keys.user
  process.env['AWS_SECRET_ACCESS_KEY'] ??= keys.password
  const env = {
    ...process.env,
    MINIO_ROOT_USER: process.env['AWS_ACCESS_KEY_ID'],
    MINIO_ROOT_PASSWORD: process.env['AWS_SECRET_ACCESS_KEY'],
    MINIO_BROWSER: 'off',
    MINIO_UPDATE: 'off',
  }
  const child = spawn(program, ['server', folder, '--address', `127.0.0.1:${port}`, '--quiet'], {
    env,
    stdio: 'ignore',
  })
  const exited = once(child, 'exit')
  const address = `s3://${BUCKET}/dev?endpoint=http://127.0.0.1:${port}`
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), END_MS)
    await exited
    clearTimeout(late)
  }
  // Whoever ends without a word takes it along.
  process.once('exit', () => child.kill('SIGKILL'))
  try {
    await untilServing(address, () => child.exitCode !== null)
  } catch (thrown) {
    await close()
    throw thrown
  }
  return { address, close }
}

async function untilServing(address: string, hasEnded: () => boolean): Promise<void> {
  const store = openBlobs(address)
  const until = performance.now() + READY_MS
  try {
    for (;;) {
      const signal = AbortSignal.timeout(1_000)
      const isServing = await store.list('', '', { signal }).then(
        () => true,
        () => false,
      )
      if (isServing) return
      if (hasEnded()) throw new Failure(exits.failed, `MinIO ended before it answered at ${address}: is its port free?`)
      if (performance.now() > until) throw new Failure(exits.unreachable, `MinIO does not answer at ${address}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  } finally {
    store.close()
  }
}

function findProgram(): string {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'minio'))
  const built = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sirtaki', 'minio', 'minio')
  const found = [process.env['MINIO_BIN'], ...onPath, built].find((path) => path !== undefined && existsSync(path))
  if (found !== undefined) return found
  throw new Failure(exits.usage, 'there is no MinIO here: put minio on the PATH, or name it in MINIO_BIN')
}
