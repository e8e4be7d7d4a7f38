/**
 * The deterministic world: one queue of events in virtual time, processes that crash, pause and come back.
 *
 * Nothing here knows the log. A process is a name with a generation: what an earlier generation had scheduled never
 * runs. After every event all microtasks run (`drain` is given from outside: the harness itself uses no timers).
 *
 * Steps take no time, unless `stepMs` says how long each takes: then all processes share one CPU, and what is due while
 * another one computes waits, first due, first run. So drivers that disturb one another show, and bounds that a busy
 * machine breaks.
 * Read next: `network.ts`, `disk.ts`, `sim-cluster.ts`.
 */
import type { Clock, Timer } from '../../log/ports.ts'

/** `due`: when it was to happen; `at`: when it does, later where its process was paused. */
interface SimEvent {
  at: number
  readonly due: number
  readonly order: number
  readonly process: SimProcess | undefined
  readonly generation: number
  readonly run: () => void
  cancelled: boolean
}

/** The shortest time that a timer takes. */
const LEAST_MS = 1e-6

/** One process of the world. */
export class SimProcess {
  readonly name: string
  generation = 1
  alive = true
  pausedUntil = 0
  /** How far its monotonic clock is ahead of the world's: after a suspended machine, or one that jumps. */
  aheadMs = 0
  /** How fast its clocks run: 1.1 is ten percent fast. */
  rate = 1
  /** For how long it was suspended with its machine: its monotonic clock stood still, its uptime went on. */
  suspendedMs = 0
  /** When on its own clock, and for how long. */
  readonly #suspensions: { readonly at: number; readonly ms: number }[] = []
  /** Set after the first I/O error of its disk: no acknowledgement may leave any more. */
  diskFailed = false
  constructor(name: string) {
    this.name = name
  }

  /** Its machine sleeps at `now` of the world, for `ms` of its own pace. */
  suspend(now: number, ms: number): void {
    this.#suspensions.push({ at: now * this.rate + this.aheadMs - this.suspendedMs, ms })
    this.suspendedMs += ms
  }

  /** The world's time of an instant on its monotonic clock. */
  worldTimeOf(instant: number): number {
    const slept = this.#suspensions.reduce((sum, { at, ms }) => sum + (at < instant ? ms : 0), 0)
    return (instant - this.aheadMs + slept) / this.rate
  }
}

/** The world. */
export class Simulator {
  now = 0
  events = 0
  /** A rolling hash of everything that happened: equal for equal seeds. */
  trace = 17
  readonly #drain: () => Promise<void>
  readonly #heap: SimEvent[] = []
  #order = 0
  readonly processes = new Map<string, SimProcess>()
  log: ((text: string) => void) | undefined
  /** How long the next step of a process takes, in milliseconds. */
  stepMs: (() => number) | undefined
  #computesUntil = 0

  constructor(drain: () => Promise<void>) {
    this.#drain = drain
  }

  process(name: string): SimProcess {
    const known = this.processes.get(name)
    if (known !== undefined) return known
    const process = new SimProcess(name)
    this.processes.set(name, process)
    return process
  }

  /** Mixes a number into the trace. */
  note(value: number): void {
    this.trace = Math.imul(this.trace ^ (value | 0), 0x0100_0193) >>> 0
  }

  schedule(ms: number, process: SimProcess | undefined, run: () => void): Timer {
    return this.scheduleAt(this.now + Math.max(0, ms), process, run)
  }

  /** The same at an absolute time: sums of differences round, and order must not depend on that. */
  scheduleAt(at: number, process: SimProcess | undefined, run: () => void): Timer {
    const event: SimEvent = {
      at,
      due: at,
      order: this.#order++,
      process,
      generation: process?.generation ?? 0,
      run,
      cancelled: false,
    }
    this.#push(event)
    return {
      cancel() {
        event.cancelled = true
      },
    }
  }

  clockOf(process: SimProcess): Clock {
    return {
      now: () => this.now * process.rate + process.aheadMs - process.suspendedMs,
      uptime: () => this.now * process.rate + process.aheadMs,
      wall: () => 1_700_000_000_000 + this.now,
      turn: (run) => {
        this.schedule(0, process, run)
      },
      // What is left of a time on a clock of its own pace may be too little to be any: it must pass all the same.
      timer: (ms, run) => this.schedule(ms > 0 ? Math.max(LEAST_MS, ms / process.rate) : 0, process, run),
    }
  }

  /** Runs until `done` or until the virtual time `until`, whatever comes first. Tells whether `done` came. */
  async run(until: number, done: () => boolean = () => false): Promise<boolean> {
    while (!done()) {
      const event = this.#heap[0]
      if (event === undefined || event.at > until) {
        this.now = Math.max(this.now, until)
        return done()
      }
      this.#pop()
      if (event.cancelled) continue
      const { process } = event
      if (process !== undefined) {
        if (!process.alive || process.generation !== event.generation) continue
        // What a pause holds up keeps its order, also over several pauses: else a connection would deliver out of
        // order.
        if (process.pausedUntil > event.at) {
          event.at = process.pausedUntil
          this.#push(event)
          continue
        }
        if (this.#computesUntil > event.at) {
          event.at = this.#computesUntil
          this.#push(event)
          continue
        }
      }
      this.now = event.at
      this.events++
      this.note(event.at * 1000)
      event.run()
      await this.#drain()
      if (process !== undefined && this.stepMs !== undefined) this.#computesUntil = this.now + this.stepMs()
    }
    return true
  }

  #push(event: SimEvent): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || before(above, event)) break
      heap[at] = above
      heap[parent] = event
      at = parent
    }
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const left = heap[child]
      if (left === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && before(right, left)) child++
      const least = heap[child]
      if (least === undefined || before(last, least)) break
      heap[at] = least
      at = child
    }
    heap[at] = last
  }
}

const before = (a: SimEvent, b: SimEvent): boolean =>
  a.at < b.at || (a.at === b.at && (a.due < b.due || (a.due === b.due && a.order < b.order)))
