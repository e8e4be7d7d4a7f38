/**
 * A whole cluster on a folder, for `file:`: one unit and the sequencer in this process, behind unix sockets.
 *
 *     lock ─ open the unit's folder ─ listen ─ genesis on a blank one ─ sequencer: next epoch ─ check the lock
 *
 * The lock is taken before log or socket are touched and let go last. Taking over from a dead host is the usual
 * restart: the sequencer that starts opens the epoch that names it and the unit's new boot together. Loads
 * better-sqlite3: who only joins must not import it. Keeps: P50. Read next: `file.ts`, `../log/io/host-lock.ts`.
 */
import { Cluster } from '../log/cluster/cluster.ts'
import { init } from '../log/epochs/genesis.ts'
import { SirtakiError, asError } from '../log/errors.ts'
import { SEQUENCER_ADDRESS, UNIT_ADDRESS, type HostFolder } from '../log/io/host-folder.ts'
import { takeHostLock } from '../log/io/host-lock.ts'
import { RegisterFile } from '../log/io/register-file.ts'
import { SqliteStore } from '../log/io/sqlite-store.ts'
import { openSegment } from '../log/layout.ts'
import type { Limits } from '../log/limits.ts'
import type { Ports, Timer } from '../log/ports.ts'
import { superviseUnit } from '../log/unit/rejoin.ts'
import { UnitServer } from '../log/unit/server.ts'
import { keepSequencer } from './keep.ts'

/** What a host is started with. */
export interface HostOptions {
  /** Their transport finds addresses without a folder in this one. */
  readonly ports: Ports
  readonly limits: Limits
  readonly folder: HostFolder
  /** Called once when the host has to stop by itself; everything is closed by then. */
  readonly stopped: (error: SirtakiError) => void
  readonly signal: AbortSignal
}

/** A running host. `close` ends it in good order: the next one may take over at once. */
export interface Host {
  close(): Promise<void>
}

/** Between two checks of the lock file: in that time two hosts could only be kept apart by the unit's own lock. */
const CHECK_MS = 1_000
/**
 * A takeover waits until the WAL is grown: opening an almost empty store takes 57 ms with 32 MB and 23 ms with 8 MB
 * (medians of 15).
 */
const WAL_MB = 8
/** Who waits for a host waits as long as for any request: what kept it from starting is to be known by then. */
const START_PART = 0.8
/** A folder on the disk of a workstation: enough for seals and layouts. */
const RESERVE_MB = 8

/**
 * Hosts the folder. Ready for appends when it settles.
 *
 * @throws SirtakiError `IN_USE` when another process hosts; `DAMAGED`, `IO`, `UNSUPPORTED` of lock, store and register;
 *   `WRONG_CLUSTER` for a unit of another kind of cluster; `TIMEOUT`, `CONFLICT` when the epoch could not be opened
 *     in time.
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const { ports, limits, folder } = options
  const lock = takeHostLock(folder)
  const ends: (() => void | Promise<void>)[] = [
    () => {
      lock.release()
    },
  ]
  let closing: Promise<void> | undefined
  let failed: SirtakiError | undefined
  let started = false
  let unit: UnitServer | undefined
  const close = (): Promise<void> => {
    closing ??= endAll(ends)
    return closing
  }
  const stop = (error: SirtakiError): void => {
    failed ??= error
    if (started && closing === undefined) {
      void close()
        .catch(() => undefined)
        .then(() => {
          options.stopped(error)
        })
    }
  }
  try {
    unit = openUnit(options, ends)
    requireWhole(unit, folder)
    lock.check()
    unit.onStopped(stop)
    await unit.listen()
    if (unit.unit.state.layout === undefined) await makeCluster(options)
    const sequencer = await keepSequencer(
      { ports, limits, address: SEQUENCER_ADDRESS, name: `sequencer in ${folder.path}`, units: [UNIT_ADDRESS] },
      { timeoutMs: limits.requestMs * START_PART, signal: options.signal },
    )
    ends.push(() => sequencer.close())
    const checkLock = (): void => {
      lock.check()
    }
    for (const supervision of [superviseUnit(unit), keepChecking(checkLock, ports, stop)]) {
      ends.push(() => {
        supervision.close()
      })
    }
    if (failed !== undefined) throw failed
    started = true
    return { close }
  } catch (thrown) {
    // What went wrong first says more than that something cannot be closed either.
    const isFull = unit?.options.store.full === true
    await close().catch(() => undefined)
    // What the unit stopped with says more than that it did not answer.
    throw withWay(failed ?? (isFull ? fullError(thrown, folder) : thrown), folder)
  }
}

/** What a folder is held with. `salvage`: a damaged unit is opened as far as what verifies. */
export interface HoldOptions {
  readonly ports: Ports
  readonly limits: Limits
  readonly folder: HostFolder
  readonly salvage: boolean
}

