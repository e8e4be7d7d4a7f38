/**
 * A Map without the bound of a Map: for keys that do not lie close together, such as the numbers of streams.
 *
 * Read next: `chunk-table.ts` for those that do.
 */

/** Entries that one Map of V8 can hold. */
const MAP_MAX = 2 ** 24

/** As many Maps as are needed, one for up to 2^24 keys: those of every unit that is not very large. */
export class WideMap<K, V> {
  readonly #maps: Map<K, V>[] = [new Map()]
  readonly #most: number

  constructor(most: number = MAP_MAX) {
    this.#most = most
  }

  get size(): number {
    return this.#maps.reduce((sum, map) => sum + map.size, 0)
  }

  get(key: K): V | undefined {
    for (const map of this.#maps) {
      const value = map.get(key)
      if (value !== undefined) return value
    }
    return undefined
  }

  set(key: K, value: V): void {
    const map = this.#maps.find((one) => one.has(key)) ?? this.#maps.find((one) => one.size < this.#most)
    if (map !== undefined) map.set(key, value)
    else this.#maps.push(new Map([[key, value]]))
  }

  delete(key: K): void {
    for (const map of this.#maps) map.delete(key)
  }

  /** In the order of setting, as long as there is one Map; what is set or deleted meanwhile may be given or not. */
  *[Symbol.iterator](): Generator<[K, V]> {
    for (const map of this.#maps) yield* map
  }
}
