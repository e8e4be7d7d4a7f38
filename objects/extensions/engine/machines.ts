/**
 * The programs of a process: few instances of the engine, in which many images take turns.
 *
 *     program ─ take ─▶ its instance, or the one that was used longest ago ◀─ its image, by one copy
 *
 * An instance holds 8 MiB of addresses, an image about 0.3 MiB; the source of an image is at hand for good, so it may
 * be dropped, and is built anew in a fresh instance then. Nobody can see from a call in which instance it ran.
 *
 * Keeps: E3. Read next: `machine.ts`.
 */
import { invariant } from '../../../log/errors.ts'
import type { Engine } from './compile.ts'
import type { Extent } from './guest.ts'
import { Machine, type BadSource, type Seat, type Seats } from './machine.ts'
import type { WasmModule } from './wasm.ts'

/** Instances that live, and images that are kept. */
export const SEATS_MAX = 16
export const IMAGES_MAX = 256

/** How many of each are kept. */
export interface MachinesBounds {
  readonly seatsMax?: number | undefined
  readonly imagesMax?: number | undefined
}

/** All programs of one engine. */
export class Machines implements Seats {
  readonly #module: WasmModule
  readonly #seatsMax: number
  readonly #imagesMax: number
  /** Both in the order of use, the longest ago first; of seats by whose image is in them. */
  readonly #seats = new Map<Machine, Seat>()
  readonly #images = new Map<Machine, Extent>()
  /** Programs whose images are kept, by their sources: spaces share them. */
  readonly #bySource = new Map<string, Machine>()
  #last: Seat | undefined

  constructor({ module }: Engine, { seatsMax = SEATS_MAX, imagesMax = IMAGES_MAX }: MachinesBounds = {}) {
    this.#module = module
    this.#seatsMax = seatsMax
    this.#imagesMax = imagesMax
  }

  /** The program of a source; built in a fresh instance unless its image is at hand. */
  load(source: string): Machine | BadSource {
    const known = this.#bySource.get(source)
    if (known !== undefined) return known
    const made = Machine.load(this.#module, source, this)
    if ('kind' in made) return made
    this.#keepSeat(made.machine, made.seat)
    this.#keepImage(made.machine, made.seat.extent)
    return made.machine
  }

  take(machine: Machine): Seat {
    if (this.#last?.holder === machine) return this.#last
    const own = this.#seats.get(machine)
    if (own !== undefined) {
      this.#seats.delete(machine)
      this.#seats.set(machine, own)
      return (this.#last = own)
    }
    const image = this.#images.get(machine)
    return (this.#last = image === undefined ? this.#rebuilt(machine) : this.#moveIn(machine, image))
  }

  discard(seat: Seat): void {
    if (seat.holder !== undefined) this.#seats.delete(seat.holder)
    seat.holder = this.#last = undefined
  }

  /** Puts the image into the instance that was used longest ago. */
  #moveIn(machine: Machine, image: Extent): Seat {
    this.#keepImage(machine, image)
    const [oldest] = this.#seats
    if (oldest === undefined) return this.#rebuilt(machine)
    const [before, seat] = oldest
    this.#seats.delete(before)
    // Until the copy is done it is nobody's.
    seat.holder = this.#last = undefined
    seat.guest.take(image, seat.extent)
    seat.extent = image
    seat.holder = machine
    this.#seats.set(machine, seat)
    return seat
  }

  #rebuilt(machine: Machine): Seat {
    const made = Machine.load(this.#module, machine.source, this)
    invariant(!('kind' in made) && made.machine.hash === machine.hash, 'E3', { hash: machine.hash })
    made.seat.holder = machine
    this.#keepSeat(machine, made.seat)
    this.#keepImage(machine, made.seat.extent)
    return made.seat
  }

  #keepSeat(machine: Machine, seat: Seat): void {
    this.#seats.set(machine, seat)
    const [oldest] = this.#seats
    if (this.#seats.size <= this.#seatsMax || oldest === undefined) return
    const [before, dropped] = oldest
    dropped.holder = undefined
    this.#seats.delete(before)
  }

  #keepImage(machine: Machine, image: Extent): void {
    this.#images.delete(machine)
    this.#images.set(machine, image)
    this.#bySource.set(machine.source, machine)
    const [oldest] = this.#images.keys()
    if (this.#images.size <= this.#imagesMax || oldest === undefined) return
    this.#images.delete(oldest)
    this.#bySource.delete(oldest.source)
  }
}
