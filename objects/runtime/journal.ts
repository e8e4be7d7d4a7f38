/**
 * What the entry at hand has changed so far, so that a step of it can be taken back: records, settled waits, events.
 *
 *     begin() ─ step ─ step ─ ... ─ close()
 *                 └ refused or thrown: everything since the step's mark is taken back
 *
 * A patch is {object, table, key, before, after}: undo, digest, watch and diff are this one thing. Keeps: O3, O12.
 * Read next: `records.ts`, `space.ts`.
 */
import { SirtakiError, type Next } from '../../log/errors.ts'
import type { Identity } from '../../sequencer/session-entry.ts'
import { Deadlines } from './deadlines.ts'
import { mustStop } from './exhausted.ts'
import { Owners } from './owners.ts'
import type { ProgramCall } from './program-counts.ts'
import type { Rejection } from './rejection.ts'
import type { Patch, Row, RowStore } from './row.ts'
import type { Input } from './values.ts'

/** A wait that has its outcome: `op` is the position of the op that waited. */
export type Settlement =
  | { readonly op: number; readonly kind: 'result'; readonly value: unknown }
  | {
      readonly op: number
      readonly kind: 'rejected'
      /** As in `Refused`. */
      readonly code: string
      readonly next: Next
      readonly facts: Readonly<Record<string, Input>>
    }

/** What a step says beside its changes, where those cannot say it (D1). */
export interface Emitted {
  readonly path: string
  readonly kind: string
  readonly facts: Readonly<Record<string, Input>>
}

/** Whom the step at hand is for. `session` is -1 and `ids` empty where a deadline or the end of a session runs. */
export interface Caller {
  readonly session: number
  readonly ids: readonly Identity[]
}

/** Nobody's step. */
export const NOBODY: Caller = { session: -1, ids: [] }

/** The changes of the entry at hand, and those that the digest has not seen. */
export class Journal {
  /** Of the entry at hand. */
  position = -1
  time = 0
  /** Milliseconds since 1970 of the entry: `time` and the offset that the space has. */
  wall = 0
  /** What the programs of the entry at hand have used so far: its ops, and what the runtime called by itself. */
  fuel = 0
  /** Programs that its ops have called. */
  readonly programs = new Set<string>()
  /** Of programs, in order; what was taken back too. */
  calls: ProgramCall[] | undefined
  hookFuel = 0
  /** Of the step at hand. */
  caller: Caller = NOBODY
  /** Records of one table: an op that would make one more is refused. */
  readonly recordsMax: number
  /** Who owns which records, and what falls due: derived from records, kept with every change. */
  readonly owners = new Owners()
  readonly deadlines = new Deadlines()
  /** Whether a session is live: only such may own records. */
  isLive: (session: number) => boolean = () => true
  /** Of the entry at hand or the last one, in order. */
  patches: Patch[] = []
  settlements: Settlement[] = []
  events: Emitted[] = []
  /** First changes since the last digest; `takeDirty` empties it. */
  #dirty: Patch[] = []
  #isOpen = false
  #rejection: Rejection | undefined

  constructor(recordsMax = RECORDS_MAX) {
    this.recordsMax = recordsMax
  }

  begin(position: number, time: number, wall: number): void {
    this.position = position
    this.time = time
    this.wall = wall
    this.fuel = 0
    if (this.calls !== undefined) this.programs.clear()
    this.calls = undefined
    this.hookFuel = 0
    // Never those of the last entry, empty or not: whoever was given them keeps them.
    this.patches = []
    this.settlements = []
    this.events = []
  }

  /**
   * Runs one step: only in it may records change, and a refusal holds whatever the step does after it. A step that is
   * refused or throws leaves nothing: no change, no settled wait, no event.
   *
   * @throws Rejection of a refused step, or whatever `run` throws.
   */
  step<R>(caller: Caller, run: () => R): R {
    const patches = this.patches.length
    const settlements = this.settlements.length
    const events = this.events.length
    this.caller = caller
    this.#isOpen = true
    this.#rejection = undefined
    try {
      const result = run()
      if (this.#rejection !== undefined) throw this.#rejection
      return result
    } catch (thrown) {
      this.#takeBack(patches, settlements, events)
      // An op may have caught its refusal and thrown something else.
      throw this.#rejection ?? thrown
    } finally {
      this.#isOpen = false
      this.caller = NOBODY
    }
  }

  /**
   * Runs a part of the open step that may fail alone: then what it did is taken back and the step goes on.
   *
   * @throws what a view must stop for.
   */
  attempt(run: () => void): void {
    const patches = this.patches.length
    const settlements = this.settlements.length
    const events = this.events.length
    const refused = this.#rejection
    try {
      run()
      if (this.#rejection === refused) return
    } catch (thrown) {
      if (mustStop(thrown)) throw thrown
    }
    this.#rejection = refused
    this.#takeBack(patches, settlements, events)
  }

  /** Refuses the step: gives what to throw. The first refusal is the one that counts. */
  refuse(rejection: Rejection): Rejection {
    this.#rejection ??= rejection
    return rejection
  }

  /** @throws SirtakiError `MISUSE` outside a step: an op may have kept its tables, a program those of a handle. */
  requireOpen(): void {
    if (this.#isOpen) return
    throw new SirtakiError('MISUSE', 'records change only while an op is applied: append an op instead')
  }

  record(store: RowStore, key: string, before: Row<unknown> | undefined, after: Row<unknown> | undefined): void {
    const patch: Patch = { store, key, before, after }
    this.patches.push(patch)
    // A record that the sums do not hold yet is on the list already, or was made and dropped in between.
    if (before === undefined || before.counted) this.#dirty.push(patch)
  }

  /** Takes back what came behind so many changes, settled waits and events. */
  #takeBack(patches: number, settlements: number, events: number): void {
    this.#cut(patches)
    this.settlements.length = settlements
    this.events.length = events
  }

  /** Takes back the changes from number `from` on. */
  #cut(from: number): void {
    while (this.patches.length > from) {
      const patch = this.patches.pop()
      patch?.store.restore(patch.key, patch.before)
    }
  }

  takeDirty(): readonly Patch[] {
    const dirty = this.#dirty
    this.#dirty = []
    return dirty
  }
  /** Changes that the digest has not seen. */
  get dirty(): number {
    return this.#dirty.length
  }
}

/** Fuel of all ops of one entry, and of all that the runtime calls by itself over it. */
export const ENTRY_FUEL_MAX = 100_000_000

/** Records of one table: a Map of V8 ends a process, not an op, beyond 2^24 entries. */
export const RECORDS_MAX = 2 ** 24 - 1

/**
 * The net changes of an entry: for each record that it left other than it found it, the first `before` and the last
 * `after`, in the order of their first change. Tables of the runtime (`$...`) are left out.
 */
export function netChanges(patches: readonly Patch[]): Patch[] {
  if (patches.length <= 1) return patches.filter(isNet)
  const stores = new Map<RowStore, Map<string, number>>()
  const net: Patch[] = []
  for (const patch of patches) {
    const keys = stores.get(patch.store) ?? new Map<string, number>()
    stores.set(patch.store, keys)
    const at = keys.get(patch.key)
    const first = at === undefined ? undefined : net[at]
    if (first === undefined || at === undefined) keys.set(patch.key, net.push(patch) - 1)
    else net[at] = { ...first, after: patch.after }
  }
  return net.filter(isNet)
}

const isNet = ({ store: { name }, before, after }: Patch): boolean =>
  (before !== undefined || after !== undefined) && !name.startsWith('$')
