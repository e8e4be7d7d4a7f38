/**
 * The wires, doors and disks of a hand-driven cluster: what is on its way is counted, held back or cut; disks wait,
 * are slow or read wrong.
 *
 * Read next: `hand-cluster.ts`.
 */
import type { Connection, Transport } from '../../log/ports.ts'
import { MemoryStore } from '../../log/unit/memory-store.ts'
import { FRAME_HEAD_BYTES, FrameParser, type Frame } from '../../log/wire/frame.ts'
import { kindOf, readStore, readToken, type Kind } from '../../log/wire/messages.ts'
import type { HandClock } from './hand-clock.ts'

/** A frame that a process has sent. `entries` are those of a store or the tokens of a token request. */
export interface Sent {
  readonly address: string
  readonly kind: Kind
  readonly at: number
  readonly frameBytes: number
  readonly entries: number
  readonly entryBytes: number
  readonly body: Uint8Array
}

/** The connections that one process has dialled. */
export class Wire {
  readonly sent: Sent[] = []
  /** The most that was ever on its way to one server and not answered, over all kinds of frames and by kind. */
  readonly most = new Map<Kind | 'all', { requests: number; entries: number; entryBytes: number }>()
  /** Bytes of the longest frame that came. */
  longestAnswer = 0
  readonly #clock: HandClock
  readonly #open = new Map<string, Map<number, Sent>>()
  readonly #held = new Map<string, (() => void)[]>()
  readonly #cut = new Set<string>()
  readonly #late = new Map<string, number>()
  readonly #breaks = new Map<string, Set<() => void>>()

  constructor(clock: HandClock) {
    this.#clock = clock
  }

  /** What comes from `address` waits until `release`. */
  hold(address: string): void {
    this.#held.set(address, [])
  }
  release(address: string): void {
    const held = this.#held.get(address) ?? []
    this.#held.delete(address)
    for (const run of held) run()
  }

  /** Everything that comes from `address` comes so late from now on. */
  late(address: string, ms: number): void {
    this.#late.set(address, ms)
  }

  /** Breaks the connections to `address`; none can be made until `mend`. */
  cut(address: string): void {
    this.#cut.add(address)
    for (const end of this.#breaks.get(address) ?? []) end()
  }
  mend(address: string): void {
    this.#cut.delete(address)
  }

  of(kind: Kind): readonly Sent[] {
    return this.sent.filter((one) => one.kind === kind)
  }

  transport(inner: Transport): Transport {
    return {
      listen: (address, accept) => inner.listen(address, accept),
      connect: (address, events) => {
        const asked = new FrameParser(1 << 26)
        const answered = new FrameParser(1 << 26)
        const connection = inner.connect(this.#cut.has(address) ? 'nowhere' : address, {
          opened: () => {
            events.opened()
          },
          data: (bytes) => {
            this.#arrive(address, () => {
              answered.push(bytes, (frame) => {
                this.#answered(address, frame)
              })
              events.data(bytes)
            })
          },
          closed: (error) => {
            this.#arrive(address, () => {
              this.#open.delete(address)
              events.closed(error)
            })
          },
        })
        const breaks = this.#breaks.get(address) ?? new Set()
        this.#breaks.set(address, breaks)
        breaks.add(() => {
          connection.close()
          this.#open.delete(address)
          events.closed(new Error('cut'))
        })
        return {
          remote: connection.remote,
          get buffered() {
            return connection.buffered
          },
          close: () => {
            connection.close()
          },
          write: (pieces) => {
            for (const piece of pieces) {
              asked.push(piece, (frame) => {
                this.#asked(address, frame)
              })
            }
            connection.write(pieces)
          },
        }
      },
    }
  }

  #arrive(address: string, run: () => void): void {
    const held = this.#held.get(address)
    const lateMs = this.#late.get(address)
    if (held !== undefined) held.push(run)
    else if (lateMs === undefined) run()
    else this.#clock.timer(lateMs, run)
  }

  #answered(address: string, { request, body }: Frame): void {
    this.#open.get(address)?.delete(request)
    this.longestAnswer = Math.max(this.longestAnswer, FRAME_HEAD_BYTES + body.byteLength)
  }

  #asked(address: string, { kind: number, request, body }: Frame): void {
    const kind = kindOf(number) ?? 'ping'
    const store = kind === 'store' ? readStore(body) : undefined
    const tokens = kind === 'token' ? readToken(body).runs.reduce((sum, run) => sum + run.count, 0) : 0
    const sent: Sent = {
      address,
      kind,
      at: this.#clock.now(),
      frameBytes: FRAME_HEAD_BYTES + body.byteLength,
      entries: store?.count ?? tokens,
      entryBytes: store?.entries.byteLength ?? 0,
      body,
    }
    this.sent.push(sent)
    if (request === 0) return
    const open = this.#open.get(address) ?? new Map<number, Sent>()
    this.#open.set(address, open)
    open.set(request, sent)
    this.#note('all', [...open.values()])
    this.#note(
      kind,
      [...open.values()].filter((one) => one.kind === kind),
    )
  }

  #note(kind: Kind | 'all', open: readonly Sent[]): void {
    const most = this.most.get(kind) ?? { requests: 0, entries: 0, entryBytes: 0 }
    const sum = (of: (sent: Sent) => number): number => open.reduce((total, one) => total + of(one), 0)
    this.most.set(kind, {
      requests: Math.max(most.requests, open.length),
      entries: Math.max(
        most.entries,
        sum((one) => one.entries),
      ),
      entryBytes: Math.max(
        most.entryBytes,
        sum((one) => one.entryBytes),
      ),
    })
  }
}

