/**
 * `connect`: one address, one client of log and objects.
 *
 * Read next: `client.ts`, `../sequencer/client.ts`.
 */
import type { LogClient } from '../log/client/client.ts'
import { connectLog, type ConnectLogOptions } from '../sequencer/client.ts'
import { ObjectClient } from './client.ts'
import type { AnyObjectType } from './runtime/object-type.ts'

/** How a program connects. Types named here are known before anything is played. */
export interface ConnectOptions extends ConnectLogOptions { readonly types?: readonly AnyObjectType[] | undefined }

/** A connected program: objects, and the log below them. */
export class Client extends ObjectClient {
  readonly log: LogClient
  readonly #end: () => Promise<void>

  constructor(log: LogClient, end: () => Promise<void>, options: ConnectOptions) {
    super(log, options)
    this.log = log
    this.#end = end
  }

  override async close(): Promise<void> {
    await super.close()
    await this.#end()
  }
}

/**
 * Connects to the cluster at `address`: `memory:`, `memory:NAME`, `tcp://host:port,...` or `unix:PATH`.
 *
 * @throws SirtakiError `BAD_ADDRESS`; `UNREACHABLE` or `TIMEOUT` when nobody answers; `WRONG_CLUSTER`; `ABORTED`.
 */
export async function connect(address: string, options: ConnectOptions = {}): Promise<Client> {
  const { client, close } = await connectLog(address, options)
  return new Client(client, close, options)
}
