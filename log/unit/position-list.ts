/**
 * Ascending positions in blocks of four bytes each: the lists of streams, and what is damaged.
 *
 * Read next: `unit-state.ts`.
 */

/** Positions of one list that lie close together: `base` plus each of the first `count` items, ascending. */
interface Block {
  readonly base: number
  items: Uint32Array
  count: number
}

const BLOCK_MAX = 4_096
const BLOCK_MIN = 4

/** Index of the first item at or above `delta`. */
function placeIn({ items, count }: Block, delta: number): number {
  if (count > 0 && (items[count - 1] ?? 0) < delta) return count
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((items[middle] ?? 0) < delta) low = middle + 1
    else high = middle
  }
  return low
}

/** Positions in ascending order, each once, in blocks of four bytes a position: a full unit has millions of them. */
export class PositionList {
  readonly #blocks: Block[] = []
  #length = 0
  /** The block asked for last: positions come in order. */
  #last = 0

  get length(): number {
    return this.#length
  }

  /** The lowest position at or above `position`, -1 when there is none. */
  next(position: number): number {
    const index = this.#indexOf(position)
    const block = this.#blocks[index]
    if (block === undefined) return -1
    const at = placeIn(block, position - block.base)
    if (at < block.count) return block.base + (block.items[at] ?? 0)
    const following = this.#blocks[index + 1]
    return following === undefined ? -1 : following.base + (following.items[0] ?? 0)
  }

  add(position: number): void {
    if (!this.#append(position)) this.#insert(position)
  }

  /** Positions come in order, nearly always: adds one behind the last of all, where its block has room. */
  #append(position: number): boolean {
    const block = this.#blocks[this.#blocks.length - 1]
    if (block === undefined || block.count === BLOCK_MAX) return false
    const delta = position - block.base
    const { count } = block
    if (count === 0 || delta <= (block.items[count - 1] ?? 0) || delta > 0xffff_ffff) return false
    if (count === block.items.length) grow(block)
    block.items[count] = delta
    block.count = count + 1
    this.#length++
    return true
  }

  #insert(position: number): void {
    const index = this.#indexOf(position)
    const block = this.#blocks[index]
    if (block === undefined || position < block.base || position - block.base > 0xffff_ffff) {
      this.#open(block === undefined || position < block.base ? index : index + 1, position)
      return
    }
    const delta = position - block.base
    const at = placeIn(block, delta)
    if (at < block.count && block.items[at] === delta) return
    if (block.count === BLOCK_MAX) {
      if (at === block.count) {
        this.#open(index + 1, position)
        return
      }
      this.#split(index)
      this.#insert(position)
      return
    }
    if (block.count === block.items.length) grow(block)
    block.items.copyWithin(at + 1, at, block.count)
    block.items[at] = delta
    block.count++
    this.#length++
  }

  remove(position: number): void {
    const index = this.#indexOf(position)
    const block = this.#blocks[index]
    if (block === undefined) return
    const at = placeIn(block, position - block.base)
    if (at >= block.count || block.items[at] !== position - block.base) return
    block.items.copyWithin(at, at + 1, block.count)
    block.count--
    this.#length--
    if (block.count === 0) this.#blocks.splice(index, 1)
  }

  removeBelow(position: number): void {
    let gone = 0
    for (const block of this.#blocks) {
      const below = placeIn(block, position - block.base)
      this.#length -= below
      if (below < block.count) {
        block.items.copyWithin(0, below, block.count)
        block.count -= below
        break
      }
      gone++
    }
    this.#blocks.splice(0, gone)
  }

  /** Index of the last block that begins at or below `position`, 0 when there is none. */
  #indexOf(position: number): number {
    const blocks = this.#blocks
    if ((blocks[this.#last]?.base ?? Infinity) <= position && (blocks[this.#last + 1]?.base ?? Infinity) > position) {
      return this.#last
    }
    let low = 0
    let high = blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((blocks[middle]?.base ?? Infinity) <= position) low = middle + 1
      else high = middle
    }
    this.#last = Math.max(0, low - 1)
    return this.#last
  }

  #open(index: number, position: number): void {
    this.#blocks.splice(index, 0, { base: position, items: new Uint32Array(BLOCK_MIN), count: 1 })
    this.#length++
  }

  /** Makes two half-full blocks of a full one. */
  #split(index: number): void {
    const block = this.#blocks[index]
    if (block === undefined) return
    const half = block.count >>> 1
    const shift = block.items[half] ?? 0
    this.#blocks.splice(index + 1, 0, {
      base: block.base + shift,
      items: block.items.slice(half).map((delta) => delta - shift),
      count: block.count - half,
    })
    block.count = half
  }
}

function grow(block: Block): void {
  const grown = new Uint32Array(Math.min(BLOCK_MAX, block.items.length * 2))
  grown.set(block.items)
  block.items = grown
}

/** A set of positions without the bound of a Set, which holds 2^24: a disk may lose more than that. */
export class PositionSet {
  readonly #list = new PositionList()

  get size(): number {
    return this.#list.length
  }

  has(position: number): boolean {
    return this.#list.next(position) === position
  }
  /** The lowest position at or above `position`, -1 when there is none. */
  next(position: number): number {
    return this.#list.next(position)
  }
  add(position: number): void {
    this.#list.add(position)
  }
  delete(position: number): void {
    this.#list.remove(position)
  }
  deleteBelow(position: number): void {
    this.#list.removeBelow(position)
  }

  *[Symbol.iterator](): Generator<number> {
    for (let at = this.#list.next(0); at >= 0; at = this.#list.next(at + 1)) yield at
  }
}
