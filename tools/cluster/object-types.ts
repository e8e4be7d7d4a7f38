/**
 * The types of objects that the command line knows, with an example of the input of each op.
 *
 * Read next: `../commands/call.ts`.
 */
import { Counter } from '../../objects/counter/type.ts'
import { SHARED_MAX } from '../../objects/lock/shapes.ts'
import { Lock } from '../../objects/lock/type.ts'
import { Queue } from '../../objects/queue/type.ts'
import type { Value } from '../../objects/runtime/values.ts'
import { TreeType } from '../../objects/tree/type.ts'

const receipts = { items: [{ id: '00000:0000000000000042:0000', token: 43 }], strict: true }

/** The types by their names here. */
export const objectTypes = { counter: Counter, lock: Lock, queue: Queue, tree: TreeType } as const
/** The name of a type here. */
export type TypeName = keyof typeof objectTypes
/** The names. */
export const typeNames: readonly TypeName[] = ['counter', 'lock', 'queue', 'tree']

type Examples<T extends TypeName> = { readonly [O in keyof (typeof objectTypes)[T]['ops']]: Value }

/** An input that each op accepts. */
export const inputExamples: { readonly [T in TypeName]: Examples<T> } = {
  counter: {
    add: { by: 1 },
    set: { value: 7 },
    compareAndSet: { expect: 7, value: 8 },
    requireAtLeast: { value: 1 },
  },
  lock: {
    acquire: { weight: 0, capacity: null, wait: false, once: false, delayMs: 0, data: null },
    release: { hold: 42 },
    downgrade: { hold: 42 },
    proclaim: { hold: 42, data: 'text' },
    requestRevoke: { hold: 42, reason: 'text' },
    setCapacity: { capacity: SHARED_MAX },
    held: { hold: 42, token: 43 },
  },
  queue: {
    put: { items: [{ value: 'text', id: null, priority: 0, delayMs: 0, maxAttempts: 0 }] },
    take: { n: 1, visibilityMs: 0, remove: true, wait: false },
    ack: receipts,
    nack: { ...receipts, delayMs: 0, reason: null },
    extend: { ...receipts, visibilityMs: 60_000 },
    bury: { ...receipts, reason: 'text' },
    remove: { id: 'order-17' },
    requeue: { id: 'order-17' },
  },
  tree: {
    create: { path: '/flags', data: null },
    delete: { path: '/flags', version: -1 },
    set: { path: '/flags', data: null, version: -1 },
    setAcl: { path: '/flags', acl: [[31, 'world', 'anyone']], version: -1 },
    check: { path: '/flags', version: 0 },
    deleteAll: { paths: ['/flags'], subtree: true },
    import: { nodes: [{ path: '/flags', data: null }] },
  },
}
