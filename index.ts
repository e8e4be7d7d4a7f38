/** What a program needs: `sirtaki`. The runtime below it is `sirtaki/objects`, the log by itself `sirtaki/log`. */
export { connect, type Client, type ConnectOptions } from './objects/connect.ts'
export type { ObjectClient, ObjectClientOptions, ObjectSession } from './objects/client.ts'
export { Counter } from './objects/counter/type.ts'
export {
  defineObject,
  type Calls,
  type Handle,
  type HandleBase,
  type ObjectDefinition,
  type ObjectType,
  type Ops,
  type ReservedOp,
} from './objects/define-object.ts'
export type { Digest } from './objects/runtime/digest.ts'
export type {
  AnyObjectType,
  Cancelled,
  Context,
  Ended,
  Hooks,
  Op,
  OpContext,
  OpMaker,
  Waiting,
} from './objects/runtime/object-type.ts'
export { orderKey } from './objects/runtime/object-type.ts'
export type { Settlement } from './objects/runtime/journal.ts'
export type { ReadonlyTable, Table } from './objects/runtime/records.ts'
export type { Patch } from './objects/runtime/row.ts'
export type { Input, Value } from './objects/runtime/values.ts'
export type { SyncOptions } from './objects/runtime/view.ts'
export { SirtakiError, isError, type Code, type Next } from './log/errors.ts'
