/**
 * Finds damage before somebody needs the bytes, and mends it from the chain.
 *
 *     scrub: a little of the disk at a time, round and round ─ damaged ─ another unit's bytes, if the same entry
 *                                                                    └ nobody has them, and undecided: the unit leaves
 *
 * Owns: where the scrub stands. Keeps: L1, L4, P31, P49. Read next: `rejoin.ts`, `unit-state.ts` (where damage is
 * noticed).
 */
import type { Cluster } from '../cluster/cluster.ts'
import { KIND_DATA } from '../entry.ts'
import { chainOf, unitsOf, type Layout } from '../layout.ts'
import { writeJson } from '../wire/control.ts'
import { readAsked } from '../wire/messages.ts'
import { DATA } from './position-index.ts'
import type { PositionSet } from './position-list.ts'
import type { UnitServer } from './server.ts'
import type { UnitState } from './unit-state.ts'

/** Damaged entries mended at one go. */
const REPAIRS = 64
/** Positions looked at in one go, whatever they hold: junk costs no reading, but time. */
const POSITIONS = 4_096

/** Reads decided entries back from the disk, in order of position, and begins anew at the end. */
export class Scrub {
  readonly #state: UnitState
  #at = 0
  #last: { row: number; bytes: Uint8Array | undefined } = { row: -1, bytes: undefined }
  /** How often it came to the end. */
  rounds = 0
  /** Bytes that the last row was too long by: the next goes read less. */
  #owed = 0

  constructor(state: UnitState) {
    this.#state = state
  }

  /** Goes on for about so many bytes. What is damaged is in `damaged` of the state afterwards. */
  go(bytes: number): void {
    const { index, prefix, trim } = this.#state
    let left = bytes - this.#owed
    let at = this.#state.places.first(Math.max(this.#at, trim))
    // A row that was read is looked through: else a long one would be read again for each of its entries.
    for (
      let count = 0;
      count < POSITIONS && (left > 0 || index.row(at) === this.#last.row) && at < prefix;
      count++, at = this.#state.places.after(at)
    ) {
      if ((index.flags(at) & DATA) === 0) continue
      const { row } = this.#last
      this.#state.entries.verify(at, this.#last)
      if (this.#last.row !== row) left -= this.#last.bytes?.byteLength ?? 0
    }
    this.#at = at
    this.#owed = Math.max(0, -left)
    // The row is not held on to: it may be trimmed meanwhile.
    this.#last = { row: -1, bytes: undefined }
    if (at >= prefix) {
      this.#at = 0
      this.rounds++
    }
  }
}

/** Mends damaged entries from whoever has them. Gives a position that is damaged and undecided, and that nobody has. */
export async function repairAll(server: UnitServer, cluster: Cluster, layout: Layout): Promise<number | undefined> {
  const { state } = server.unit
  let lost: number | undefined
  // From anywhere on where they are many: what nobody has must not keep the rest from being mended.
  const from = state.damaged.size > REPAIRS ? Math.floor(cluster.ports.random.next() * (state.highest + 1)) : 0
  for (const position of someOf(state.damaged, REPAIRS, from)) {
    if (state.recheck(position)) continue
    if (!state.places.owns(position)) {
      state.damaged.delete(position)
      continue
    }
    if (!(await repairOne(server, cluster, layout, position)) && !state.isDecided(position)) lost ??= position
  }
  return lost
}

/** So many positions from `from` on, and at the end from the start on. */
function someOf(damaged: PositionSet, count: number, from: number): number[] {
  const some: number[] = []
  for (let at = damaged.next(from); at >= 0 && some.length < count; at = damaged.next(at + 1)) some.push(at)
  for (let at = damaged.next(0); at >= 0 && at < from && some.length < count; at = damaged.next(at + 1)) some.push(at)
  return some
}

async function repairOne(server: UnitServer, cluster: Cluster, layout: Layout, position: number): Promise<boolean> {
  // Our own index knows the hash of what is damaged: whoever has bytes of that hash, at whatever place, has the entry.
  const peers = new Set(
    [...chainOf(layout, position).units, ...unitsOf(layout), ...layout.spares, ...layout.absent]
      .filter(({ identity }) => identity !== server.unit.state.identity)
      .map(({ address }) => address),
  )
  for (const address of peers) {
    try {
      const {
        held: [held],
      } = readAsked(
        await cluster
          .peer(address)
          .request(
            'copy',
            writeJson({ from: position, to: position + 1, index: 0, step: 1, any: true }),
            cluster.limits.requestMs / 5,
          ),
      )
      const { bytes } = held ?? {}
      if (
        held?.kind === KIND_DATA
        && bytes !== undefined
        && (await server.change((unit) => unit.copies.repair(position, held.hash, bytes)))
      ) {
        return true
      }
    } catch {
      // The next one may have it; if nobody has, the position stays damaged here and readers are told so.
    }
  }
  return false
}
