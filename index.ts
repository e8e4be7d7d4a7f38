/** What a program needs: `sirtaki`. The runtime below it is `sirtaki/objects`, the log by itself `sirtaki/log`. */
export { connect, type Client, type ConnectOptions } from './objects/connect.ts'
export type { ObjectClient, ObjectClientOptions, ObjectMark } from './objects/client.ts'
export type { ObjectSession, ObjectSessionOptions, OnLost } from './objects/object-session.ts'
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
export type { Settlement } from './objects/runtime/journal.ts'
export type { ReadonlyTable, Table } from './objects/runtime/records.ts'
export type { Patch } from './objects/runtime/row.ts'
export type { SkipOptions } from './objects/runtime/skip.ts'
export type { Input, Value } from './objects/runtime/values.ts'
export type { SyncOptions } from './objects/runtime/view.ts'
export { SirtakiError, isError, type Code, type Next } from './log/errors.ts'
export type { BlobStore } from './log/archive/blob-store.ts'
export { folderBlobs, openBlobs, s3 } from './log/io/blobs.ts'
export type { ExtensionCall, WrittenCheckpoint } from './objects/client.ts'
export type { Checkpointer } from './objects/retention/checkpointer.ts'
export type { HeldLog, HoldOptions } from './objects/retention/hold.ts'
export type { Policy } from './objects/retention/shapes.ts'
export type { RetentionNow, TrimOptions, Trimmed } from './objects/retention/trim.ts'
export type { Step } from './objects/past/history.ts'
export type { When } from './objects/past/past.ts'
export { OPEN, digestIdentity, type Acl } from './objects/tree/acl.ts'
export type { CacheChange, CachedNode, TreeCache, TreeCacheOptions } from './objects/tree/cache.ts'
export type { Tree, TreeCreateOptions, TreeOptions, TreeWriteOptions } from './objects/tree/tree.ts'
export type { Stat } from './objects/tree/stat.ts'
export { TreeType } from './objects/tree/type.ts'
export type { TreeEvent, TreeItem, TreeWatch, TreeWatchOptions } from './objects/tree/watch.ts'
