/** What a program needs: `sirtaki`. The runtime below it is `sirtaki/objects`, the log by itself `sirtaki/log`. */
export { connect, type Client, type ConnectOptions } from './objects/connect.ts'
export type { ObjectClient, ObjectClientOptions, ObjectSession } from './objects/client.ts'
export { Counter } from './objects/counter.ts'
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
export type { AnyObjectType, Op, OpContext, OpMaker, RawContext } from './objects/runtime/object-type.ts'
export type { Patch, ReadonlyTable, Table } from './objects/runtime/records.ts'
export type { Value } from './objects/runtime/values.ts'
export type { SyncOptions } from './objects/runtime/view.ts'
export { SirtakiError, isError, type Code, type Next } from './log/errors.ts'
