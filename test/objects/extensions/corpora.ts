/**
 * Everything that judges the engine, as one table of hashes: images, the corpus, the built-ins, programs of a grammar.
 *
 * A hash takes each outcome in, with its value or text and its fuel. What comes to something else when it is called
 * again, or leaves something behind, is said as a problem. Portable: of its host it needs the bytes of the engine
 * alone. Read next: `golden.ts`, `corpus-run.ts`, `built-ins.ts`.
 */
import { sha256 } from '../../../log/bytes/hash.ts'
import { compileEngine, type Engine } from '../../../objects/extensions/engine/compile.ts'
import { Machine } from '../../../objects/extensions/engine/machine.ts'
import { Machines } from '../../../objects/extensions/engine/machines.ts'
import { BarrierRecipe } from '../../../objects/recipes/barrier.ts'
import { CounterRecipe } from '../../../objects/recipes/counter.ts'
import { ElectionRecipe } from '../../../objects/recipes/election.ts'
import { PriorityQueueRecipe } from '../../../objects/recipes/priority-queue.ts'
import { QueueRecipe } from '../../../objects/recipes/queue.ts'
import { RateLimiterRecipe } from '../../../objects/recipes/rate-limiter.ts'
import { SagaRecipe } from '../../../objects/recipes/saga.ts'
import { BUILT_INS, ODD_VALUES, manners, type BuiltIn } from './built-ins.ts'
import { long, odd } from './corpus.ts'
import { callByName, callOf, textOf } from './guest-call.ts'
import { programs } from './program-grammar.ts'

const recipes = [
  ...[BarrierRecipe, CounterRecipe, ElectionRecipe, PriorityQueueRecipe, QueueRecipe, RateLimiterRecipe, SagaRecipe],
]
const corpus = [...long, ...odd]
const IMAGES = 40
const WALK_FUEL = 1_000_000_000
/** Fuel of one call of a built-in, and of a program of the grammar. */
const BUILT_IN_FUEL = 2_000_000
const PROGRAM_FUEL = 1_000_000
/** Of a call that is to end half way. */
const HALF_FUEL = 400_000
/** What a program of the grammar is called with: the text goes over several pages of memory. */
const INPUT = { text: 'input text '.repeat(900), list: [1.5, null, { a: 'b' }] }
/** Programs of the grammar in one image. */
const PROGRAMS_TOGETHER = 25

/** What a corpus comes to. */
export interface Finding {
  readonly calls: number
  readonly hash: string
}

/** The table. */
export interface Findings {
  readonly engine: string
  /** Hashes of images by what is in them. */
  readonly images: Readonly<Record<string, string>>
  readonly corpus: Finding
  readonly builtIns: Finding & { readonly functions: number }
  readonly programs1000: Finding
  readonly programs10000?: Finding
}

/** Runs the corpora in one engine. */
export class Corpora {
  readonly engine: Engine
  /** Fewer seats than programs: they take turns. */
  readonly machines: Machines
  /** What was not as it has to be. */
  readonly problems: string[] = []
  readonly #comparedEach: number
  #compares = 0

  /** `comparedEach`: a memory is compared with its image only so often, since a browser is slow at it. */
  constructor(bytes: Uint8Array, comparedEach = 1) {
    this.#comparedEach = comparedEach
    this.engine = compileEngine(bytes)
    this.machines = new Machines(this.engine, { seatsMax: 3 })
  }

  /** The table; 10,000 programs take a while, and come on wish. */
  findings(isWhole: boolean): Findings {
    return {
      engine: this.engine.name,
      images: this.images(),
      corpus: this.corpus(),
      builtIns: this.builtIns(),
      programs1000: this.programs(1_000),
      ...(isWhole ? { programs10000: this.programs(10_000) } : {}),
    }
  }

  /** A program by its source. @throws Error where it does not load. */
  load(source: string): Machine {
    const machine = this.machines.load(source)
    if (machine instanceof Machine) return machine
    throw new Error(JSON.stringify(machine.outcome))
  }
  /** A program of one function `run` by its body. @throws Error where it does not load. */
  machineOf(body: string): Machine {
    return this.load(`({ run(ctx, input) { ${body} } })`)
  }

  /** Images of the recipes and of the first programs of the corpus. */
  images(): Findings['images'] {
    const own = recipes.map(({ extension, program }) => [extension, this.load(program.source).hash] as const)
    const others = corpus.slice(0, IMAGES - own.length)
    return Object.fromEntries([...own, ...others.map((body, i) => [`corpus ${i}`, this.machineOf(body).hash])])
  }

  /** Every program of the corpus, three times. */
  corpus(): Finding {
    const lines = corpus.map((body) => {
      const machine = this.machineOf(body)
      const [first = '', ...others] = [1, 2, 3].map(() => textOf(callOf(machine)))
      for (const other of others) this.#expectSame(first, other, body)
      this.#expectRestored(machine, body)
      return `${machine.hash} ${first}`
    })
    return found(lines)
  }

  /** Every built-in on every odd value, in every manner. */
  builtIns(): Findings['builtIns'] {
    const machine = this.load(BUILT_INS)
    const walked = callByName(machine, 'walk', { fuel: WALK_FUEL })
    const functions: readonly BuiltIn[] = walked.kind === 'value' && Array.isArray(walked.value) ? walked.value : []
    const lines = functions.flatMap(({ name, way }, nth) =>
      manners.flatMap((manner, at) =>
        Array.from({ length: ODD_VALUES }, (_, first) => {
          const what = `${name} ${manner} ${first}`
          const text = textOf(callByName(machine, 'run', { input: { way, first, manner }, fuel: BUILT_IN_FUEL }))
          if (at === nth % manners.length && first === nth % ODD_VALUES) this.#expectRestored(machine, what)
          return `${machine.hash} ${what} ${text}`
        }),
      ),
    )
    return { functions: functions.length, ...found(lines) }
  }

  /** So many programs of the grammar, twice each, with a call in between that ends half way. */
  programs(count: number): Finding {
    const bodies = programs(count)
    const lines: string[] = []
    while (bodies.length > 0) lines.push(...this.#together(bodies.splice(0, PROGRAMS_TOGETHER)))
    return found(lines)
  }

  /** Programs of one image. */
  #together(bodies: readonly string[]): string[] {
    const machine = this.load(`({ ${bodies.map((body, i) => `p${i}(ctx, input) { ${body} }`).join(',\n')} })`)
    return bodies.map((body, i) => {
      const call = (fuel: number): string => textOf(callByName(machine, `p${i}`, { fuel, input: INPUT }))
      const first = call(PROGRAM_FUEL)
      call(HALF_FUEL)
      this.#expectSame(first, call(PROGRAM_FUEL), body)
      if (i === 0) this.#expectRestored(machine, body)
      return `${machine.hash} ${first}`
    })
  }

  #expectSame(first: string, again: string, what: string): void {
    if (again !== first) this.problems.push(`came to ${first} and ${again}: ${what}`)
  }
  #expectRestored(machine: Machine, what: string): void {
    machine.restore()
    if (this.#compares++ % this.#comparedEach !== 0) return
    if (!machine.isRestored()) this.problems.push(`left something behind: ${what}`)
  }
}

/** The table as a browser finds it, and the problems: as JSON, since hosts share texts. */
export function findingsInBrowser(bytes: Uint8Array): string {
  const corpora = new Corpora(bytes, 20)
  return JSON.stringify({ findings: corpora.findings(false), problems: corpora.problems })
}

const found = (lines: readonly string[]): Finding => ({ calls: lines.length, hash: sha256(lines.join('\n')) })
