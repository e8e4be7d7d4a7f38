/**
 * The metrics of a unit, from what it says of itself.
 *
 * Every row stands in docs/metrics.md too, and a test compares them. Read next: `metric.ts`, `../cluster/members.ts`.
 */
import type { UnitStatus } from '../cluster/members.ts'
import { percentileSamples, roleSamples, type Metric } from './metric.ts'

const roles = ['blank', 'recovering', 'serving', 'sealed', 'spare', 'copying', 'stopping', 'stopped'] as const

/** The metrics of a unit. */
export const unitMetrics: readonly Metric<UnitStatus>[] = [
  {
    name: 'sirtaki_unit_info',
    type: 'gauge',
    unit: 'one',
    help: 'Always 1; its labels identity, boot, cluster and version say which unit this is.',
    read: ({ identity, boot, cluster, version }) => [
      { labels: { identity, boot, cluster: cluster ?? '', version: version ?? '' }, value: 1 },
    ],
  },
  {
    name: 'sirtaki_unit_role',
    type: 'gauge',
    unit: 'one',
    help: 'One sample for each role in the label role, 1 for the role that the unit has.',
    read: ({ role }) => roleSamples(roles, role),
  },
  {
    name: 'sirtaki_unit_epoch',
    type: 'gauge',
    unit: 'epoch',
    help: 'Epoch of the newest layout installed, 0 while blank.',
    read: ({ epoch }) => epoch,
  },
  {
    name: 'sirtaki_unit_sealed_epoch',
    type: 'gauge',
    unit: 'epoch',
    help: 'Everything below this epoch is refused; above sirtaki_unit_epoch while the next epoch is not open.',
    read: ({ sealed }) => sealed,
  },
  {
    name: 'sirtaki_unit_opened_epoch',
    type: 'gauge',
    unit: 'epoch',
    help: 'Epoch below whose tail the unit knows everything decided.',
    read: ({ opened }) => opened,
  },
  {
    name: 'sirtaki_unit_prefix_position',
    type: 'gauge',
    unit: 'position',
    help: 'Lowest position that the unit does not know decided.',
    read: ({ prefix }) => prefix,
  },
  {
    name: 'sirtaki_unit_highest_position',
    type: 'gauge',
    unit: 'position',
    help: 'Highest position ever held, -1 for none.',
    read: ({ highest }) => highest,
  },
  {
    name: 'sirtaki_unit_trim_position',
    type: 'gauge',
    unit: 'position',
    help: 'Everything below is trimmed.',
    read: ({ trim }) => trim,
  },
  {
    name: 'sirtaki_unit_streams',
    type: 'gauge',
    unit: 'streams',
    help: 'Streams that have an entry here.',
    read: ({ streams }) => streams,
  },
  {
    name: 'sirtaki_unit_subscriptions',
    type: 'gauge',
    unit: 'subscriptions',
    help: 'Streams that clients are pushed the entries of.',
    read: ({ subscriptions }) => subscriptions,
  },
  {
    name: 'sirtaki_unit_connections',
    type: 'gauge',
    unit: 'connections',
    help: 'Open connections of clients and servers.',
    read: ({ connections }) => connections,
  },
  {
    name: 'sirtaki_unit_stored_entries_total',
    type: 'counter',
    unit: 'entries',
    help: 'Entries stored since the start.',
    read: ({ entries }) => entries,
  },
  {
    name: 'sirtaki_unit_stored_bytes_total',
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes of the entries stored since the start.',
    read: ({ bytes }) => bytes,
  },
  {
    name: 'sirtaki_unit_commits_total',
    type: 'counter',
    unit: 'commits',
    help: 'Commits to disk since the start, each with one sync.',
    read: ({ commits }) => commits,
  },
  {
    name: 'sirtaki_unit_recent_commit_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'How long the last 128 commits took, by the label percentile (50, 99).',
    read: ({ commitMs }) => percentileSamples(commitMs),
  },
  {
    name: 'sirtaki_unit_waiting_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Bytes of requests that wait for a commit to end.',
    read: ({ waitingBytes }) => waitingBytes,
  },
  {
    name: 'sirtaki_unit_disk_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Bytes of the store on disk.',
    read: ({ store }) => store.diskBytes,
  },
  {
    name: 'sirtaki_unit_disk_free_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Bytes that are free for more entries, on the file system and inside the store.',
    read: ({ store }) => store.freeBytes,
  },
  {
    name: 'sirtaki_unit_disk_full',
    type: 'gauge',
    unit: 'one',
    help: '1 while the unit refuses appends because its disk is full, else 0.',
    read: ({ full }) => (full === undefined ? undefined : Number(full)),
  },
  {
    name: 'sirtaki_unit_copy_remaining_positions',
    type: 'gauge',
    unit: 'positions',
    help: 'Positions that are still to be copied; only while the unit copies.',
    read: ({ copy }) => (copy === undefined || copy === null ? undefined : Math.max(0, copy.to - copy.at)),
  },
  {
    name: 'sirtaki_unit_copied_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Bytes copied so far; only while the unit copies.',
    read: ({ copy }) => copy?.bytes,
  },
  {
    name: 'sirtaki_unit_copy_bytes_per_second',
    type: 'gauge',
    unit: 'bytes per second',
    help: 'How fast the unit copies; only while it does.',
    read: ({ copy }) => copy?.bytesPerSecond,
  },
]
