/**
 * A guest program that can be called: its image, taken once, and calls that each begin with it.
 *
 *     fresh instance ─ prelude ─ source ─ image ──┐
 *        ┌────────────────────────────────────────┘
 *        └▶ restore the marked pages ─ stack pointer, depth, pages, fuel ─ call ─ outcome
 *
 * An image comes of engine, prelude and source alone, in an instance of its own: equal sources, equal images, on every
 * host. A call leaves nothing behind but its outcome. What ends a call by a bound of ours, or by a trap of the engine,
 * is an outcome; whatever else ends it is the host's own trouble (its stack, its memory) and is thrown: a view stops
 * then, since another host would have gone on. Keeps: E2, E3, P37. Read next: `guest.ts`, `prelude.ts`, `values.ts`.
 */
import { sha256 } from '../../../log/bytes/hash.ts'
import { SirtakiError } from '../../../log/errors.ts'
import { Guest, NoMemory, type Extent, type Pointer } from './guest.ts'
import { DEPTH_MAX } from './meter.ts'
import { PRELUDE } from './prelude.ts'
import { NoValue, Thrown, Values } from './values.ts'
import { wasm, type WasmModule } from './wasm.ts'

/** Of the engine: JSON, Map and Set, regular expressions, BigInt; `eval` is taken away behind the source. */
const INTRINSICS = 2 | 4 | 8 | 32 | 256
/** What a guest may allocate, and its own stack, in bytes. */
const MEMORY_MAX = 1_572_864
const STACK_MAX = 98_304
/** Fuel for prelude and source. */
export const LOAD_FUEL_MAX = 50_000_000
/** Bytes of a source. */
export const SOURCE_BYTES_MAX = 65_536
/** Strict mode, for the source too. */
const STRICT = 8
/** UTF-16 units of what a guest threw. */
const TEXT_MAX = 1_000
const OUT_OF_MEMORY = /^InternalError: out of memory/
const ARGUMENTS = 5

/** Which bound a call exceeded. */
export type Limit = 'fuel' | 'depth' | 'memory' | 'value'

/** What a call came to. The same on every host. `fuel`: what it used. */
export type CallOutcome = { readonly fuel: number } & (
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly text: string }
  | { readonly kind: 'limit'; readonly limit: Limit; readonly reason?: string }
  | { readonly kind: 'trap'; readonly text: string }
  /** The host ended it, by what it threw. */
  | { readonly kind: 'stopped'; readonly by: unknown }
)

/** What answers a guest. `number` is one of `asks`; what it throws ends the call, uncatchable for the guest. */
export interface Host {
  ask(number: number, args: readonly unknown[]): unknown
}

/** A source that is no program. */
export interface BadSource {
  readonly kind: 'bad'
  readonly outcome: CallOutcome
  /** LINE:COLUMN of what threw, where that is known. */
  readonly where: string | undefined
}

/** What the host ended a call with, on its way through the guest. */
class Stop {
  readonly by: unknown

  constructor(by: unknown) {
    this.by = by
  }
}

/** An instance of the engine, which one program after another may have its image in. */
export interface Seat {
  readonly guest: Guest
  readonly values: Values
  /** Whose image it is, and the image itself. */
  holder: Machine | undefined
  extent: Extent
}

/** What a program needs of those who keep instances and images. */
export interface Seats {
  /** Gives an instance with the image of `machine` in it, which stays until the next time that one is asked for. */
  take(machine: Machine): Seat
  /** The host had trouble of its own in the middle of a call: nobody knows what is in that instance. */
  discard(seat: Seat): void
}

/** What is known of an image beside its bytes. */
interface Image {
  readonly hash: string
  readonly source: string
  /** Fuel that its source used to load. */
  readonly fuel: number
  readonly stack: number
  readonly pages: number
  readonly call: Pointer
  readonly argv: Pointer
  /** Names of its functions as the guest's texts. */
  readonly names: ReadonlyMap<string, Pointer>
}

/** One program. */
export class Machine {
  /** Names of its functions, in their order. */
  readonly names: readonly string[]
  readonly #image: Image
  readonly #seats: Seats
  #seat: Seat | undefined
  #host: Host | undefined
  /** A value is on its way: it may be the guest's own code that reads it, and that must not ask. */
  #isCrossing = false

  private constructor(seats: Seats, image: Image) {
    this.names = [...image.names.keys()]
    this.#seats = seats
    this.#image = image
  }

