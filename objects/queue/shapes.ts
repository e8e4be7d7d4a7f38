/**
 * What the ops of a queue take, and its records: shapes, and the guards that check them.
 *
 * Owns no rule. Read next: `type.ts`.
 */
import { any, count, fields, flag, integerIn, list, nullable, text, weighing } from '../runtime/fields.ts'
import { LARGE_WEIGHT_MAX } from '../runtime/records.ts'
import type { Value } from '../runtime/values.ts'

/** Items of one put, take, ack, nack or extend. */
export const ITEMS_MAX = 1_024
/** What the value of an item weighs at most: its record must have room for a reason and for who has it. */
export const ITEM_WEIGHT_MAX = LARGE_WEIGHT_MAX - 8 * 1024
/** Times in milliseconds of delays and visibilities. */
export const TIME_MS_MAX = 2 ** 40
/** For how long the id of a finished item is known: putting it again does nothing. */
export const ID_KNOWN_MS = 24 * 3_600_000

/** How many places the entry at `putAt`, the last that has put something, has given out. */
export interface QueueState {
  readonly putAt: number
  readonly places: number
}
/** An item to be put. `id` null: its name is its id. `maxAttempts` 0: no limit. Lower priority numbers go first. */
export interface NewItem {
  readonly value: Value
  readonly id: string | null
  readonly priority: number
  readonly delayMs: number
  readonly maxAttempts: number
}
/** An item in the queue; `reason`: why it was given back or is dead. */
export interface Item {
  readonly value: Value
  readonly id: string | null
  readonly attempts: number
  readonly maxAttempts: number
  readonly reason: string | null
}
/** An item that a session works on; `op` is the position of the take that it was given to. */
export interface Taken extends Item {
  readonly session: number
  readonly token: number
  readonly op: number
}
/** A take: up to `n` items. `visibilityMs` 0: until the session ends. `remove`: taken and acknowledged in one. */
export interface Take {
  readonly n: number
  readonly visibilityMs: number
  readonly remove: boolean
}
/** A take that waits. */
export interface Taker extends Take {
  readonly session: number
}
/** What a taker gets. */
export interface Given {
  readonly id: string
  readonly value: Value
  readonly token: number
  readonly attempt: number
}
/** What was taken, as ack, nack and extend name it. */
export interface Receipt {
  readonly id: string
  readonly token: number
}
/** What became of one receipt: `by` is the token of who has the item now. */
export type Receipted = 'ok' | { readonly code: 'NOT_HELD'; readonly by: number | null }

const timeMs = integerIn(0, TIME_MS_MAX)
const isName = (id: string): boolean => /^\d{5}:\d{16}:\d{5}$/.test(id)
const newItem = fields<NewItem>({
  value: weighing(ITEM_WEIGHT_MAX),
  id: nullable((id) => text(1_024)(id) && id !== '' && !isName(String(id))),
  priority: integerIn(0, 65_535),
  delayMs: timeMs,
  maxAttempts: integerIn(0, 2 ** 30),
})
const receipt = fields<Receipt>({ id: text(), token: count })
const item = { value: any, id: nullable(text()), attempts: count, maxAttempts: count, reason: nullable(text()) }
const take = { n: integerIn(1, ITEMS_MAX), visibilityMs: timeMs, remove: flag }
const receipts = { items: list(receipt, ITEMS_MAX), strict: flag }
const reason = nullable(text(4_096))

/** What names several taken items. `strict`: one that is not held refuses all of it, as transactions want it. */
export type Receipts<More = unknown> = { items: readonly Receipt[]; strict: boolean } & More
export const isPut = fields<{ items: readonly NewItem[] }>({ items: list(newItem, ITEMS_MAX) })
export const isTake = fields<Take & { wait: boolean }>({ ...take, wait: flag })
export const isAck = fields<Receipts>(receipts)
export const isNack = fields<Receipts<{ delayMs: number; reason: string | null }>>({
  ...receipts,
  delayMs: timeMs,
  reason,
})
export const isExtend = fields<Receipts<{ visibilityMs: number }>>({ ...receipts, visibilityMs: timeMs })
export const isBury = fields<Receipts<{ reason: string | null }>>({ ...receipts, reason })
export const isId = fields<{ id: string }>({ id: text() })

export const isQueueState = fields<QueueState>({ putAt: any, places: count })
/** The tables: where an item is, who waits, and the ids that users have chosen (`name` null: the item is done). */
export interface QueueTables {
  ready: Item
  delayed: Item
  taken: Taken
  dead: Item
  takers: Taker
  ids: { readonly name: string | null }
}
const isItem = fields<Item>(item)
export const queueTables = {
  ready: isItem,
  delayed: isItem,
  taken: fields<Taken>({ ...item, session: count, token: count, op: count }),
  dead: isItem,
  takers: fields<Taker>({ ...take, session: count }),
  ids: fields<{ name: string | null }>({ name: nullable(text()) }),
}
