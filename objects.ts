/** Objects and their runtime, for tools that play a space by themselves: `sirtaki/objects`. */
export { Counter } from './objects/counter/type.ts'
export type { Held, LockOptions, SemaphoreOptions } from './objects/lock/lock.ts'
export type { HeldAll, Leader, Term } from './objects/lock/election.ts'
export { Lock } from './objects/lock/type.ts'
export type { Job, NackOptions } from './objects/queue/job.ts'
export type { PutOptions, TakeOptions, WorkOptions, WorkQueue } from './objects/queue/queue.ts'
export { Queue } from './objects/queue/type.ts'
export { part, type Later, type PlainPart, type Transaction } from './objects/transaction.ts'
export type { SessionState, Ticket } from './objects/runtime/session-life.ts'
export type { Change, ChangeItem } from './objects/runtime/watch-hub.ts'
export type { RowItem, WatchItem, WatchOptions } from './objects/runtime/watcher.ts'
export * as guards from './objects/runtime/fields.ts'
export { ObjectClient, ROOT_STREAM, type ObjectClientOptions, type ObjectMark } from './objects/client.ts'
export { ObjectSession, type ObjectSessionOptions, type OnLost } from './objects/object-session.ts'
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
export {
  anyValue,
  defineExtension,
  type Changed,
  type Extension,
  type ExtensionContext,
  type ExtensionDefinition,
} from './objects/extensions/define-extension.ts'
export type { AgreeOptions, RegisteredExtension } from './objects/extensions/open-extension.ts'
export { engineFrom, type EngineSource } from './objects/extensions/engine-source.ts'
export { Extensions, extensionsIn } from './objects/extensions/registry.ts'
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
export { OpDecoder, type SpaceEntry, type What } from './objects/runtime/entry.ts'
export { readInput } from './objects/runtime/input.ts'
export type { Settlement } from './objects/runtime/journal.ts'
export type { ReadonlyTable, Table } from './objects/runtime/records.ts'
export type { Patch } from './objects/runtime/row.ts'
export type { SessionMark } from './objects/runtime/session-marks.ts'
export { spaceLogOf, type SpaceLog, type SpacePlayer } from './objects/runtime/space-log.ts'
export type { Applied, Outcome, Played } from './objects/runtime/outcome.ts'
export { Space } from './objects/runtime/space.ts'
export type { SkipOptions } from './objects/runtime/skip.ts'
export type { Input, Value } from './objects/runtime/values.ts'
export { View, type SyncOptions } from './objects/runtime/view.ts'
export { Blames, type Blame } from './objects/past/blame.ts'
export { Differences, type Difference } from './objects/past/difference.ts'
export type { Step, StepOp } from './objects/past/history.ts'
export { predicateOf, type Predicate } from './objects/past/until.ts'
export { Client, connect, type ConnectOptions } from './objects/connect.ts'
export { OPEN, digestIdentity, type Acl } from './objects/tree/acl.ts'
export type { CacheChange, CachedNode, TreeCache, TreeCacheOptions } from './objects/tree/cache.ts'
export type { Tree, TreeCreateOptions, TreeOptions, TreeWriteOptions } from './objects/tree/tree.ts'
export type { Stat } from './objects/tree/stat.ts'
export { TreeType } from './objects/tree/type.ts'
export type { TreeEvent, TreeItem, TreeWatch, TreeWatchOptions } from './objects/tree/watch.ts'
export { BarrierRecipe } from './objects/recipes/barrier.ts'
export { CounterRecipe } from './objects/recipes/counter.ts'
export { ElectionRecipe } from './objects/recipes/election.ts'
export { PriorityQueueRecipe } from './objects/recipes/priority-queue.ts'
export { QueueRecipe } from './objects/recipes/queue.ts'
export { RateLimiterRecipe } from './objects/recipes/rate-limiter.ts'
export { SagaRecipe } from './objects/recipes/saga.ts'
