/** Objects and their runtime, for tools that play a space by themselves: `sirtaki/objects`. */
export { Counter } from './objects/counter.ts'
export { ObjectClient, ObjectSession, ROOT_STREAM, type ObjectClientOptions } from './objects/client.ts'
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
export { OpDecoder, readInput, type SpaceEntry, type Target } from './objects/runtime/op-entry.ts'
export type { Patch, ReadonlyTable, Table } from './objects/runtime/records.ts'
export type { SessionMark } from './objects/runtime/session-marks.ts'
export { spaceLogOf, type SpaceLog, type SpacePlayer } from './objects/runtime/space-log.ts'
export { Space, type Applied, type Outcome } from './objects/runtime/space.ts'
export type { Value } from './objects/runtime/values.ts'
export { View, type SyncOptions } from './objects/runtime/view.ts'
export { Client, connect, type ConnectOptions } from './objects/connect.ts'
