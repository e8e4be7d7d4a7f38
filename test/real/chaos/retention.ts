/**
 * Checkpoints, archive and trims of a run: a MinIO, two checkpointers and an archiver as processes, which faults may
 * meet, and how much there is of everything over time.
 *
 * Read next: `../minio.ts`, `faults.ts`, `picture.ts`.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Minio, findMinio, minioKeys } from '../minio.ts'
import type { ChaosCluster } from './cluster.ts'
import type { Ground } from './ground.ts'
import { Server } from './server.ts'

/** How long the past of a run is kept. */
export const KEEP_MS = 600_000
/** A client that begins has at most so much to play. */
const EVERY_MS = 5_000
const EVERY_ENTRIES = 5_000
const SAMPLE_MS = 5_000
const MIB = 1 << 20

/** Something that was measured, every five seconds. */
export interface Series {
  readonly name: string
  readonly unit: string
  readonly everyMs: number
  readonly values: readonly number[]
}

/** What keeps checkpoints and archive in one run. */
export class Retention {
  readonly minio: Minio
  /** The address of the store. */
  readonly address: string
  readonly duties: readonly Server[]
  readonly #cluster: ChaosCluster
  readonly #ground: Ground
  readonly #series = new Map<string, { readonly unit: string; readonly values: number[] }>()
  #timer: NodeJS.Timeout | undefined

  private constructor(cluster: ChaosCluster, ground: Ground, minio: Minio) {
    this.#cluster = cluster
    this.#ground = ground
    this.minio = minio
    this.address = `s3://test/chaos?endpoint=${minio.endpoint}`
    const named = ['--cluster', cluster.url, '--blobs', this.address, '--json']
    const duty = (name: string, ...args: readonly string[]): Server =>
      new Server({ ground, name, place: anywhere, args: [...args, ...named], shim: undefined })
    this.duties = [
      duty('checkpointer-a', 'checkpointer'),
      duty('checkpointer-b', 'checkpointer'),
      duty('archiver', 'archiver', '--range', '5'),
    ]
  }

  /** Starts all of it. `host`: where MinIO can be reached from everywhere. @throws Error where there is no MinIO. */
  static async start(cluster: ChaosCluster, ground: Ground, host: string): Promise<Retention> {
    const source = await findMinio()
    if (source.kind !== 'program') throw new Error('--retention needs a MinIO of its own: see test/real/minio.ts')
    process.env['AWS_ACCESS_KEY_ID'] = minioKeys.accessKeyId
    process.env['AWS_SECRET_ACCESS_KEY'] = minioKeys.secretAccessKey
    const teardown = (give: () => unknown): void => {
      ground.undo(() => void give())
    }
    const minio = await Minio.start({ teardown }, source.path, { host })
    ground.note(minio.pid)
    await cluster.commands.setPolicy([
      ...['--every-entries', String(EVERY_ENTRIES), '--every-ms', String(EVERY_MS)],
      ...['--keep', '3', '--keep-every', '0', '--archive-keep-ms', String(KEEP_MS), '--trim'],
    ])
    const retention = new Retention(cluster, ground, minio)
    await Promise.all(retention.duties.map((one) => one.start()))
    return retention
  }

  async killMinio(): Promise<void> {
    await this.minio.kill()
  }
  async startMinio(): Promise<void> {
    await this.minio.start()
    this.#ground.note(this.minio.pid)
  }

  /** Measures from now on. */
  measure(): void {
    this.#timer = setInterval(() => {
      this.#sample()
    }, SAMPLE_MS)
  }

  /** Ends the duties: nothing is trimmed any more. */
  async stop(): Promise<readonly Series[]> {
    clearInterval(this.#timer)
    await Promise.all(this.duties.map((one) => one.kill()))
    return [...this.#series].map(([name, { unit, values }]) => ({ name, unit, everyMs: SAMPLE_MS, values }))
  }

  #sample(): void {
    const { units } = this.#cluster
    const members = [...units.values()].filter((one) => one.isRunning)
    const largest = (all: readonly number[]): number => Math.max(0, ...all)
    const mib = (bytes: number): number => bytes / MIB
    this.#note('unit disk', 'MiB', mib(largest(members.map(({ name }) => bytesIn(join(this.#ground.folder, name))))))
    this.#note('unit memory', 'MiB', mib(largest(members.map(({ pid }) => memoryOf(pid)))))
    this.#note('sequencer memory', 'MiB', mib(largest(this.#cluster.sequencers.map(({ pid }) => memoryOf(pid)))))
    this.#note('checkpointer memory', 'MiB', mib(largest(this.duties.map(({ pid }) => memoryOf(pid)))))
    const blobs = join(this.minio.folder, 'test', 'chaos')
    for (const kind of ['parts', 'manifests', 'archive']) this.#note(kind, 'blobs', namesIn(join(blobs, kind)).length)
    this.#note('blob bytes', 'MiB', mib(bytesIn(blobs)))
  }

  #note(name: string, unit: string, value: number): void {
    const series = this.#series.get(name) ?? { unit, values: [] }
    series.values.push(value)
    this.#series.set(name, series)
  }
}

const anywhere = {
  listen: '',
  advertise: '',
  command: (program: string, args: readonly string[]) => [program, args] as const,
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Bytes of all files in a folder. What goes meanwhile is none. */
function bytesIn(folder: string): number {
  return namesIn(folder).reduce((sum, name) => {
    const path = join(folder, name)
    const stat = statSync(path, { throwIfNoEntry: false })
    return sum + (stat === undefined ? 0 : stat.isDirectory() ? bytesIn(path) : stat.size)
  }, 0)
}

/** Resident bytes of a process; 0 where it is gone. */
function memoryOf(pid: number | undefined): number {
  if (pid === undefined) return 0
  try {
    const [, kib = '0'] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kib) * 1_024
  } catch {
    return 0
  }
}
