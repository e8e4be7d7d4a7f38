/**
 * Engines that do what the real one does not: one that gives up in a function, and one of another number.
 *
 * Read next: `attacks.test.ts`, `registry.test.ts`, `histories.test.ts`, `../../../objects/extensions/registry.ts`.
 */
import { compileEngine } from '../../../objects/extensions/engine/compile.ts'
import { Machine, type BadSource } from '../../../objects/extensions/engine/machine.ts'
import { Machines, type MachinesBounds } from '../../../objects/extensions/engine/machines.ts'
import { extensionsIn } from '../../../objects/extensions/registry.ts'
import { readEngineFile } from '../../../objects/io/engine-file.ts'

/** Compiled once for a file of tests. */
export const engine = compileEngine(readEngineFile())

/** The registry whose programs run in these machines. */
export const registryWith = (machines: Machines, number?: number) =>
  extensionsIn({ now: machines, load: () => Promise.resolve(machines) }, number)

/** Gives up in the functions of one name: what a mistake in its binary would come to. */
export class FailingMachines extends Machines {
  readonly #run: string

  constructor(run: string) {
    super(engine)
    this.#run = run
  }

  override load(text: string): Machine | BadSource {
    const machine = super.load(text)
    if (!(machine instanceof Machine)) return machine
    const call = machine.call.bind(machine)
    machine.call = (name, ...rest) => {
      const outcome = call(name, ...rest)
      if (name !== this.#run) return outcome
      return { kind: 'trap', text: 'memory access out of bounds', fuel: outcome.fuel }
    }
    return machine
  }
}

/** Has images of its own, and loads no source that says that it is too old. */
export class OtherMachines extends Machines {
  /** Calls of its programs. */
  calls = 0
  readonly #made = new Set<Machine>()

  constructor(bounds: MachinesBounds = {}) {
    super(engine, bounds)
  }

  override load(text: string): Machine | BadSource {
    const machine = super.load(text)
    if (!(machine instanceof Machine) || this.#made.has(machine)) return machine
    const outcome = { kind: 'threw', text: 'it is too old', fuel: 1 } as const
    if (text.includes('too old')) return { kind: 'bad', outcome, where: undefined }
    this.#made.add(machine)
    const call = machine.call.bind(machine)
    machine.call = (...args) => {
      this.calls++
      return call(...args)
    }
    Object.defineProperty(machine, 'hash', { value: `2${machine.hash.slice(1)}` })
    return machine
  }
}