/**
 * Holds a folder whose cluster cannot go on by itself: its unit answers, so that it can be recovered, and no
 * sequencer is started.
 *
 * @throws SirtakiError as `startHost`.
 */
export async function holdFolder(options: HoldOptions): Promise<Host> {
  const lock = takeHostLock(options.folder)
  const ends: (() => void | Promise<void>)[] = [
    () => {
      lock.release()
    },
  ]
  try {
    await openUnit(options, ends).listen()
    return { close: () => endAll(ends) }
  } catch (thrown) {
    await endAll(ends).catch(() => undefined)
    throw withWay(thrown, options.folder)
  }
}

/** Opens the unit; `ends` gets what closes it. @throws SirtakiError of store and register, `WRONG_CLUSTER`. */
function openUnit(
  { ports, limits, folder, salvage }: Omit<HoldOptions, 'salvage'> & { readonly salvage?: boolean },
  ends: (() => void | Promise<void>)[],
): UnitServer {
  const store = new SqliteStore({
    folder: folder.unit,
    random: ports.random,
    walMb: WAL_MB,
    reserveMb: RESERVE_MB,
    salvage,
  })
  ends.push(() => {
    store.close()
  })
  const register = new RegisterFile(folder.register, () => store.giveBack())
  const unit = new UnitServer({ ports, limits, store, register, address: UNIT_ADDRESS, name: `unit in ${folder.path}` })
  ends.push(() => unit.close())
  requireOwnUnit(unit, folder)
  return unit
}

/** Without room for an epoch nothing goes on: its reserve is what a host starts with on a full disk. */
const fullError = (thrown: unknown, { path }: HostFolder): SirtakiError =>
  new SirtakiError(
    'FULL',
    `the disk of ${path} is full, and its reserve is used up, so that no epoch can be opened `
      + `(${asError(thrown).message}): make room there`,
    { cause: thrown, facts: { path } },
  )

/** What was salvaged goes on only when somebody has looked at what is left. @throws SirtakiError `NOT_WHOLE`. */
function requireWhole({ unit: { state } }: UnitServer, { path }: HostFolder): void {
  if (!state.salvaged || state.layout === undefined) return
  throw new SirtakiError(
    'NOT_WHOLE',
    `the log in ${path} was salvaged and may lack entries that were acknowledged: sirtaki --cluster `
      + `file:${path} recover prints what is left, with --apply it goes on with that`,
    { facts: { path } },
  )
}

/** Nobody starts the unit of such a cluster by itself: what salvages it is another command. */
function withWay(thrown: unknown, { path }: HostFolder): unknown {
  const error = asError(thrown)
  if (error.code !== 'DAMAGED' || !error.message.includes('`--salvage`')) return thrown
  return new SirtakiError(
    'DAMAGED',
    `${error.message}. Of a file: cluster: sirtaki --cluster file:${path} recover --salvage`,
    { cause: thrown, facts: error.facts },
  )
}

/**
 * Last come, first closed; each of them, whatever the others throw: the lock is the last.
 *
 * @throws the first of these errors.
 */
async function endAll(ends: readonly (() => void | Promise<void>)[]): Promise<void> {
  const errors: unknown[] = []
  for (const end of ends.toReversed()) {
    try {
      await end()
    } catch (thrown) {
      errors.push(thrown)
    }
  }
  if (errors.length > 0) throw errors[0]
}

async function makeCluster({ ports, limits }: HostOptions): Promise<void> {
  const operator = new Cluster({ ports, limits, name: 'init', addresses: [UNIT_ADDRESS] })
  try {
    await init(operator, { chains: [[UNIT_ADDRESS]], window: limits.window })
  } finally {
    operator.close()
  }
}

/** @throws SirtakiError `WRONG_CLUSTER` when the unit belongs to other members than a host has. */
function requireOwnUnit({ unit }: UnitServer, { unit: path }: HostFolder): void {
  const { layout, identity } = unit.state
  if (layout === undefined) return
  const members = openSegment(layout).chains.flat()
  const [only] = members
  if (members.length === 1 && only?.identity === identity && only.address === UNIT_ADDRESS) return
  const addresses = members.map(({ address }) => address).join(', ')
  throw new SirtakiError(
    'WRONG_CLUSTER',
    `${path} holds a unit of cluster ${layout.cluster}, whose units are at ${addresses}, not of a file: `
      + `cluster: name another folder, or start that unit with sirtaki unit --data ${path}`,
    { facts: { path, cluster: layout.cluster, addresses } },
  )
}

/** Checks the lock file now and then. */
function keepChecking(check: () => void, { clock }: Ports, stop: (error: SirtakiError) => void): { close(): void } {
  let timer: Timer
  const arm = (): void => {
    timer = clock.timer(CHECK_MS, () => {
      try {
        check()
        arm()
      } catch (thrown) {
        stop(asError(thrown, 'IO'))
      }
    })
  }
  arm()
  return {
    close: () => {
      timer.cancel()
    },
  }
}