  /** Builds the image of a source in a fresh instance, which has it then. */
  static load(module: WasmModule, source: string, seats: Seats): { machine: Machine; seat: Seat } | BadSource {
    const guest = new Guest(module)
    guest.fuel.value = LOAD_FUEL_MAX
    try {
      const { image, values, extent } = built(guest, source)
      const machine = new Machine(seats, image)
      return { machine, seat: { guest, values, holder: machine, extent } }
    } catch (thrown) {
      const outcome = outcomeOf(guest, thrown, LOAD_FUEL_MAX)
      return { kind: 'bad', outcome, where: thrown instanceof Thrown ? placeOf(guest, thrown) : undefined }
    }
  }

  /** The hash of its image, which is part of what it is. */
  get hash(): string {
    return this.#image.hash
  }
  get source(): string {
    return this.#image.source
  }
  /** Fuel that its source used to load. */
  get loadFuel(): number {
    return this.#image.fuel
  }

  /** Takes fuel for what the host does. @throws what ends the call where there is none left. */
  charge(amount: number): void {
    if (this.#seat === undefined) return
    const { fuel } = this.#seat.guest
    fuel.value -= amount
    if (fuel.value < 0) throw new Stop(undefined)
  }

  /**
   * Calls a function, one of `names`.
   *
   * @throws whatever is the trouble of this host alone.
   */
  call(name: string, input: unknown, { host, fuel, position, time, session }: Calling): CallOutcome {
    const seat = this.#seats.take(this)
    const { guest, values } = seat
    const { argv, call, names } = this.#image
    this.#restore(guest)
    values.begin()
    guest.fuel.value = fuel
    guest.onCall = (argc, args) => this.#asked(seat, argc, args)
    this.#seat = seat
    this.#host = host
    try {
      guest.writeWord(argv, names.get(name) ?? values.undefined)
      guest.writeWord(argv + 4, values.to(position))
      guest.writeWord(argv + 8, values.to(time))
      guest.writeWord(argv + 12, values.to(session))
      guest.writeWord(
        argv + 16,
        this.#cross(() => values.to(input)),
      )
      const result = guest.calls.qjs_call(call, values.undefined, ARGUMENTS, argv)
      const value = this.#cross(() => values.from(result))
      const used = fuel - guest.fuel.value
      return guest.fuel.value < 0 ? { kind: 'limit', limit: 'fuel', fuel: used } : { kind: 'value', value, fuel: used }
    } catch (thrown) {
      return this.#ended(seat, thrown, fuel)
    } finally {
      this.#host = undefined
      this.#seat = undefined
      this.#isCrossing = false
    }
  }

  #ended(seat: Seat, thrown: unknown, fuel: number): CallOutcome {
    // To put what a guest threw into words runs code of its own.
    this.#isCrossing = true
    try {
      return outcomeOf(seat.guest, thrown, fuel)
    } catch (trouble) {
      this.#seats.discard(seat)
      throw trouble
    }
  }

  /**
   * Has a value cross. What asks on the way, a getter or a setter, ends the call: it could go down and down through the
   * stack of the host, which nobody counts.
   */
  #cross<T>(run: () => T): T {
    this.#isCrossing = true
    const crossed = run()
    this.#isCrossing = false
    return crossed
  }

  /** Puts its instance back to its image; gives how many pages were not as they are in it. */
  restore(): number {
    return this.#restore(this.#seats.take(this).guest)
  }

  /** Whether the memory of its instance is its image, bit for bit: for checks. */
  isRestored(): boolean {
    return hashOf(this.#seats.take(this).guest.extent()) === this.hash
  }

  #restore(guest: Guest): number {
    const restored = guest.calls['m:restore']()
    guest.stackPointer.value = this.#image.stack
    guest.pages.value = this.#image.pages
    guest.depth.value = 0
    return restored
  }

  #asked({ guest, values }: Seat, argc: number, argv: Pointer): Pointer {
    if (this.#isCrossing) throw new NoValue('an object whose getter or setter calls ctx')
    const [number, ...args] = this.#cross(() => {
      const all: unknown[] = []
      for (let i = 0; i < argc; i++) all.push(values.from(guest.word(argv + 4 * i)))
      return all
    })
    let answer: unknown
    try {
      answer = this.#host?.ask(typeof number === 'number' ? number : 0, args)
    } catch (thrown) {
      throw thrown instanceof Stop ? thrown : new Stop(thrown)
    }
    return this.#cross(() => values.owned(answer))
  }
}

/** The image of a source, made in this instance. @throws what ends a guest. */
function built(
  guest: Guest,
  source: string,
): { readonly image: Image; readonly values: Values; readonly extent: Extent } {
  const loading = begin(guest)
  const { values, call, argv } = loading
  const program = evaluated(loading, source)
  const given = values.from(invoked(loading, property(loading, loading.api, 'define'), [program]))
  const names = new Map((Array.isArray(given) ? given.map(String) : []).map((name) => [name, guest.text(name)]))
  guest.calls.qjs_run_gc()
  const fuel = LOAD_FUEL_MAX - guest.fuel.value
  const extent = guest.extent()
  guest.image.set(extent.bytes, extent.from)
  guest.unmark()
  const [stack, pages] = [guest.stackPointer.value, guest.pages.value]
  return { image: { hash: hashOf(extent), source, fuel, stack, pages, call, argv, names }, values, extent }
}

