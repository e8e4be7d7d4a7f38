/**
 * A client of the run as a process, which may be killed: `URL NUMBER SEED LANES PAUSE-MS NOTES [BLOBS]`.
 *
 * Once it has played what there is, its lanes act until it is told `stop`. With 0 LANES it only plays, and counts what
 * happens to programs. Told `look`, it says what it has come to. Into the file NOTES it writes the fuel of each entry:
 * where buckets differ, that names the entry. Its lines:
 *
 *     started, ready, stopped, looked POSITION      how far it is
 *     began POSITION                                its first entry with fuel
 *     bucket AFTER FROM TO FUEL ENTRIES             a bucket that it has played whole
 *     digest POSITION HEX                           its state there
 *     told JSON, registry JSON                      outcomes by act since the last of these; what happened to programs
 *     failure WORDS                                 an error that is no answer
 *
 * Read next: `lane.ts`, `recorder.ts` (which hears it), `fuel-buckets.ts`.
 */
import { appendFileSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setImmediate as turn } from 'node:timers/promises'
import { asError, isError } from '../../../log/errors.ts'
import { openBlobs } from '../../../log/io/blobs.ts'
import type { Client } from '../../../objects/connect.ts'
import { PROGRAMS_PATH } from '../../../objects/runtime/programs.ts'
import { BUCKET, FuelBuckets, type FuelBucket } from './fuel-buckets.ts'
import { runLane } from './lane.ts'
import { connectObserved } from './observed-client.ts'

const TELL_MS = 1_000
const SYNC_MS = 5_000

const [, , url = '', number = '', seed = '', lanes = '', pauseMs = '', notesPath = '', store = ''] = process.argv
const isWitness = lanes === '0'
const say = (...words: readonly (string | number)[]): void => {
  for (let bytes = Buffer.from(`${words.join(' ')}\n`); bytes.byteLength > 0;) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes))
    } catch (thrown) {
      // Who listens is busy for a moment.
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EAGAIN')) throw thrown
    }
  }
}

/** One that begins with a checkpoint may begin in the middle of a bucket. */
const buckets = new FuelBuckets(store === '')
let digestIn = -1
let notes: string[] = []

function sayBucket(bucket: FuelBucket | undefined): void {
  if (bucket === undefined) return
  const { after, from, to, fuel, entries } = bucket
  say('bucket', after, from, to, fuel, entries)
}
const sayDigest = (client: Client): void => {
  const { position, digest } = client.digest()
  say('digest', position, digest)
}

/** The first entry with fuel of each bucket is the same one everywhere: there the digest is said. */
function used(client: Client, position: number, fuel: number): void {
  if (digestIn === -1) say('began', position)
  notes.push(`${position} ${fuel}\n`)
  sayBucket(buckets.played(position, fuel))
  const bucket = Math.floor(position / BUCKET)
  if (bucket === digestIn) return
  digestIn = bucket
  sayDigest(client)
}

/** Plays up to the tail, however long that takes. A server that is killed meanwhile makes it late, no more. */
async function sync(client: Client): Promise<void> {
  for (;;) {
    try {
      await client.sync({ timeoutMs: SYNC_MS })
      return
    } catch (thrown) {
      if (!isError(thrown, 'TIMEOUT', 'UNREACHABLE')) throw thrown
    }
  }
}

/** What happened to programs, by what the registry calls it. A higher version is a `replaced` besides. */
const registryEvents = new Map<string, number>()
async function countEvents(client: Client): Promise<void> {
  const count = (what: string): void => {
    registryEvents.set(what, (registryEvents.get(what) ?? 0) + 1)
  }
  for await (const item of client.watch({ path: PROGRAMS_PATH })) {
    for (const { path, kind, facts } of item.kind === 'change' ? item.events : []) {
      if (path !== PROGRAMS_PATH) continue
      count(kind)
      if (kind === 'registered' && Number(facts['version']) > 1) count('replaced')
    }
  }
}

let told: Record<string, number> = {}
/** Says what has come of acts, and writes the notes down. */
function tell(): void {
  appendFileSync(notesPath, notes.join(''))
  notes = []
  if (Object.keys(told).length > 0) say('told', JSON.stringify(told))
  told = {}
}

function fail(what: string, thrown: unknown): void {
  const { code, message, stack } = asError(thrown)
  say('failure', `${what}: ${code} ${JSON.stringify(code === 'APPLY_FAILED' ? stack : message)}`)
}

let isOver = false
async function act(client: Client): Promise<void> {
  await sync(client)
  say('ready')
  const lane = (nth: number): Promise<void> =>
    runLane({
      client,
      name: `${number}.${nth}`,
      seed,
      pauseMs: Number(pauseMs),
      isOver: () => isOver,
      tell: (what, outcome) => {
        const key = `${what} ${outcome}`
        told[key] = (told[key] ?? 0) + 1
      },
      failed: fail,
    })
  await Promise.all(Array.from({ length: Number(lanes) }, (_, nth) => lane(nth)))
}

async function look(client: Client): Promise<void> {
  await sync(client)
  // Items of a watch are taken in turns of their own.
  await turn()
  tell()
  if (isWitness) say('registry', JSON.stringify(Object.fromEntries(registryEvents)))
  sayBucket(buckets.rest(client.digest().position))
  sayDigest(client)
  say('looked', client.digest().position)
}

try {
  say('started')
  const blobs = store === '' ? undefined : openBlobs(store)
  const client = await connectObserved(url, { name: `extensions ${number}`, blobs, used })
  client.own.port.view.onStopped((error) => {
    if (error.code !== 'CLOSED') fail('the view stopped', error)
  })
  if (isWitness) void countEvents(client)
  const acting = act(client).catch((thrown: unknown) => {
    fail('the load', thrown)
  })
  setInterval(tell, TELL_MS)
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'stop') {
      isOver = true
      await acting
      tell()
      say('stopped')
    }
    if (line === 'look') await look(client)
  }
  await client.close()
  process.exit(0)
} catch (thrown) {
  fail('the process', thrown)
  process.exit(2)
}
