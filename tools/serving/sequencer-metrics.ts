/**
 * The metrics of a sequencer, from what it says of itself.
 *
 * Every row stands in docs/metrics.md too, and a test compares them. Read next: `metric.ts`, `../cluster/members.ts`.
 */
import type { SequencerStatus } from '../cluster/members.ts'
import { percentileSamples, roleSamples, type Metric } from './metric.ts'

const roles = ['waiting', 'standby', 'ready', 'blind', 'leaving', 'deposed', 'stopped'] as const

/** The metrics of a sequencer. */
export const sequencerMetrics: readonly Metric<SequencerStatus>[] = [
  {
    name: 'sirtaki_sequencer_info',
    type: 'gauge',
    unit: 'one',
    help: 'Always 1; its labels boot and version say which start of a sequencer this is.',
    read: ({ boot, version }) => [{ labels: { boot, version: version ?? '' }, value: 1 }],
  },
  {
    name: 'sirtaki_sequencer_role',
    type: 'gauge',
    unit: 'one',
    help: 'One sample for each role in the label role, 1 for the role that the sequencer has.',
    read: ({ role }) => roleSamples(roles, role),
  },
  {
    name: 'sirtaki_sequencer_epoch',
    type: 'gauge',
    unit: 'epoch',
    help: 'Epoch that it serves, 0 before any.',
    read: ({ epoch }) => epoch,
  },
  {
    name: 'sirtaki_sequencer_tail_position',
    type: 'gauge',
    unit: 'position',
    help: 'Next position to be granted.',
    read: ({ tail }) => tail,
  },
  {
    name: 'sirtaki_sequencer_prefix_position',
    type: 'gauge',
    unit: 'position',
    help: 'Everything below is known decided.',
    read: ({ prefix }) => prefix,
  },
  {
    name: 'sirtaki_sequencer_holes',
    type: 'gauge',
    unit: 'positions',
    help: 'Positions granted and not known decided.',
    read: ({ holes }) => holes,
  },
  {
    name: 'sirtaki_sequencer_window',
    type: 'gauge',
    unit: 'positions',
    help: 'How many positions may be granted and not decided.',
    read: ({ window }) => window,
  },
  {
    name: 'sirtaki_sequencer_streams',
    type: 'gauge',
    unit: 'streams',
    help: 'Streams whose tail it remembers.',
    read: ({ streams }) => streams,
  },
  {
    name: 'sirtaki_sequencer_grants_total',
    type: 'counter',
    unit: 'grants',
    help: 'Grants of this epoch; starts at 0 with each epoch.',
    read: ({ grants }) => grants,
  },
  {
    name: 'sirtaki_sequencer_granted_positions_total',
    type: 'counter',
    unit: 'positions',
    help: 'Positions granted in this epoch; starts at 0 with each epoch.',
    read: ({ granted }) => granted,
  },
  {
    name: 'sirtaki_sequencer_recent_append_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'How long the last 128 groups of grants took to be known decided, by the label percentile (50, 99).',
    read: ({ appendMs }) => percentileSamples(appendMs),
  },
  {
    name: 'sirtaki_sequencer_waiting_requests',
    type: 'gauge',
    unit: 'requests',
    help: 'Token requests that wait for room in the window.',
    read: ({ waiting }) => waiting,
  },
  {
    name: 'sirtaki_sequencer_connections',
    type: 'gauge',
    unit: 'connections',
    help: 'Open connections of clients and servers.',
    read: ({ connections }) => connections,
  },
  {
    name: 'sirtaki_sequencer_log_time_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Log time: the seconds that the log has had a sequencer, never going back.',
    read: ({ logTime }) => (logTime === undefined ? undefined : logTime / 1_000),
  },
]
