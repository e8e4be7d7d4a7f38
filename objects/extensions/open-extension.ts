/**
 * Extensions as a session uses them: it registers them, agrees to their sources, and does so anew after a loss.
 *
 * Read next: `registry.ts` (what the ops do), `define-extension.ts`, `../object-session.ts`.
 */
import { SirtakiError, isError } from '../../log/errors.ts'
import type { CallOptions } from '../../log/cluster/calls.ts'
import { ObjectOps, type ObjectPort } from '../handle.ts'
import type { ProgramCount } from '../runtime/program-counts.ts'
import { PROGRAMS_PATH, PROGRAMS_TYPE } from '../runtime/programs.ts'
import type { Session } from '../runtime/session.ts'
import type { View } from '../runtime/view.ts'
import type { Extension } from './define-extension.ts'
import { Extensions, programsOf } from './registry.ts'
import type { ProgramRecord } from './shapes.ts'

/** How a session agrees to an extension. */
export interface AgreeOptions extends CallOptions {
  /** Whether the extension does ops of the session that it takes from other types. */
  readonly takes?: boolean | undefined
}

/** An extension that is registered. */
export interface RegisteredExtension {
  readonly name: string
  readonly version: number
  readonly hash: string
  readonly source: string
  /** The position of its registration, and whose it is. */
  readonly at: number
  readonly session: number
  /** Why it does not run, and since which position. */
  readonly disabled: { readonly reason: string; readonly position: number } | undefined
  readonly record: ProgramRecord
  /** Its calls since the client began, as the client has played them. */
  readonly counts: ProgramCount
}

/** The ops of the registry in each version, each target encoded once. */
const registries = new Map([[Extensions.version, new ObjectOps(Extensions, PROGRAMS_PATH)]])

/** The ops of the registry in the version that is active: that of the engine which runs. */
export function registryOf({ space }: View): ObjectOps<(typeof Extensions)['ops']> {
  const [, version] = space.activeTypes().find(([name]) => name === PROGRAMS_TYPE) ?? [
    PROGRAMS_TYPE,
    Extensions.version,
  ]
  const known = registries.get(version) ?? new ObjectOps({ ...Extensions, version }, PROGRAMS_PATH)
  registries.set(version, known)
  return known
}

/** What a session has agreed to. */
export class Agreements {
  readonly #port: ObjectPort
  readonly #agreed = new Map<string, { readonly hash: string; readonly takes: boolean; readonly session: Session }>()

  constructor(port: ObjectPort) {
    this.#port = port
  }

  async register<O>(extension: Extension<O>, { takes = true, ...options }: AgreeOptions): Promise<void> {
    const session = this.#port.session()
    const { extension: name, version, program, hash } = extension
    await registryOf(this.#port.view).call(session, {
      op: 'register',
      input: { name, version, taken: takes, ...program },
      options,
    })
    this.#agreed.set(name, { hash, takes, session })
  }

  async agree<O>({ extension: name, hash }: Extension<O>, { takes = false, ...options }: AgreeOptions): Promise<void> {
    const session = this.#port.session()
    try {
      await registryOf(this.#port.view).call(session, { op: 'acknowledge', input: { name, hash, takes }, options })
    } catch (thrown) {
      if (!isError(thrown, 'NOT_REGISTERED')) throw thrown
      throw new SirtakiError('NOT_REGISTERED', `no extension ${name} is registered: register it first`, {
        cause: thrown,
        facts: { extension: name },
      })
    }
    this.#agreed.set(name, { hash, takes, session })
  }

  /** Agrees unless this session has already. */
  async open<O>(extension: Extension<O>, options: CallOptions): Promise<void> {
    // The past is there for reading.
    if (this.#port.view.log.isReadOnly === true) return
    const known = this.#agreed.get(extension.extension)
    if (known?.hash === extension.hash && known.session === this.#port.session()) return
    await this.agree(extension, { ...options, takes: known?.hash === extension.hash && known.takes })
  }

  /** Agrees for another session to all that the one before had agreed to. What is refused shows in the next call. */
  renew(session: Session): void {
    for (const [name, { hash, takes }] of this.#agreed) {
      this.#agreed.set(name, { hash, takes, session })
      registryOf(this.#port.view)
        .call(session, { op: 'acknowledge', input: { name, hash, takes } })
        .catch(() => undefined)
    }
  }
}

/** The extensions of a view's space, in order of their names. */
export function extensionsOf(view: View): RegisteredExtension[] {
  const { programs, states } = programsOf(view.journal).tables
  return [...programs.range()].map(([name, record]) => {
    const { version, hash, source, at, session } = record
    const disabled = states.get(name)?.disabled ?? undefined
    return { name, version, hash, source, at, session, disabled, record, counts: view.programCounts.of(name) }
  })
}
