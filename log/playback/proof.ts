/**
 * Proof that an epoch is current: taken after the question began, from servers, never from memory.
 *
 * Either a majority of the epoch's acceptors have promised no slot above it, or all units of one chain of the open
 * segment are installed at it and not sealed above. Only as many acceptors as are needed are asked at first; the
 * others when one of them fails, answers something else or is late: every process that is woken up costs a read about
 * 30 us. Keeps: L7, O1, P5. Read next: `tail.ts`.
 * @source docs/rules.md, L7 and P5.
 */
import type { Cluster } from '../cluster/cluster.ts'
import { SirtakiError, asError } from '../errors.ts'
import { openSegment, type Layout } from '../layout.ts'
import { encodeFrame } from '../wire/frame.ts'
import { kinds } from '../wire/messages.ts'
import { readCurrent, writeEpoch, type Current } from '../wire/tail-messages.ts'

/** How long the first ones may take before the others are asked too. */
const LATE_MS = 5

/**
 * Settles once the epoch of `layout` is proved to have been current after this call began.
 *
 * @throws SirtakiError `EPOCH` when it is not, or when it cannot be proved now.
 */
export function proveCurrent(cluster: Cluster, layout: Layout): Promise<void> {
  const { acceptors } = layout
  const start = Math.floor(cluster.ports.random.next() * acceptors.length)
  const majority = Array.from(
    { length: Math.floor(acceptors.length / 2) + 1 },
    (_, i) => acceptors[(start + i) % acceptors.length]?.address ?? '',
  )
  return new Promise((resolve, reject) => {
    const proof = new Proof(cluster, layout, resolve, reject)
    proof.ask(majority)
    proof.askOthersAfter(LATE_MS)
  })
}

/** One proof on its way. */
class Proof {
  readonly #cluster: Cluster
  readonly #layout: Layout
  readonly #resolve: () => void
  readonly #reject: (error: SirtakiError) => void
  readonly #asked = new Set<string>()
  readonly #installed = new Set<string>()
  #waiting = 0
  #promises = 0
  #late: { cancel(): void } | undefined
  #last: SirtakiError | undefined
  #ended = false

  constructor(cluster: Cluster, layout: Layout, resolve: () => void, reject: (error: SirtakiError) => void) {
    this.#cluster = cluster
    this.#layout = layout
    this.#resolve = resolve
    this.#reject = reject
  }

  askOthersAfter(ms: number): void {
    this.#late = this.#cluster.ports.clock.timer(ms, () => {
      this.#late = undefined
      this.#askOthers()
    })
  }

  #askOthers(): void {
    this.ask([...this.#layout.acceptors, ...this.#chain].map(({ address }) => address))
  }

  get #chain(): Layout['segments'][number]['chains'][number] {
    return openSegment(this.#layout).chains[0] ?? []
  }

  /** Asks those that have not been asked. */
  ask(addresses: readonly string[]): void {
    const fresh = new Set(addresses.filter((address) => !this.#asked.has(address)))
    this.#waiting += fresh.size
    const body = writeEpoch(this.#layout.epoch)
    for (const address of fresh) this.#asked.add(address)
    for (const address of fresh) {
      const peer = this.#cluster.peer(address)
      const request = this.#cluster.peers.context.nextRequest()
      peer.together(() => {
        peer.call('current', request, encodeFrame(kinds.current, 0, request, body), (error, answer) => {
          this.#answered(address, error, answer)
        })
      })
    }
  }

  #answered(address: string, error: SirtakiError | undefined, body: Uint8Array): void {
    if (this.#ended) return
    this.#waiting--
    try {
      if (error !== undefined) throw error
      this.#count(address, readCurrent(body))
    } catch (thrown) {
      this.#last = asError(thrown)
    }
    if (this.#isProved()) {
      this.#end()
      this.#resolve()
      return
    }
    if (this.#waiting > 0) return
    this.#askOthers()
    if (this.#waiting === 0) {
      this.#end()
      this.#reject(
        new SirtakiError('EPOCH', `epoch ${this.#layout.epoch} could not be proved current`, {
          cause: this.#last,
          facts: { epoch: this.#layout.epoch },
        }),
      )
    }
  }

  #count(address: string, { slot, installed, sealed, identity, boot }: Current): void {
    const { epoch, acceptors } = this.#layout
    if (acceptors.some((one) => one.address === address && one.identity === identity) && slot <= epoch && slot > 0) {
      this.#promises++
    }
    if (
      this.#chain.some((one) => one.address === address && one.boot === boot)
      && installed === epoch
      && sealed === epoch
    ) {
      this.#installed.add(address)
    }
  }

  #isProved(): boolean {
    return this.#promises * 2 > this.#layout.acceptors.length || this.#installed.size === this.#chain.length
  }

  #end(): void {
    this.#ended = true
    this.#late?.cancel()
  }
}
