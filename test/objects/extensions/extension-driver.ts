/**
 * A space under test that has the registry of extensions and the engine: programs are registered as any client does.
 *
 *     const driver = new ExtensionDriver([Counter])
 *     const ann = driver.open()
 *     driver.register(ann, Stock)
 *     driver.ask(ann, Stock, '/stock', 'fill', { sku: 'a', upTo: 2 })
 *
 * Read next: `../machine-driver.ts`, `../../../objects/extensions/registry.ts`.
 */
import type { Extension } from '../../../objects/extensions/define-extension.ts'
import { packagedEngine } from '../../../objects/extensions/engine-source.ts'
import { Extensions, programsOf } from '../../../objects/extensions/registry.ts'
import { CALL_FUEL, hashOfProgram, type ProgramShape } from '../../../objects/extensions/shapes.ts'
import { PROGRAMS_PATH, programType } from '../../../objects/runtime/programs.ts'
import type { SpaceBounds } from '../../../objects/runtime/space.ts'
import type { AnyObjectType } from '../../../objects.ts'
import { MachineDriver, answerOf, type Answer, type DrivenSession } from '../machine-driver.ts'

await packagedEngine.load()

/** What of an extension is registered. */
export type Registrable = Pick<Extension<unknown>, 'extension' | 'name' | 'version' | 'program' | 'hash'>

/** A program by its source, as `defineExtension` makes one. */
export function programOf(
  source: string,
  more: Partial<ProgramShape & { name: string; version: number }> = {},
): Registrable {
  const { name = 'test', version = 1, ...shape } = more
  const program = { waits: [], fuel: CALL_FUEL, uses: [], takes: [], events: [], ...shape, source }
  return { extension: name, name: programType(name), version, program, hash: hashOfProgram(program) }
}

/** A space with extensions. */
export class ExtensionDriver extends MachineDriver {
  /** `registry`: one with an engine of its own. */
  constructor(types: readonly AnyObjectType[] = [], bounds: SpaceBounds = {}, registry: AnyObjectType = Extensions) {
    super([registry, ...types], bounds)
    // As on a cluster, no session is named by position 0, which means nobody where owners stand.
    this.tick()
  }

  register(session: DrivenSession, { extension: name, version, program }: Registrable): Answer {
    return this.registry(session, 'register', { name, version, taken: true, ...program })
  }
  acknowledge(session: DrivenSession, { extension: name, hash }: Registrable, takes = false): Answer {
    return this.registry(session, 'acknowledge', { name, hash, takes })
  }
  registry(session: DrivenSession, op: string, input: unknown): Answer {
    return answerOf(this.op(session, Extensions, PROGRAMS_PATH, op, input).outcome)
  }

  ask(session: DrivenSession, { name, version }: Pick<Registrable, 'name' | 'version'>, ...call: AskedCall): Answer {
    const [path, op, input = null] = call
    return answerOf(this.run(session, { type: { name, version }, path, op, input }).outcome)
  }

  /** Records of an object of a program: keys with values, and who owns them. */
  recordsOf(extension: string, path: string): readonly (readonly [key: string, value: unknown, session: number])[] {
    const { records } = programsOf(this.space.journal).type(extension).read(path).tables
    return [...records.range()].map(([key, { value, session }]) => [key, value, session])
  }
  waitsOf(extension: string, path: string): number {
    return programsOf(this.space.journal).type(extension).read(path).tables.waits.size
  }
  /** Why a program does not run. */
  disabled(extension: string): string | undefined {
    return programsOf(this.space.journal).tables.states.get(extension)?.disabled?.reason
  }
}

type AskedCall = readonly [path: string, op: string, input?: unknown]
