/**
 * The other systems that the bench runs beside ours: what it can ask of each.
 *
 * All run as three durable nodes on loopback and are loaded from one client process, as ours is. Builds and npm
 * packages stay outside this package, in `$SIRTAKI_PEERS` or else `sirtaki-peers` in the temporary folder. Read next:
 * `index.ts`, `running.ts` (how one starts and stops), `client.ts` (how one is loaded).
 */
import type { Measured, Missing, ObjectLoad } from '../measure.ts'

/** A system that ours is compared with. */
export type PeerName = 'zookeeper' | 'etcd' | 'nats'

/** What a peer can be asked for; `append` is a durable write of 128 bytes to one key (setData / put / publish). */
export type PeerLoad = 'append' | 'readLinearizable' | 'readLocal' | 'counter' | 'sessionEnd' | ObjectLoad

/** A peer with three servers and a client process. */
export interface RunningPeer {
  readonly name: PeerName
  readonly version: string
  /** Server processes, for CPU and memory. */
  readonly pids: readonly number[]
  /** The client process. */
  readonly clientPid: number
  /**
   * Runs one load, or says why this system has no such thing (NATS has no linearizable read). One at a time.
   * For `counter`, `queue` and `lock`, `outstanding` is the number of sessions with one caller each, spread over the
   * servers; for `sessionEnd` how many sessions end.
   */
  run(load: PeerLoad, outstanding: number, ms: number): Promise<Measured | Missing>
  /** Ends its processes; the data stays for whoever made the folder. */
  stop(): Promise<void>
}

/** A peer that may be started. */
export interface PeerKind {
  readonly name: PeerName
  readonly version: string
  /** Why it cannot run here (java, mvn, go or npm missing: says which), `undefined` when it can. */
  missing(): Promise<string | undefined>
  /**
   * Installs what is not there yet and starts three nodes with data below `folder`, and the client process.
   * @throws Error that says what failed and where the log is; nothing that it started runs on
   */
  start(folder: string, progress: (text: string) => void): Promise<RunningPeer>
}
