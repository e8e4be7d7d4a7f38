/**
 * `connect`: one address, one client of log and objects.
 *
 * Read next: `client.ts`, `../sequencer/connect.ts`.
 */
import type { BlobStore } from '../log/archive/blob-store.ts'
import { Blobs } from '../log/archive/blobs.ts'
import type { LogClient } from '../log/client/client.ts'
import { connectLog, type ConnectLogOptions } from '../sequencer/connect.ts'
import { tellingOf } from './io/channels.ts'
import type { Watchdog } from './runtime/space.ts'
import { Checkpoints } from './checkpoints/checkpoints.ts'
import { ObjectClient, ROOT_STREAM, type ObjectClientOptions } from './client.ts'

/** How a program connects. `timeoutMs` and `signal` are about connecting. */
export interface ConnectOptions
  extends
    ConnectLogOptions,
    Pick<ObjectClientOptions, 'types' | 'watchFrom' | 'identities' | 'onLost' | 'extensionLog' | 'extensionCalled'> {
  /** The timeout of the client's own session, as `timeoutMs` of `client.session`. */
  readonly sessionTimeoutMs?: number | undefined
  /**
   * Whether a thread beside the program looks for ops that never end, and prints one line on stderr that names object
   * and position once one has run for 5 seconds.
   */
  readonly watchdog?: boolean | undefined
  /**
   * Where checkpoints are: `s3(...)`, `folderBlobs(...)`. The client begins with the newest, and `checkpoint()` writes
   * one.
   */
  readonly blobs?: BlobStore | undefined
  /** Whether this process writes checkpoints by the policy, where no other one does. */
  readonly checkpoints?: boolean | undefined
  /** Whether this process copies the log into the archive, where no other one does: what is trimmed stays readable. */
  readonly archive?: boolean | undefined
}

/** A connected program: objects, and the log below them. */
export class Client extends ObjectClient {
  readonly log: LogClient
  readonly #end: () => Promise<void>
  readonly #duties: readonly { close(): Promise<void> }[]

  constructor(log: LogClient, end: () => Promise<void>, options: ConnectOptions, watchdog?: Watchdog) {
    const { name, types, watchFrom, identities, onLost, extensionLog, sessionTimeoutMs: timeoutMs, blobs } = options
    const checkpoints = blobs === undefined ? undefined : checkpointsOf(log, blobs)
    const extensionCalled = tellingOf(options.extensionCalled)
    super(log, {
      ...{ name, types, watchFrom, identities, onLost, timeoutMs, watchdog, checkpoints },
      ...{ extensionLog, extensionCalled },
    })
    this.log = log
    this.#end = end
    this.#duties = [
      ...(options.checkpoints === true ? [this.checkpointer()] : []),
      ...(options.archive === true ? [this.archiver()] : []),
    ]
  }

  override async close(): Promise<void> {
    await Promise.all(this.#duties.map((duty) => duty.close()))
    await super.close()
    await this.#end()
  }
}

/** The checkpoints of the space `/` in a store, which belongs to whoever made it. */
function checkpointsOf({ cluster }: LogClient, store: BlobStore): Checkpoints {
  const { ports, limits } = cluster
  const blobs = new Blobs(store, ports, limits)
  const id = async (): Promise<string> => (await cluster.current({})).cluster
  return new Checkpoints({ blobs, cluster: id, space: ROOT_STREAM, ports, limits })
}

/**
 * Connects to the cluster at `address`: `memory:`, `memory:NAME`, `file:DIR`, `tcp://host:port,...` or `unix:PATH`.
 *
 * `file:DIR` is for the processes of one machine: the first one that connects hosts the log in the folder (made if it
 * does not exist; its parent must), the others join it, and when the host ends or dies another one takes over by
 * itself. Close what you connect: a host keeps its process alive. A client elsewhere keeps it alive only while a call
 * is under way.
 *
 * @throws SirtakiError as `connectLog`: `BAD_ARGUMENT`, `BAD_ADDRESS`; `UNREACHABLE` or `TIMEOUT` when nobody
 *   answers; `WRONG_CLUSTER`, `WRONG_VERSION`; `ABORTED`; of `file:` also `IN_USE`, `DAMAGED`, `UNSUPPORTED` and `IO`.
 */
export async function connect(address: string, options: ConnectOptions = {}): Promise<Client> {
  const { client, close } = await connectLog(address, options)
  // Loaded where it is asked for: it has a thread of its own.
  const watchdog = options.watchdog === true ? (await import('./io/watchdog.ts')).startWatchdog() : undefined
  const end = async (): Promise<void> => {
    await close()
    await watchdog?.close()
  }
  try {
    return new Client(client, end, options, watchdog)
  } catch (thrown) {
    await end()
    throw thrown
  }
}
