/**
 * Who set each part of an object: the entry, the session and the time of every record's last change.
 *
 * Records know the position that changed them last; what stands there says who it was. By field it takes the object's
 * own history: the last entry after which a field of a record had another value. Read next: `history.ts`.
 */
import type { Step } from './history.ts'

/** Who set a record, or a field of one. */
export interface Blame {
  readonly table: string
  readonly key: string
  /** A field of the record; '' for all of it. */
  readonly field: string
  readonly value: unknown
  readonly position: number
  readonly wall: number
  readonly session: number | undefined
  readonly name: string | undefined
  readonly op: string | undefined
}

type Who = Pick<Blame, 'position' | 'wall' | 'session' | 'name' | 'op'>

/** Folds steps into who set what of one object. */
export class Blames {
  readonly #path: string
  readonly #records = new Map<string, { table: string; key: string; fields: Map<string, Blame> }>()

  constructor(path: string) {
    this.#path = path
  }

  add({ entry: { position }, played, wall, session, ops }: Step): void {
    for (const { store, key, before, after } of played.patches) {
      if (store.object !== this.#path || store.name.startsWith('$')) continue
      const table = store.isCell ? '' : store.name
      const name = JSON.stringify([table, key])
      if (after === undefined) {
        this.#records.delete(name)
        continue
      }
      const op = ops.find(({ path }) => path === this.#path)?.op
      const who: Who = { position, wall, session: session?.session, name: session?.name, op }
      const record = this.#records.get(name) ?? { table, key, fields: new Map<string, Blame>() }
      this.#records.set(name, record)
      record.fields = new Map(
        fieldsOf(after.value).map(([field, value]) => {
          const known = record.fields.get(field)
          const was = new Map(fieldsOf(before?.value)).get(field)
          const isSame = known !== undefined && JSON.stringify(was) === JSON.stringify(value)
          return [field, isSame ? known : { table, key, field, value, ...who }]
        }),
      )
    }
  }

  /** In the order of tables, keys and fields. */
  all(): Blame[] {
    return [...this.#records].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, { fields }]) => [...fields.values()])
  }
}

/** The parts of a value: its fields, or itself. */
function fieldsOf(value: unknown): [field: string, value: unknown][] {
  const isParted = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
  return isParted ? Object.entries(value) : value === undefined ? [] : [['', value]]
}
