/**
 * What a unit does about its own place in the cluster.
 *
 *     restarted ─────────────── drives the epoch that names its new boot
 *     promised or agreed, but not open ─── drives that epoch (P23)
 *     left out ──────────────── asks to come back, after a while when it does so often (P24)
 *     finds damage ──────────── mends it from its peers, or leaves and joins anew
 *     lacks closed segments ─── copies them, then drives the epoch that merges them
 *     looked at by no sequencer ── looks around itself: perhaps it was left out, perhaps the sequencer is gone
 *
 * A flow beside the server. Owns nothing. Keeps: L11 (liveness). Read next: `copy.ts`, `../epochs/guard.ts`,
 * `../epochs/reconfigure.ts`.
 */
import { Cluster } from '../cluster/cluster.ts'
import { Backoff, pause } from '../cluster/retry.ts'
import { isTurnOf } from '../epochs/driver.ts'
import { Guard } from '../epochs/guard.ts'
import type { Intent } from '../epochs/intent.ts'
import { reconfigure } from '../epochs/reconfigure.ts'
import { missingParts, type Part } from '../epochs/whole.ts'
import { asError, isError } from '../errors.ts'
import { SEGMENTS_MAX, openSegment, placesOf, type AbsentMember, type Layout } from '../layout.ts'
import { copyParts } from './copy.ts'
import { Scrub, repairAll } from './repair.ts'
import type { UnitServer } from './server.ts'

/** A running supervision; `close` ends it. */
export interface Rejoin {
  close(): void
}

/** A unit in its place looks at itself so much more rarely than at others. */
const IDLE_PROBES = 3
/** The longest time between two looks at a merge, in times of `stuckMs`. */
const MERGE_PAUSES_MAX = 60
/** How many times `coolOffMs` a unit waits that was left out so often. */
const COOL_OFFS = [0, 0, 1, 3, 7]

/** Looks after the unit's place until closed. */
export function superviseUnit(server: UnitServer, log: (text: string) => void = () => undefined): Rejoin {
  const supervision = new Supervision(server, log)
  void supervision.run()
  return supervision
}

class Supervision implements Rejoin {
  readonly #server: UnitServer
  readonly #log: (text: string) => void
  #cluster: Cluster | undefined
  #guard: Guard | undefined
  #closed = false
  #copying = false
  #copyAt = 0
  /** Looks at whether a merge is possible, under one epoch: ever rarer, since each compares all copies. */
  #merges = 0
  #mergesUnder = 0
  /** The epoch under which everything was copied. */
  #copied = 0
  #stuckSince: number | undefined
  #absentSince: number | undefined
  #told = 0
  #scrub: Scrub | undefined
  #scrubbedAt = 0

  constructor(server: UnitServer, log: (text: string) => void) {
    this.#server = server
    this.#log = log
  }

  close(): void {
    this.#closed = true
    this.#cluster?.close()
  }

  async run(): Promise<void> {
    const { ports, limits, name } = this.#server.options
    const backoff = new Backoff(ports, limits)
    while (!this.#closed && this.#server.stopped === undefined) {
      try {
        const { layout } = this.#server.unit.state
        if (layout !== undefined) {
          this.#cluster ??= new Cluster({
            ports,
            limits,
            name: `${name} (driver)`,
            addresses: [this.#server.address],
            layout,
          })
          this.#cluster.learn(layout)
          await this.#attend(this.#cluster)
        }
        backoff.reset()
      } catch (thrown) {
        if (isError(thrown, 'INVARIANT')) {
          this.#server.stop(thrown)
          return
        }
        // A unit that nobody looks after any more would stay where it is for ever, and nobody would know.
        this.#log(`a look at the own place failed and is repeated: ${asError(thrown).message}`)
        await backoff.wait()
      }
      await pause(ports.clock, limits.probeMs * (this.#busy ? 1 : IDLE_PROBES) * (0.5 + ports.random.next()))
    }
  }

  get #busy(): boolean {
    return this.#stuckSince !== undefined || this.#absentSince !== undefined || this.#unguarded
  }

