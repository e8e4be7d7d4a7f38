/**
 * Clients of one memory cluster with one blob store, and one whose player can be held up.
 *
 * Read next: `begin.test.ts`, `../retention/trim.test.ts`.
 */
import type { ExecutionContext } from 'ava'
import { Blobs } from '../../../log/archive/blobs.ts'
import { MemoryBlobs } from '../../../log/archive/memory-blobs.ts'
import { systemRandom } from '../../../log/io/random.ts'
import { Checkpoints } from '../../../objects/checkpoints/checkpoints.ts'
import { ObjectClient, ROOT_STREAM } from '../../../objects/client.ts'
import { spaceLogOf, type SpaceLog } from '../../../objects/runtime/space-log.ts'
import { connectLog } from '../../../sequencer/connect.ts'
import { connect, type Client, type ConnectOptions } from '../../../index.ts'

/** Holds up what a view is told of its stream. */
export class Gate {
  #closed: Promise<void> | undefined
  #open: () => void = () => undefined

  get isClosed(): boolean {
    return this.#closed !== undefined
  }
  close(): void {
    this.#closed ??= new Promise((resolve) => {
      this.#open = resolve
    })
  }
  open(): void {
    this.#closed = undefined
    this.#open()
  }
  /** The log, of whose stream nothing is played while the gate is closed: what is pushed meanwhile is lost. */
  around(log: SpaceLog): SpaceLog {
    return {
      ...log,
      play: (stream, events, from = 0, options) => {
        if (stream !== ROOT_STREAM) return log.play(stream, events, from, options)
        const player = log.play(stream, events, from, { live: false })
        return {
          offer: (entry) => {
            if (!this.isClosed) player.offer(entry)
          },
          playTo: async (to, flow) => {
            await this.#closed
            await player.playTo(to, flow)
          },
          close: () => {
            player.close()
          },
        }
      },
    }
  }
}

/** Clients of one cluster. */
export class Clients {
  readonly blobs = new MemoryBlobs(systemRandom.id())
  readonly address = `memory:${systemRandom.id()}`
  readonly #t: ExecutionContext

  constructor(t: ExecutionContext) {
    this.#t = t
  }

  async connect(options: ConnectOptions = {}): Promise<Client> {
    const client = await connect(this.address, { blobs: this.blobs, ...options })
    this.#t.teardown(() => client.close())
    return client
  }

  /** A client that plays only while its gate is open. */
  async behindGate(): Promise<{ readonly client: ObjectClient; readonly gate: Gate }> {
    const { client: log, close } = await connectLog(this.address)
    const { ports, limits } = log.cluster
    const checkpoints = new Checkpoints({
      blobs: new Blobs(this.blobs, ports, limits),
      cluster: async () => (await log.layout()).cluster,
      space: ROOT_STREAM,
      ports,
      limits,
    })
    const gate = new Gate()
    const client = new ObjectClient(gate.around(spaceLogOf(log)), { checkpoints })
    this.#t.teardown(async () => {
      gate.open()
      await client.close()
      await close()
    })
    return { client, gate }
  }
}
