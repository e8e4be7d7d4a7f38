/**
 * How long a session lives on after its process was killed, as another process sees it: from the last sending that its
 * owner knows confirmed.
 *
 * Owners are processes of some sessions each, every one with a rhythm of heartbeats of its own; they say when what was
 * confirmed had been sent, and die by SIGKILL. Read next: `session-owner.ts`, `peers/owner.ts`.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { eachOf, measured, type Measured } from './measure.ts'

/** What sessions ask for. */
export const SESSION_TIMEOUT_MS = 2_000
/** Between two heartbeats of an owner that times them itself: those of our own sessions are as far apart. */
export const BEAT_MS = Math.round(SESSION_TIMEOUT_MS / 6)
const SESSIONS_A_PROCESS = 20
/** More of them at a time would take the time of one another's heartbeats when they start. */
const PROCESSES = 2
/** Sessions that a machine too busy for their heartbeats may end before the kill: they are left out. */
const LOST_SHARE_MAX = 0.1
/** From the opening to the kill: at least one heartbeat, and then at random. */
const LIFE_MS = [600, 1_600] as const

/** The module of an owner; the names of its sessions are its last argument. */
export interface OwnerFile {
  readonly file: string
  readonly args: readonly string[]
}
/** What an owner says: all are open; of a session that what was sent then is confirmed, or that it was not opened. */
export type Said = 'open' | { readonly name: string; readonly sentAt: number | undefined }

/** Now, by a clock that all processes of a machine share. */
export const epochMs = (): number => performance.timeOrigin + performance.now()

/** Ends so many sessions. `ended` settles when others have seen the end of one. @throws Error as an owner. */
export async function sessionEnds(
  count: number,
  owner: OwnerFile,
  ended: (name: string) => Promise<void>,
): Promise<Measured> {
  const names = Array.from({ length: count }, () => `end-${randomUUID()}`)
  const groups = Array.from({ length: Math.ceil(count / SESSIONS_A_PROCESS) }, (_, i) =>
    names.slice(i * SESSIONS_A_PROCESS, (i + 1) * SESSIONS_A_PROCESS),
  )
  const times: number[] = []
  const started = performance.now()
  await eachOf(groups, PROCESSES, async (group) => {
    times.push(...(await endsOf(group, owner, ended)))
  })
  if (times.length < count * (1 - LOST_SHARE_MAX)) {
    const lost = count - times.length
    throw new Error(`${lost} of ${count} sessions ended while their processes were alive: the machine is too busy`)
  }
  return measured(times, performance.now() - started)
}

async function endsOf(
  names: readonly string[],
  { file, args }: OwnerFile,
  ended: (name: string) => Promise<void>,
): Promise<number[]> {
  const child = fork(file, [...args, JSON.stringify(names)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  try {
    const confirmedAt = await opened(child)
    const ends = Promise.all(
      [...confirmedAt.keys()].map(async (name) => {
        await ended(name)
        return child.killed ? [epochMs() - (confirmedAt.get(name) ?? NaN)] : []
      }),
    )
    const [least, most] = LIFE_MS
    await Promise.race([sleep(randomInt(least, most)), ends])
    child.kill('SIGKILL')
    return (await ends).flat()
  } finally {
    child.kill('SIGKILL')
  }
}

/** When the last confirmed sending of each session was, as it goes on. @throws Error when the owner ends. */
function opened(child: ChildProcess): Promise<ReadonlyMap<string, number>> {
  const confirmedAt = new Map<string, number>()
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      reject(new Error(`an owner of sessions ended with ${signal ?? code}`))
    })
    child.on('message', (said: Said) => {
      if (said === 'open') resolve(confirmedAt)
      else if (said.sentAt !== undefined) confirmedAt.set(said.name, said.sentAt)
      else confirmedAt.delete(said.name)
    })
  })
}
