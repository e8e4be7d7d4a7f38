/**
 * Programs that are called for changes: after an entry's own steps, in rounds, one step for each that asked.
 *
 *     changes of the entry ─ round 1 ─ changes of that ─ round 2 ─ ... ─ at most 8, and 64 calls
 *
 * In order of registration. A step that fails takes back itself and nothing else, never the op that caused it; whose
 * would exceed a bound is disabled. What nobody asked for costs a look into a map for each table that changed. Keeps:
 * E6, P38. Read next: `registered.ts`.
 * @source Extensible Distributed Coordination, EuroSys'15, 3.2 (event extensions).
 */
import type { Identity } from '../../sequencer/session-entry.ts'
import { mustStop } from '../runtime/exhausted.ts'
import { ENTRY_FUEL_MAX, netChanges, type Journal } from '../runtime/journal.ts'
import type { AnyBoundType } from '../runtime/object-type.ts'
import type { Reach } from '../runtime/programs.ts'
import { programType } from '../runtime/programs.ts'
import { Rejection } from '../runtime/rejection.ts'
import type { Patch, RowStore } from '../runtime/row.ts'
import type { Value } from '../runtime/values.ts'
import { matches } from './patterns.ts'
import { changedRecord, isPortable } from './program-records.ts'
import type { ChangeKind, EventOf } from './shapes.ts'

/** Rounds and calls of one entry. */
export const ROUNDS_MAX = 8
export const CALLS_MAX = 64
/** Changes that one call is given. */
export const CHANGES_MAX = 256

/** Changes that a program asks for; events act for whom its registrar spoke. */
export interface Listening extends EventOf {
  readonly program: string
  readonly ids: readonly Identity[]
}

/** What becomes of programs. */
export interface Fates {
  type(program: string): AnyBoundType
  /** The object that has its records of what it does at others. */
  own(program: string): string
  runs(program: string): boolean
  fails(program: string, reason: string): void
  /** It had less fuel than is its own, since others of that entry have used it, and that was too little. */
  starved(program: string, run: string): void
  went(program: string): void
  stop(program: string, reason: string): void
}

/** One call: a function, the object whose records it has, what it is given. */
interface Call {
  readonly listening: Listening
  readonly path: string
  readonly changes: Value[]
}

/** The events of one space. */
export class Events {
  readonly #journal: Journal
  readonly #fates: Fates
  #listening: readonly Listening[] = []
  /** Who may ask for changes of a table: derived from patterns, dropped with them. */
  #byStore = new WeakMap<RowStore, readonly Listening[]>()

  constructor(journal: Journal, fates: Fates) {
    this.#journal = journal
    this.#fates = fates
  }

  /** Who listens, in order of registration. */
  listen(listening: readonly Listening[]): void {
    this.#listening = listening
    this.#byStore = new WeakMap()
  }

  /** Whether some may ask for changes at a path. */
  listensTo(path: string, reach: Reach): boolean {
    const type = reach.typeAt(path)
    return this.#listening.some((one) =>
      one.path === null ? type === programType(one.program) : !path.startsWith('/.') && matches(one.path, path),
    )
  }

  /** Calls whoever asked for what the entry has changed. */
  run(reach: Reach): void {
    if (this.#listening.length === 0) return
    const { patches } = this.#journal
    let calls = 0
    for (let [from, round] = [0, 1]; from < patches.length; round++) {
      const to = patches.length
      const due = this.#due(patches.slice(from, to), reach)
      from = to
      for (const call of due) {
        const { program } = call.listening
        if (!this.#fates.runs(program)) continue
        if (round > ROUNDS_MAX) this.#fates.stop(program, `its events go on for more than ${ROUNDS_MAX} rounds`)
        else if (++calls > CALLS_MAX) this.#fates.stop(program, `an entry calls more than ${CALLS_MAX} events`)
        else this.#call(call, reach)
      }
    }
  }

  #call({ listening: { program, run, ids }, path, changes }: Call, reach: Reach): void {
    const type = this.#fates.type(program)
    const isScant = type.hookFuel > ENTRY_FUEL_MAX - this.#journal.fuel
    try {
      this.#journal.step({ session: -1, ids }, () => {
        reach.step(path, type, (object) => {
          object.take(run, { changes })
        })
      })
      this.#fates.went(program)
    } catch (thrown) {
      if (mustStop(thrown)) throw thrown
      const code = thrown instanceof Rejection ? thrown.code : 'APPLY_FAILED'
      // Nobody is disabled because others have used what there is.
      if (isScant && code === 'EXTENSION_LIMIT') this.#fates.starved(program, run)
      else this.#fates.fails(program, `${run}: ${code}`)
    }
  }

  /** The calls for these changes, in order of registration. */
  #due(patches: readonly Patch[], reach: Reach): Call[] {
    const asked = patches.some(({ store }) => this.#askedOf(store, reach).length > 0)
    if (!asked) return []
    const calls = new Map<Listening, Map<string, Call[]>>()
    for (const patch of netChanges(patches)) {
      for (const listening of this.#askedOf(patch.store, reach)) {
        if (!isAsked(listening, patch)) continue
        // Of its own objects it is called at that object, of others at the one that is its own.
        const path = listening.path === null ? patch.store.object : this.#fates.own(listening.program)
        const byPath = calls.get(listening) ?? new Map<string, Call[]>()
        calls.set(listening, byPath)
        const those = byPath.get(path) ?? []
        byPath.set(path, those)
        let last = those.at(-1)
        if (last === undefined || last.changes.length >= CHANGES_MAX) {
          last = { listening, path, changes: [] }
          those.push(last)
        }
        last.changes.push(changeOf(patch, reach))
      }
    }
    return this.#listening.flatMap((one) => [...(calls.get(one)?.values() ?? [])].flat())
  }

  #askedOf(store: RowStore, reach: Reach): readonly Listening[] {
    const known = this.#byStore.get(store)
    if (known !== undefined) return known
    const type = reach.typeAt(store.object)
    const table = store.isCell ? '' : store.name
    const asked = this.#listening.filter((one) => {
      if (type === undefined || one.table !== table) return false
      if (one.path === null) return type === programType(one.program)
      return isPortable(type) && !store.object.startsWith('/.') && matches(one.path, store.object)
    })
    this.#byStore.set(store, asked)
    return asked
  }
}

const kindOf = ({ before, after }: Patch): ChangeKind =>
  before === undefined ? 'created' : after === undefined ? 'deleted' : 'changed'

const isAsked = ({ on, key }: Listening, patch: Patch): boolean =>
  on.includes(kindOf(patch)) && (key === null || matches(key, patch.key))

/** A change as a program is given it. A record that holds what is no value of a guest is left out. */
function changeOf(patch: Patch, reach: Reach): Value {
  const { store, key, before, after } = patch
  const type = reach.typeAt(store.object) ?? ''
  const [was, is] = [before, after].map((row) => (row === undefined ? undefined : changedRecord(type, row.value)))
  return {
    on: kindOf(patch),
    path: store.object,
    table: store.isCell ? '' : store.name,
    key,
    ...(was === undefined ? {} : { before: was }),
    ...(is === undefined ? {} : { after: is }),
  }
}
