/**
 * What recorded histories are checked against: models for `checkLinearizable`, and `checkLogHistory` for the log.
 *
 *     register.ts      registers by key, a counter          lock.ts          locks, fenced locks
 *     node.ts          registers with versions, owned       queue.ts         queues (first in, first out), bags
 *     transaction.ts   several registers at once            ordered.ts       any of them by places that answers tell
 *     log.ts           the shared log
 *
 * A face: it re-exports, nothing else.
 */

export {
  checkLogHistory,
  type LogInput,
  type LogOperation,
  type LogOutput,
  type LogReading,
  type LogRule,
  type LogValue,
  type LogVerdict,
} from './models/log.ts'
export {
  fencedLockModel,
  lockModel,
  type FencedLockInput,
  type FencedLockState,
  type Holder,
  type LockInput,
} from './models/lock.ts'
export { nodeModel, type NodeInput, type NodeOutput, type NodeState } from './models/node.ts'
export { ordered, type Ordered } from './models/ordered.ts'
export { bagModel, queueModel, type QueueInput, type QueueItem, type QueueOutput } from './models/queue.ts'
export {
  counterModel,
  registerModel,
  type CounterInput,
  type RegisterInput,
  type RegisterOutput,
  type RegisterValue,
} from './models/register.ts'
export {
  transactionModel,
  type TransactionInput,
  type TransactionOutput,
  type TransactionStep,
} from './models/transaction.ts'
