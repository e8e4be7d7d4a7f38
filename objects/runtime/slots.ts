/**
 * The objects of a space by path: what there is, what nobody here knows, and what goes with the entry at hand.
 *
 * A path that no op has made an object of leaves nothing behind, nor does an object that is over. Keeps: O3. Read next:
 * `space.ts`, `bound-type.ts`.
 */
import { SirtakiError } from '../../log/errors.ts'
import type { AnyObject } from './object-type.ts'
import { Rejection } from './rejection.ts'

/** One path: its object, or that its ops were skipped, so that nobody here knows what it is. */
export interface Slot {
  readonly path: string
  object: AnyObject | undefined
  isOpaque: boolean
}

/** The paths of a space. */
export class Slots {
  readonly #max: number
  readonly #slots = new Map<string, Slot>()
  #opaque = 0
  /** Of the entry at hand. */
  readonly #touched: Slot[] = []

  constructor(max: number) {
    this.#max = max
  }

  /** Whether some object is unknown here. */
  get isOpaque(): boolean {
    return this.#opaque > 0
  }
  get(path: string): Slot | undefined {
    return this.#slots.get(path)
  }
  /** All objects that exist, in the order of their paths. */
  objects(): AnyObject[] {
    const objects: AnyObject[] = []
    for (const { object } of this.#slots.values()) if (object?.exists === true) objects.push(object)
    return objects.sort((a, b) => (a.path < b.path ? -1 : 1))
  }

  /** Paths of which nothing is known here, in order: there may be objects. */
  hidden(): string[] {
    const hidden = [...this.#slots.values()].filter(({ isOpaque }) => isOpaque)
    return hidden.map(({ path }) => path).sort()
  }

  /**
   * The slot of a path that the entry at hand touches.
   *
   * @throws Rejection `TOO_MANY`; SirtakiError `CODE_MISSING` where that cannot be judged here.
   */
  touch(path: string): Slot {
    const known = this.#slots.get(path)
    if (known !== undefined) {
      this.#touched.push(known)
      return known
    }
    if (this.#slots.size >= this.#max) {
      if (!this.isOpaque) throw new Rejection('TOO_MANY', { objects: this.#slots.size })
      throw new SirtakiError(
        'CODE_MISSING',
        'the space is full, and without the code of all types nobody knows of what',
      )
    }
    const slot: Slot = { path, object: undefined, isOpaque: false }
    this.#slots.set(path, slot)
    this.#touched.push(slot)
    return slot
  }

  /** Marks a path as one of which nothing is known here from now on. */
  hide(path: string): void {
    const slot = this.touch(path)
    if (slot.isOpaque) return
    slot.isOpaque = true
    this.#opaque++
    slot.object?.forget()
    slot.object = undefined
  }

  /** Notes that the entry at hand has changed an object. */
  note(slot: Slot): void {
    this.#touched.push(slot)
  }

  /** The end of a load: whether objects are over is for the entries that touch them to say. */
  loaded(): void {
    this.#touched.length = 0
  }

  /** The end of an entry: `end` drops the value of each object that is over; what does not exist is forgotten. */
  close(time: number, end: (object: AnyObject) => void): void {
    if (this.#touched.length === 0) return
    for (const slot of this.#touched) this.#settle(slot, time, end)
    this.#touched.length = 0
  }

  #settle(slot: Slot, time: number, end: (object: AnyObject) => void): void {
    const { path, object } = slot
    if (slot.isOpaque) return
    if (object?.exists === true) {
      if (!object.isOver(time) || !object.isEmpty) return
      end(object)
    }
    object?.forget()
    slot.object = undefined
    this.#slots.delete(path)
  }
}
