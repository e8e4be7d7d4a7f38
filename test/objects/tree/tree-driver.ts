/**
 * A space with one tree in it, played by hand: entries at positions and log times that a test decides.
 *
 * The first position is 1: no session of a real log is opened at 0. Wall time is log time and WALL. Read next:
 * `tree-model.ts`.
 */
import { Space, type Outcome, type Played } from '../../../objects.ts'
import { encodeOp, encodeTarget, encodeTransaction } from '../../../objects/runtime/entry.ts'
import { encodeInput } from '../../../objects/runtime/input.ts'
import type { SpaceSnapshot } from '../../../objects/runtime/snapshot.ts'
import { fields } from '../../../objects/runtime/fields.ts'
import type { Input } from '../../../objects/runtime/values.ts'
import type { TreeObject } from '../../../objects/tree/shapes.ts'
import { statOf, nodeAt, type Stat } from '../../../objects/tree/stat.ts'
import { TreeType } from '../../../objects/tree/type.ts'
import { encodeEnd, encodeOpen, encodeTick, type Identity } from '../../../sequencer/session-entry.ts'

/** What wall time is ahead of log time. */
export const WALL = 1_700_000_000_000
const PATH = '/tree'
const EPOCH = 1

/** An op by its name. */
export type TreeOp = readonly [op: string, input: unknown]

/** What an op came to: its result, or the code that it was refused with. */
export type Came = { readonly value: unknown } | { readonly code: string; readonly part: number | undefined }

/** Plays entries. */
export class TreeDriver {
  readonly space = new Space()
  readonly #numbers = new Map<number, number>()
  #next = 1
  #time = 1_000
  played: Played | undefined

  constructor(from?: SpaceSnapshot) {
    this.space.register(TreeType)
    if (from === undefined) this.entry(encodeTick(EPOCH, this.#time + WALL))
    else this.space.load(from)
  }

  /** Another one that was loaded from a snapshot of this one. */
  copy(): TreeDriver {
    return new TreeDriver(this.space.snapshot())
  }

  get position(): number {
    return this.#next - 1
  }
  get time(): number {
    return this.#time
  }
  get tree(): TreeObject {
    return TreeType.bind(this.space.journal).read(PATH)
  }
  get exists(): boolean {
    return this.space.object(PATH) !== undefined
  }
  /** What the last entry emitted. */
  get events(): (readonly [kind: string, path: Input | undefined, acl?: Input])[] {
    return (this.played?.events ?? []).map(({ kind, facts }) => {
      return facts['acl'] === undefined ? [kind, facts['path']] : [kind, facts['path'], facts['acl']]
    })
  }
  /** The same in one text each. */
  get said(): string[] {
    return this.events.map(([kind, path]) => `${kind} ${typeof path === 'string' ? path : ''}`)
  }

  /** Opens a session; its name is the position. */
  open(...ids: Identity[]): number {
    const info = { name: 'test', timeoutMs: 10_000, ids, types: [], process: '0'.repeat(16) }
    const { position } = this.entry(encodeOpen(info), [0, 1])
    this.#numbers.set(position, 0)
    return position
  }

  end(session: number, clean = false): Outcome {
    return this.entry(encodeEnd(session, 0, clean), [0, 1])
  }

  /** Runs one op; ids: whom it speaks for. */
  run(session: number, op: string, input: unknown, ids?: readonly Identity[]): Came {
    const number = this.#number(session)
    return cameOf(this.entry(encodeOp(session, number, partOf([op, input]), ids === undefined ? undefined : { ids })))
  }

  /** Runs ops as one step. */
  multi(session: number, ops: readonly TreeOp[], ids?: readonly Identity[]): Came {
    const parts = ops.map(partOf)
    return cameOf(
      this.entry(encodeTransaction(session, this.#number(session), parts, ids === undefined ? {} : { ids })),
    )
  }

  /** Lets time pass, with an entry at its end. */
  pass(ms: number): void {
    this.later(ms)
    this.entry(encodeTick(0, 0))
  }
  /** Lets time pass; the next entry is the first to know. */
  later(ms: number): void {
    this.#time += ms
  }

  /** The Stat of a node that must be there. */
  stat(path: string): Stat {
    const node = nodeAt(this.tree, path)
    if (node === undefined) throw new Error(`there is no ${path}`)
    return statOf(this.tree, path, node)
  }
  has(path: string): boolean {
    return nodeAt(this.tree, path) !== undefined
  }

  entry(payload: Uint8Array, streams: readonly number[] = [1]): Outcome {
    const position = this.#next++
    this.played = this.space.apply({
      position,
      epoch: EPOCH,
      writer: 1,
      logTime: this.#time,
      streams: streams.map((stream) => ({ stream, previous: { before: position } })),
      payload,
      hash: 0,
      bytes: payload,
    })
    return this.played.outcome
  }

  #number(session: number): number {
    const number = this.#numbers.get(session) ?? 0
    this.#numbers.set(session, number + 1)
    return number
  }
}

const partOf = ([op, input]: TreeOp) => ({
  target: encodeTarget({ type: TreeType.name, version: TreeType.version, op }, PATH),
  input: encodeInput(input).bytes,
})

function cameOf(outcome: Outcome): Came {
  if (outcome.kind === 'result') return { value: outcome.value }
  if (outcome.kind !== 'rejected') return { code: outcome.kind, part: undefined }
  const { part } = outcome.facts
  return { code: outcome.code, part: typeof part === 'number' ? part : undefined }
}

/** Somebody with a name. */
export const ann: Identity = ['digest', 'ann:1']
/** Who may do everything. */
export const root: Identity = ['super', '']
/** Lists: ann's own, and one that lets everybody read. */
export const OWN = [[31, 'digest', 'ann:1']]
export const READ_ONLY = [[1, 'world', 'anyone']]

/** The create of a plain node, or of another one with more. */
export const plain = (path: string, more: object = {}): TreeOp => ['create', { path, data: null, ...more }]
/** What an op was refused with. */
export const codeOf = (came: Came): string | undefined => ('code' in came ? came.code : undefined)
const hasPath = fields<{ path: string; stat: unknown }>({ path: (path) => typeof path === 'string', stat: () => true })
/** The path that a create answered with. */
export const pathOf = (came: Came): string => ('value' in came && hasPath(came.value) ? came.value.path : '')

/** A tree with a session, and with /a, /e (ephemeral), /own (ann's), /open/child. */
export function grown(): { driver: TreeDriver; session: number; run: (...op: TreeOp) => string | undefined } {
  const driver = new TreeDriver()
  const session = driver.open()
  const run = (...op: TreeOp): string | undefined => codeOf(driver.run(session, ...op))
  run(...plain('/a'))
  run(...plain('/e', { ephemeral: true }))
  run(...plain('/open'))
  run(...plain('/open/child'))
  driver.run(session, ...plain('/own', { acl: OWN }), [ann])
  return { driver, session, run }
}
