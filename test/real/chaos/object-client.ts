/**
 * A client of objects as a process, which faults may meet: `URL NUMBER LOADS RATE FENCE [BLOBS]`. Says `ready`; told
 * `go` it works and says its history; ends when it is told `stop`, or its input ends.
 *
 * RATE operations a second of each of its LOADS. Twenty times a second it says which of its sessions it counts on, by
 * its own clocks at that instant; four times what the state is. Read next: `object-lanes.ts`, `object-process.ts`.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as rest } from 'node:timers/promises'
import { connect, type ObjectSession } from '../../../index.ts'
import { openBlobs } from '../../../log/io/blobs.ts'
import { Prng } from '../../harness/prng.ts'
import { Fence } from './fence.ts'
import { SESSION_TIMEOUT_MS, isLoadName, sessionName, type LoadName } from './loads.ts'
import { turns } from './object-lanes.ts'
import { flush, now, say, tellError } from './voice.ts'

const ALIVE_MS = 50
const DIGEST_EVERY = 5
const CLOSE_MS = 3_000

const [, , url = '', number = '', loads = '', rate = '', fencePath = '', store = ''] = process.argv
const blobs = store === '' ? undefined : openBlobs(store)
const client = await connect(url, { name: `objects ${number}`, timeoutMs: 30_000, blobs })
const fence = new Fence(fencePath)
const sessions = new Set<ObjectSession>()
let running = true
let names = 0

/** A session for each name. One that is lost is no more used. */
async function opened(load: LoadName, nth: number, prng: Prng): Promise<ObjectSession> {
  const timeoutMs = prng.integer(...SESSION_TIMEOUT_MS)
  const session = await client.session({ name: sessionName(Number(number), load, nth), timeoutMs, onLost: 'stop' })
  sessions.add(session)
  return session
}

async function lane(load: Exclude<LoadName, 'log'>, perSecond: number): Promise<void> {
  const prng = new Prng(`${number}/${load}`)
  const { operations, turn } = turns[load]
  for (let nth = 1; running; nth++) {
    const session = await opened(load, nth, prng)
    const one = {
      client,
      session,
      sessionName: session.name,
      prng,
      fence,
      key: () => `${number}.${load}.${++names}`,
    }
    while (running && session.state !== 'lost' && session.state !== 'closed') {
      const started = performance.now()
      try {
        await turn(one)
      } catch (thrown) {
        tellError(load, thrown)
      }
      const pauseMs = ((operations * 1_000) / perSecond) * prng.between(0.5, 1.5)
      await rest(Math.max(1, pauseMs - (performance.now() - started)))
    }
    if (!running) return
    sessions.delete(session)
    void session.close()
  }
}

/** Says the sessions that it counts on, by the clocks as they are. */
function tellAlive(): void {
  const counted: (number | string)[] = []
  const at = now()
  for (const one of sessions) {
    const { state, position } = one
    if (position === undefined || state === 'lost' || state === 'closed') continue
    if (one.current().isCurrent) counted.push(position, one.name)
  }
  if (counted.length > 0) say('alive', at, ...counted)
}

let digestAt = -1
function tellDigest(): void {
  const at = now()
  const { position, digest } = client.digest()
  if (position === digestAt) return
  digestAt = position
  say('digest', at, position, digest)
}

let ticks = 0
const ticking = setInterval(() => {
  tellAlive()
  if (++ticks % DIGEST_EVERY === 0) tellDigest()
}, ALIVE_MS)

writeSync(1, 'ready\n')
let working: Promise<unknown> = Promise.resolve()
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'go') {
    working = Promise.all(
      loads.split(',').flatMap((load) => (isLoadName(load) && load !== 'log' ? [lane(load, Number(rate))] : [])),
    )
  }
  if (line === 'stop') break
}
running = false
await working
clearInterval(ticking)
await Promise.race([Promise.all([...sessions].map((session) => session.close())), rest(CLOSE_MS)])
await client.sync({ timeoutMs: CLOSE_MS }).catch(() => undefined)
tellDigest()
say('done')
flush()
process.exit(0)
