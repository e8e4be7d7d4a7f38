/**
 * One call of an extension without a cluster: a space in memory, which plays entries as every client does.
 *
 *     tick ─ open ─ register (a program that puts records) ─ remove ─ register ─ the op
 *
 * Read next: `../objects/extensions/define-extension.ts`, `../objects/runtime/space.ts`.
 */
import { SirtakiError } from '../log/errors.ts'
import { withOurs } from '../objects/client.ts'
import type { Extension } from '../objects/extensions/define-extension.ts'
import { packagedEngine } from '../objects/extensions/engine-source.ts'
import { PROGRAMS_PATH } from '../objects/runtime/programs.ts'
import { Extensions } from '../objects/extensions/registry.ts'
import { CALL_FUEL, type RegisterInput } from '../objects/extensions/shapes.ts'
import { encodeOp, encodeTarget, isObjectPath } from '../objects/runtime/entry.ts'
import { encodeInput } from '../objects/runtime/input.ts'
import { netChanges, type Emitted, type Settlement } from '../objects/runtime/journal.ts'
import type { Played } from '../objects/runtime/outcome.ts'
import { programType } from '../objects/runtime/programs.ts'
import { Space } from '../objects/runtime/space.ts'
import type { Input } from '../objects/runtime/values.ts'
import { encodeOpen, encodeTick } from '../sequencer/session-entry.ts'

/** What of an extension is registered. */
export type Registrable = Pick<Extension<object>, 'extension' | 'name' | 'version' | 'program' | 'calls'>

/** A call, and what it finds. */
export interface ExtensionCall {
  readonly op: string
  /** An empty object unless told. */
  readonly input?: unknown
  /** What its object holds before, by key. */
  readonly records?: Readonly<Record<string, unknown>> | undefined
  /** Where the object is; /example unless told. */
  readonly path?: string | undefined
}

/** What a call came to. */
export interface ExtensionRun {
  readonly outcome:
    | { readonly kind: 'result'; readonly value: unknown }
    | { readonly kind: 'waiting' }
    | { readonly kind: 'refused'; readonly code: string; readonly facts: Readonly<Record<string, Input>> }
  /** Records that it left other than it found them, as the space holds them. */
  readonly changes: readonly {
    readonly path: string
    readonly table: string
    readonly key: string
    readonly before: unknown
    readonly after: unknown
  }[]
  readonly events: readonly Emitted[]
  /** Waits that it settled. */
  readonly settled: readonly Settlement[]
  readonly fuel: number
}

/**
 * Calls one op of an extension on a space of its own: equal calls come to equal runs.
 *
 * @throws SirtakiError `BAD_ARGUMENT` for what is no path or no value, or an input that the op does not accept;
 *   `MISUSE` where the extension cannot be registered, or the records not be put, with the reason.
 */
export async function runExtension(
  extension: Registrable,
  { op, input = {}, records, path = '/example' }: ExtensionCall,
): Promise<ExtensionRun> {
  const refusal = extension.calls.get(op)?.refusal(input)
  if (refusal !== undefined) throw badCall(`the op does not accept its input: ${refusal}`)
  if (!isObjectPath(path) || path.startsWith('/.')) throw badCall(`${path} names no object`)
  const trial = await ExtensionTrial.open()
  if (records !== undefined) requireDone(trial.fill(extension.extension, path, records), 'its records cannot be put')
  requireDone(trial.register(extension), 'it cannot be registered')
  return runOf(trial.call(extension, path, op, input))
}

/** Whether, and at what cost, an extension would be registered. @throws SirtakiError where there is no engine. */
export async function tryRegister(extension: Registrable): Promise<ExtensionRun> {
  return runOf((await ExtensionTrial.open()).register(extension))
}

/** Puts records where a program finds them: ops alone may change a space. */
const FILL = `({
  fill(ctx, records) {
    for (const key of Object.keys(records)) ctx.set(key, records[key])
  }
})`
/** The streams of entries of sessions, and of all others. */
const SESSION_STREAMS = [0, 1]
const SPACE_STREAMS = [1]
/** When all of it happens, so that the same calls come to the same. */
const TIME = 1_000

/** One space, from its first entry on. */
class ExtensionTrial {
  readonly #space = new Space()
  readonly #session: number
  #position = 0
  #number = 0

  private constructor() {
    for (const one of withOurs([])) this.#space.register(one)
    // As on a cluster, no session is named by position 0.
    this.#play(encodeTick(0, 0), SESSION_STREAMS)
    const info = { name: 'trial', timeoutMs: 10_000, ids: [], types: [], process: '0123456789abcdef' }
    this.#session = this.#play(encodeOpen(info), SESSION_STREAMS).position
  }

  /** @throws SirtakiError where there is no engine. */
  static async open(): Promise<ExtensionTrial> {
    await packagedEngine.load()
    return new ExtensionTrial()
  }

  register({ extension: name, version, program }: Pick<Registrable, 'extension' | 'version' | 'program'>): Played {
    const input: RegisterInput = { name, version, taken: true, ...program }
    return this.call(Extensions, PROGRAMS_PATH, 'register', input)
  }

  /** Has another program of that name put records, which stay when it goes. */
  fill(extension: string, path: string, records: unknown): Played {
    const program = { source: FILL, waits: [], fuel: CALL_FUEL, uses: [], takes: [], events: [] }
    this.register({ extension, version: 1, program })
    const played = this.call({ name: programType(extension), version: 1 }, path, 'fill', records)
    this.call(Extensions, PROGRAMS_PATH, 'remove', { name: extension })
    return played
  }

  call({ name, version }: Pick<Registrable, 'name' | 'version'>, path: string, op: string, input: unknown): Played {
    const target = encodeTarget({ type: name, version, op }, path)
    return this.#play(encodeOp(this.#session, this.#number++, { target, input: encodeInput(input).bytes }))
  }

  #play(payload: Uint8Array, streams: readonly number[] = SPACE_STREAMS): Played {
    return this.#space.apply({
      position: this.#position++,
      epoch: 1,
      writer: 1,
      logTime: TIME,
      streams: streams.map((stream) => ({ stream, previous: -1 })),
      payload,
      hash: 0,
      bytes: payload,
    })
  }
}

function runOf({ outcome, patches, events, settled, fuel }: Played): ExtensionRun {
  const changes = netChanges(patches)
    .filter(({ store }) => !store.object.startsWith('/.'))
    .map(({ store, key, before, after }) => ({
      path: store.object,
      table: store.isCell ? '' : store.name,
      key,
      before: before?.value,
      after: after?.value,
    }))
  return { outcome: outcomeOf(outcome), changes, events, settled, fuel }
}

function outcomeOf(outcome: Played['outcome']): ExtensionRun['outcome'] {
  if (outcome.kind === 'result') return { kind: 'result', value: outcome.value }
  if (outcome.kind === 'waiting') return { kind: 'waiting' }
  if (outcome.kind === 'rejected') return { kind: 'refused', code: outcome.code, facts: outcome.facts }
  return { kind: 'refused', code: 'APPLY_FAILED', facts: { reason: outcome.kind } }
}

/** @throws SirtakiError `MISUSE` with what refused it. */
function requireDone(played: Played, what: string): void {
  const outcome = outcomeOf(played.outcome)
  if (outcome.kind !== 'refused') return
  const { code, facts } = outcome
  const { reason } = facts
  throw new SirtakiError('MISUSE', `${what}: ${typeof reason === 'string' ? reason : code}`, {
    facts: { code, ...facts },
  })
}

const badCall = (why: string): SirtakiError => new SirtakiError('BAD_ARGUMENT', why)
