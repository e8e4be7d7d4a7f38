/** Judging histories: `sirtaki/testing`. */
export {
  assertHistory,
  checkLinearizable,
  type Model,
  type Operation,
  type Verdict,
} from './testing/linearizability.ts'
export {
  checkLogHistory,
  counterModel,
  registerModel,
  type CounterInput,
  type LogInput,
  type LogOperation,
  type LogOutput,
  type LogVerdict,
  type RegisterInput,
  type RegisterOutput,
} from './testing/models.ts'
