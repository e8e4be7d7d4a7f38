/**
 * The folder of a `file:` cluster: what is where in it, whether it can carry a cluster, and who hosts it.
 *
 *     host.lock                    the database whose lock the host holds: host-lock.ts, and nobody else, opens it
 *     host.pid                     who hosts, and under which lock file; gone when a host ended in good order
 *     unit/                        the unit: sqlite-store.ts, and acceptor.register
 *     unit.sock, sequencer.sock    where the host listens
 *
 * The layout names the sockets without their folder and every process puts the folder in front by itself, so that a
 * folder which was moved, or is mounted elsewhere, or is named by a symbolic link, is the same cluster. Read next:
 * `host-lock.ts`, `../../sequencer/file.ts`.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { SirtakiError, isError } from '../errors.ts'
import type { Transport } from '../ports.ts'
import { parseAddress } from './address.ts'
import { networkFileSystem } from './file-system.ts'
import { syncFolder } from './sync-folder.ts'

/** Where the unit listens, as the layout names it. */
export const UNIT_ADDRESS = 'unix:unit.sock'
/** Where the sequencer listens, as the layout names it. */
export const SEQUENCER_ADDRESS = 'unix:sequencer.sock'

/** Who hosts a folder: the process, and the lock file that it holds. */
export interface HostRecord {
  readonly pid: number
  readonly lock: string
}

/** The places of one folder. */
export interface HostFolder {
  readonly path: string
  readonly unit: string
  readonly register: string
}

/**
 * Makes the folder if it does not exist (its parent must), and checks that it can carry a cluster.
 *
 * @throws SirtakiError `BAD_ADDRESS` for no folder or one whose sockets would have too long a name, `UNSUPPORTED` on
 *   a network file system, `WRONG_CLUSTER` for the folder of a unit, `IO` when it cannot be made or is a file.
 */
export function openHostFolder(directory: string): HostFolder {
  const path = resolve(directory)
  if (directory === '' || directory.includes('\0') || /^\/\/[^/]/.test(directory)) {
    throw new SirtakiError('BAD_ADDRESS', `${JSON.stringify(`file:${directory}`)} names no folder: write file:DIR`, {
      facts: { address: `file:${directory}` },
    })
  }
  checkSockets(path)
  try {
    if (!existsSync(path)) makeFolder(path)
    if (!statSync(path).isDirectory()) {
      throw new SirtakiError('IO', `${path} is a file, a cluster needs a folder: name another place`, {
        facts: { path },
      })
    }
    checkFileSystem(path)
  } catch (thrown) {
    if (isError(thrown)) throw thrown
    throw new SirtakiError(
      'IO',
      `the folder ${path} cannot be used: ${thrown instanceof Error ? thrown.message : String(thrown)}. `
        + 'Make its parent, mend the rights, or name another place',
      { cause: thrown, facts: { path } },
    )
  }
  if (existsSync(join(path, 'unit.db'))) {
    throw new SirtakiError(
      'WRONG_CLUSTER',
      `${path} is the folder of a unit, not of a file: cluster: name another folder, or start the unit with `
        + `sirtaki unit --data ${path}`,
      { facts: { path } },
    )
  }
  return { path, unit: join(path, 'unit'), register: join(path, 'unit', 'acceptor.register') }
}

/** Whether a folder is that of a `file:` cluster: its lock file stays for ever. */
export const isHostFolder = (path: string): boolean => existsSync(join(path, 'host.lock'))

/** Whether there is a log in the folder of a `file:` cluster, whole or damaged. Makes nothing. */
export function holdsCluster(path: string): boolean {
  try {
    return readdirSync(join(path, 'unit')).length > 0
  } catch {
    return false
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path)
  } catch (thrown) {
    // Several may come here at once.
    if (!existsSync(path)) throw thrown
  }
  syncFolder(dirname(path))
}

function checkSockets(path: string): void {
  for (const address of [UNIT_ADDRESS, SEQUENCER_ADDRESS]) {
    try {
      parseAddress(placedIn(path, address))
    } catch (cause) {
      throw new SirtakiError(
        'BAD_ADDRESS',
        `the folder ${path} has too long a name for the sockets in it: name it by a shorter path, for `
          + 'instance by a symbolic link to it',
        { cause, facts: { address: `file:${path}` } },
      )
    }
  }
}

/** Locks of a network file system cannot be relied on, and its sockets reach no other machine. */
function checkFileSystem(path: string): void {
  if (process.platform !== 'linux') return
  const name = networkFileSystem(statfsSync(path).type, path, () => readFileSync('/proc/self/mountinfo', 'utf8'))
  if (name !== undefined) {
    throw new SirtakiError(
      'UNSUPPORTED',
      `${path} is on a network file system (${name}), whose locks cannot keep two hosts apart: use a folder `
        + 'on a disk of this machine, or a cluster at tcp:// for several machines',
      { facts: { path, fileSystem: name } },
    )
  }
}

/** Tells who hosts the folder, or did when it was killed; `undefined` when nobody does. */
export function hostOf({ path }: Pick<HostFolder, 'path'>): HostRecord | undefined {
  const [, pid, lock] = /^(\d+) (\S+)\n$/.exec(textOf(join(path, 'host.pid'))) ?? []
  return pid === undefined || lock === undefined ? undefined : { pid: Number(pid), lock }
}

/** Tells whether a process was stopped by a signal; `undefined` where the system does not say. */
export function isStopped(pid: number): boolean | undefined {
  const status = textOf(`/proc/${pid}/stat`)
  // The name before it is in brackets and may hold anything.
  return status === '' ? undefined : /^[Tt]/.test(status.slice(status.lastIndexOf(')') + 2))
}

/** The text of a file, nothing when it cannot be read: it may go at any moment. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** A transport that looks for addresses without a folder in this one. */
export function placedTransport(transport: Transport, { path }: Pick<HostFolder, 'path'>): Transport {
  return {
    connect: (address, events) => transport.connect(placedIn(path, address), events),
    listen: async (address, accept) => {
      const listener = await transport.listen(placedIn(path, address), accept)
      return { address, close: () => listener.close() }
    },
  }
}

const placedIn = (path: string, address: string): string =>
  /^unix:[^/]/.test(address) ? `unix:${join(path, address.slice('unix:'.length))}` : address
