/**
 * The places of one unit under a layout: which positions are its own.
 *
 *     segments   [0 ───── 40) chain 0 of 1   [40 ───── open) chain 1 of 2
 *     its own     0 1 2 ... 39                41 43 45 ...
 *
 * A value: a new layout makes new places. Several when segments wait to be merged; nearly every position is in the last
 * one, so that is asked first and by plain fields. Read next: `../layout.ts` (`placesOf`), `unit-state.ts`.
 */
import { SirtakiError } from '../errors.ts'
import type { Place } from '../layout.ts'
import { firstOfClass } from '../ranges.ts'

/** Where one unit stands. */
export class Places {
  /** Ascending. */
  readonly list: readonly Place[]
  readonly #from: number
  readonly #to: number
  readonly #step: number
  readonly #class: number

  /**
   * `end`: where the last place ends. A blank unit has none and takes every position for its own: there it is Infinity.
   */
  constructor(list: readonly Place[], end = list.at(-1)?.to ?? 0) {
    const last = list.at(-1)
    this.list = list
    this.#from = last?.from ?? 0
    this.#to = end
    this.#step = last?.step ?? 1
    this.#class = last?.index ?? 0
  }

  /** Whether a position is its own. */
  owns(position: number): boolean {
    return position >= this.#from && position < this.#to
      ? position % this.#step === this.#class
      : this.at(position) !== undefined
  }

  /** @throws SirtakiError `WRONG_CHAIN` for a position of another chain. */
  requireOwn(position: number): void {
    if (this.owns(position)) return
    throw new SirtakiError('WRONG_CHAIN', `position ${position} is not this unit's: it holds ${this.#text()}`, {
      facts: { position },
    })
  }

  /** The place of a position of its own. */
  at(position: number): Place | undefined {
    return this.list.find(({ from, to, index, step }) => position >= from && position < to && position % step === index)
  }

  /** The place where a range of positions of one of `step` chains begins. */
  in(position: number, count: number): Place | undefined {
    return this.list.find(({ from, to, step }) => position >= from && position < to && step === count)
  }

  /** Whether the positions from here on up to the open end are those of one place. */
  isOpenFrom(position: number): boolean {
    return position >= this.#from && this.#to === Infinity
  }

  /** How many chains the last place is one of. */
  get openStep(): number {
    return this.#step
  }

  /** Where the last place ends; 0 where there is none. */
  get end(): number {
    return this.#to
  }

  /** The first own position at or above `position`; Infinity when the open segment does not name this unit. */
  first(position: number): number {
    if (this.isOpenFrom(position)) return firstOfClass(position, this.#class, this.#step)
    for (const { from, to, index, step } of this.list) {
      const first = firstOfClass(Math.max(from, position), index, step)
      if (first < to) return first
    }
    return Infinity
  }

  /** The own position after an own one. */
  after(position: number): number {
    return this.isOpenFrom(position) ? position + this.#step : this.first(position + 1)
  }

  /**
   * From where on everything of its class up to the open end is here; undefined when the open segment does not name it.
   */
  get open(): { readonly from: number; readonly index: number; readonly step: number } | undefined {
    const last = this.list.at(-1)
    if (last?.to !== Infinity) return undefined
    const { index, step } = last
    let { from } = last
    for (const place of this.list.toReversed()) {
      if (place.to === from && place.step === step && place.index === index) from = place.from
    }
    return { from, index, step }
  }

  /**
   * Where everything of class `index` of `step` from `from` on ends: a stream read from there is complete no further.
   * Undefined where this unit is no member.
   */
  coveredTo(from: number, step: number, index: number): number | undefined {
    let to: number | undefined
    for (const place of this.list) {
      const follows = to === undefined ? from >= place.from && from < place.to : place.from === to
      if (follows && place.step === step && place.index === index) ({ to } = place)
    }
    return to
  }

  #text(): string {
    const textOf = ({ from, to, index, step }: Place): string =>
      `chain ${index} of ${step} in [${from}, ${to === Infinity ? 'open' : to})`
    return this.list.length === 0 ? 'none' : this.list.map(textOf).join(' and ')
  }
}
