/** What servers that are well say of themselves, for tests: a unit and a sequencer at epoch 3. */
import type { SequencerStatus, UnitStatus } from '../../tools/cluster/members.ts'

/** The status of a unit; `facts` are what is different. */
export const unitStatus = (facts: Partial<UnitStatus> = {}): UnitStatus => ({
  name: 'u',
  identity: 'i',
  boot: 'b',
  role: 'serving',
  cluster: 'c1',
  epoch: 3,
  sealed: 3,
  opened: 3,
  prefix: 0,
  highest: -1,
  trim: 0,
  streams: 0,
  connections: 0,
  store: { kind: 'memory', diskBytes: 0 },
  ...facts,
})

/** The status of a sequencer; `facts` are what is different. */
export const sequencerStatus = (facts: Partial<SequencerStatus> = {}): SequencerStatus => ({
  name: 's',
  boot: 's',
  role: 'ready',
  epoch: 3,
  tail: 0,
  prefix: 0,
  holes: 0,
  streams: 0,
  waiting: 0,
  connections: 0,
  ...facts,
})