/** The server's end of one connection. */
export class Far implements Connection {
  readonly remote: string
  readonly writes: number[] = []
  /** The caller reads nothing any more: what is written waits. */
  deaf = false
  unread = 0
  closed = false
  readonly #inner: Connection
  constructor(inner: Connection, remote: string) {
    this.#inner = inner
    this.remote = remote
  }
  get buffered(): number {
    return this.#inner.buffered + this.unread
  }
  write(pieces: readonly Uint8Array[]): void {
    const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
    this.writes.push(bytes)
    if (this.deaf) this.unread += bytes
    else this.#inner.write(pieces)
  }
  close(): void {
    this.closed = true
    this.#inner.close()
  }
}

/** Sees every connection that a door accepts, in order. */
export function doors(inner: Transport, accepted: Far[]): Transport {
  return {
    connect: (address, events) => inner.connect(address, events),
    listen: (address, accept) =>
      inner.listen(address, (connection) => {
        const far = new Far(connection, address)
        accepted.push(far)
        return accept(far)
      }),
  }
}

/** A disk whose commits wait while it is `stalled`, take `commitMs`, and whose bytes can go bad. */
export class HandStore extends MemoryStore {
  stalled = false
  /** Everything reads wrong. */
  rotten = false
  commitMs = 0
  readonly #clock: HandClock
  readonly #damaged = new Set<number>()
  #waiting: (() => void)[] = []

  constructor(identity: string, clock: HandClock) {
    super(identity)
    this.#clock = clock
  }

  override commit(...[commit, done]: Parameters<MemoryStore['commit']>): void {
    if (this.stalled) {
      this.#waiting.push(() => {
        super.commit(commit, done)
      })
    } else if (this.commitMs > 0) {
      this.#clock.timer(this.commitMs, () => {
        super.commit(commit, done)
      })
    } else super.commit(commit, done)
  }

  goOn(): void {
    this.stalled = false
    for (const run of this.#waiting.splice(0)) run()
  }

  /** From now on the last byte of every row that is there reads wrong, or of one. */
  damage(row?: number): void {
    for (const { id } of this.open().headers) if (row === undefined || row === id) this.#damaged.add(id)
  }
  /** Every row reads right again. */
  heal(): void {
    this.#damaged.clear()
  }
  lastRow(): number {
    return Math.max(0, ...[...this.open().headers].map(({ id }) => id))
  }

  override read(row: number): Uint8Array | undefined {
    const bytes = super.read(row)
    if (bytes === undefined || bytes.byteLength === 0 || (!this.rotten && !this.#damaged.has(row))) return bytes
    const wrong = bytes.slice()
    wrong[wrong.byteLength - 1] = (wrong.at(-1) ?? 0) ^ 1
    return wrong
  }
}