  /** Nobody who looks after the cluster has asked for longer than it takes to be suspected. */
  get #unguarded(): boolean {
    const {
      ports: { clock },
      limits,
    } = this.#server.options
    return clock.now() - this.#server.probedAtMs > limits.probeMs * (limits.suspicionProbes + 1)
  }

  async #attend(cluster: Cluster): Promise<void> {
    const { clock } = this.#server.options.ports
    if (this.#unguarded) await cluster.refresh().catch(() => undefined)
    const { layout } = cluster
    if (layout === undefined || this.#closed) return
    const { identity } = this.#server.unit.state
    const isMember = placesOf(layout, identity).length > 0
    if (!isMember) {
      this.#stuckSince = undefined
      await this.#comeBack(cluster, layout)
      return
    }
    this.#absentSince = undefined
    const need = needOf(this.#server, layout)
    if (need === 'none') this.#stuckSince = undefined
    else this.#stuckSince ??= clock.now()
    const isStuck = this.#stuckSince !== undefined && clock.now() - this.#stuckSince >= this.#patienceMs
    if (isStuck) await this.#drive(cluster, { moved: [{ identity, address: this.#server.address }] })
    else if (need === 'none') {
      this.#copyMissing(cluster, layout)
      if (this.#server.noteWhole()) this.#log('what was salvaged is whole again')
    }
    await this.#mend(cluster, layout, need === 'none')
    if (this.#unguarded && layout.epoch > 1) {
      await (this.#guard ??= new Guard(cluster, { self: identity, log: this.#log })).probe()
    }
  }

  /**
   * A sequencer that starts or stands by drives for the units, and names itself: an epoch of a unit would be one more.
   * Where none does, chance decides which unit is first.
   */
  get #patienceMs(): number {
    const {
      ports: { random },
      limits: { stuckMs },
    } = this.#server.options
    return stuckMs * (1 + random.next())
  }

  async #drive(cluster: Cluster, intent: Intent): Promise<void> {
    try {
      const layout = await reconfigure(cluster, intent, { timeoutMs: this.#server.options.limits.requestMs })
      this.#log(`epoch ${layout.epoch} is open`)
    } catch (thrown) {
      if (!isTurnOf(thrown)) this.#log(`the next epoch could not be opened yet: ${asError(thrown).message}`)
    }
  }

  // ---- left out

  async #comeBack(cluster: Cluster, layout: Layout): Promise<void> {
    const {
      ports: { clock, failpoint },
    } = this.#server.options
    const { identity } = this.#server.unit.state
    const absent = layout.absent.find((one) => one.identity === identity)
    if (absent === undefined) {
      this.#tellRemoved(layout)
      this.#absentSince = undefined
      return
    }
    this.#absentSince ??= clock.now()
    // Without a sequencer nobody appends: an epoch that names one goes before.
    const sequencerFirstMs = layout.sequencer === null ? this.#server.options.limits.stuckMs : 0
    if (clock.now() - this.#absentSince < Math.max(sequencerFirstMs, this.#coolOffMs(layout, absent))) return
    failpoint?.('unit.comesBack', { identity, epoch: layout.epoch })
    const { address } = this.#server
    await this.#drive(
      cluster,
      absent.replaced
        ? { spares: [address] }
        : { join: [{ address, chain: absent.chain < openSegment(layout).chains.length ? absent.chain : undefined }] },
    )
  }

  /** Who flaps waits; not where its chain has hardly anybody else. */
  #coolOffMs(layout: Layout, { identity, chain, replaced }: AbsentMember): number {
    const times = layout.drops.find((one) => one.identity === identity)?.times ?? 1
    const alone = !replaced && (openSegment(layout).chains[chain]?.length ?? 0) < 2
    return alone ? 0 : (COOL_OFFS[Math.min(times, COOL_OFFS.length - 1)] ?? 0) * this.#server.options.limits.coolOffMs
  }

  /** A spare is at its place; anybody else who is not named was taken out by somebody's wish. */
  #tellRemoved(layout: Layout): void {
    const { identity } = this.#server.unit.state
    if (this.#told === layout.epoch || layout.spares.some((unit) => unit.identity === identity)) return
    this.#told = layout.epoch
    this.#log(
      `epoch ${layout.epoch} does not name this unit: it was taken out. Stop it, or let it join anew with `
        + `sirtaki reconfigure add ${this.#server.address}`,
    )
  }

  // ---- damage

  /** Scrubs a little, and mends what was found. */
  async #mend(cluster: Cluster, layout: Layout, mayLeave: boolean): Promise<void> {
    const {
      limits,
      ports: { clock },
    } = this.#server.options
    this.#scrub ??= new Scrub(this.#server.unit.state)
    this.#scrub.go(limits.scrubBytesPerSecond * Math.min(1, (clock.now() - this.#scrubbedAt) / 1000))
    this.#scrubbedAt = clock.now()
    if (this.#server.unit.state.damaged.size === 0) return
    const lost = await repairAll(this.#server, cluster, layout)
    if (lost === undefined || !mayLeave) return
    // What is not decided cannot be asked for: who lost it may have been the one that decides. It joins anew.
    this.#log(`position ${lost} is damaged here before it was decided: this unit leaves its chain and copies anew`)
    await this.#drive(cluster, { absent: [this.#server.unit.state.identity] })
  }

  // ---- copies

  #copyMissing(cluster: Cluster, layout: Layout): void {
    const { clock } = cluster.ports
    const { identity } = this.#server.unit.state
    const parts = missingParts(layout, identity)
    // Where nobody lacks anything, or who copied has gone, somebody has to see to the merge: the first.
    const sees = layout.segments.length > 1 && openSegment(layout).chains[0]?.[0]?.identity === identity
    if (this.#copying || (parts.length === 0 && !sees) || clock.now() < this.#copyAt) return
    this.#copying = true
    this.#merges = this.#mergesUnder === layout.epoch ? this.#merges + 1 : 1
    this.#mergesUnder = layout.epoch
    void this.#copy(cluster, layout, parts).finally(() => {
      this.#copying = false
      // Copied, and not merged yet: others of the open segment are not ready, or a source was out of reach.
      // Where segments become few, nobody waits long: without them a lost unit cannot be replaced.
      const isUrgent = layout.segments.length > SEGMENTS_MAX / 2
      this.#copyAt = clock.now() + cluster.limits.stuckMs * (isUrgent ? 1 : Math.min(this.#merges, MERGE_PAUSES_MAX))
    })
  }

  async #copy(cluster: Cluster, layout: Layout, parts: readonly Part[]): Promise<void> {
    const { identity } = this.#server.unit.state
    try {
      if (parts.length > 0 && this.#copied !== layout.epoch) {
        this.#log(
          `copying positions ${Math.min(...parts.map(({ from }) => from))} to `
            + `${Math.max(...parts.map(({ to }) => to))}`,
        )
        await copyParts(this.#server, cluster, layout, parts)
        this.#copied = layout.epoch
      }
      await reconfigure(cluster, { merge: true, moved: [{ identity, address: this.#server.address }] })
    } catch (thrown) {
      if (!isError(thrown, 'EPOCH')) this.#log(`the copy waits: ${asError(thrown).message}`)
    }
  }
}

type Need = 'none' | 'restarted' | 'stuck'

function needOf(server: UnitServer, layout: Layout): Need {
  const { state } = server.unit
  if (state.role === 'recovering') return 'restarted'
  if (Math.max(state.sealed, server.acceptor.initialised ? server.acceptor.slot : 0) > layout.epoch) return 'stuck'
  if (state.layout?.epoch !== layout.epoch) return 'stuck'
  // The first epoch is opened by the next one; every other one must open by itself.
  return state.opened < layout.epoch && layout.epoch > 1 ? 'stuck' : 'none'
}
