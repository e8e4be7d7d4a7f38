/**
 * The children of each record in a table whose keys are paths: derived from the records, kept with every change.
 *
 * The parent of a key is what stands before its last slash. Read next: `records.ts`, `../tree/type.ts`.
 */

/** What stands before the last slash of a path: '' for what stands below the root. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))

/** Keys by parent. */
export class Nested {
  readonly #children = new Map<string, Set<string>>()

  add(key: string): void {
    const parent = parentOf(key)
    const known = this.#children.get(parent)
    if (known === undefined) this.#children.set(parent, new Set([key]))
    else known.add(key)
  }

  remove(key: string): void {
    const parent = parentOf(key)
    const keys = this.#children.get(parent)
    if (keys?.delete(key) === true && keys.size === 0) this.#children.delete(parent)
  }

  count(parent: string): number {
    return this.#children.get(parent)?.size ?? 0
  }

  /** Keys of the children, in the order of their code units. */
  of(parent: string): string[] {
    return [...(this.#children.get(parent) ?? [])].sort()
  }
}