/** SHA-256 of what of a memory is not 0, with where that is. */
const hashOf = ({ from, bytes }: Extent): string => sha256(`${from} ${sha256(bytes)}`)

/** With what a function is called. */
export interface Calling {
  readonly host: Host
  readonly fuel: number
  readonly position: number
  /** Log time, in milliseconds. */
  readonly time: number
  readonly session: number
}

interface Loading {
  readonly guest: Guest
  readonly values: Values
  readonly api: Pointer
  readonly call: Pointer
  readonly argv: Pointer
}

/** The engine with the prelude, before any source. */
function begin(guest: Guest): Loading {
  const { calls } = guest
  if (calls.qjs_init2(INTRINSICS) !== 0) throw new SirtakiError('UNSUPPORTED', 'the engine of extensions did not start')
  calls.qjs_set_memory_limit(MEMORY_MAX)
  calls.qjs_set_max_stack_size(STACK_MAX)
  const name = guest.place('host')
  const host = calls.qjs_new_host_function(name.at, name.bytes, 0)
  const values = new Values(guest)
  const argv = calls.wasm_malloc(4 * ARGUMENTS)
  const partly = { guest, values, api: 0, call: 0, argv }
  const api = invoked(partly, evaluated(partly, PRELUDE), [host])
  return { ...partly, api, call: property(partly, api, 'call') }
}

/** The value of a script. @throws Thrown. */
function evaluated({ guest, values }: Loading, source: string): Pointer {
  const text = guest.place(source)
  return values.unlessThrown(guest.calls.qjs_eval(text.at, text.bytes, guest.place('source').at, STRICT))
}

/** @throws Thrown. */
function invoked({ guest, values, argv }: Loading, callee: Pointer, args: readonly Pointer[]): Pointer {
  for (const [i, arg] of args.entries()) guest.writeWord(argv + 4 * i, arg)
  return values.unlessThrown(guest.calls.qjs_call(callee, values.undefined, args.length, argv))
}

const property = ({ guest, values }: Loading, object: Pointer, name: string): Pointer =>
  values.unlessThrown(guest.calls.qjs_get_prop_string(object, guest.place(name).at))

/** What ended a call. @throws what is this host's own. */
function outcomeOf(guest: Guest, thrown: unknown, given: number): CallOutcome {
  const limit = (which: Limit, reason?: string): CallOutcome => {
    const fuel = given - guest.fuel.value
    return { kind: 'limit', limit: which, fuel, ...(reason === undefined ? {} : { reason }) }
  }
  const isTrap = thrown instanceof wasm.RuntimeError
  if (guest.fuel.value < 0 && (isTrap || thrown instanceof Stop || thrown instanceof Thrown)) return limit('fuel')
  if (isTrap && guest.depth.value > DEPTH_MAX) return limit('depth')
  if (isTrap) return { kind: 'trap', text: thrown.message, fuel: given - guest.fuel.value }
  if (thrown instanceof Stop) return { kind: 'stopped', by: thrown.by, fuel: given - guest.fuel.value }
  if (thrown instanceof NoValue) return limit('value', thrown.reason)
  if (thrown instanceof NoMemory) return limit('memory')
  if (!(thrown instanceof Thrown)) throw thrown
  return threw(guest, thrown, given, limit)
}

/** The text of what a guest threw. To make it runs the guest's own code, which may exceed a bound in its turn. */
function threw(guest: Guest, { exception }: Thrown, given: number, limit: (which: Limit) => CallOutcome): CallOutcome {
  try {
    const text = guest.textOf(exception) ?? 'something that is no text'
    if (guest.fuel.value < 0) return limit('fuel')
    if (OUT_OF_MEMORY.test(text)) return limit('memory')
    return { kind: 'threw', text: text.slice(0, TEXT_MAX).toWellFormed(), fuel: given - guest.fuel.value }
  } catch (thrown) {
    return outcomeOf(guest, thrown, given)
  }
}

/** Where a source threw, as the engine says. */
function placeOf(guest: Guest, { exception }: Thrown): string | undefined {
  try {
    const stack = guest.textOf(guest.calls.qjs_get_prop_string(exception, guest.place('stack').at))
    return /\bsource:(\d+:\d+)/.exec(stack ?? '')?.[1]
  } catch {
    // What it threw is an object of its own making: then nobody knows.
    return undefined
  }
}
