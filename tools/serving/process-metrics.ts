/**
 * What every process on this machine is measured by, under the names that dashboards know.
 *
 * Read next: `metric.ts`, `./serving.ts`.
 */
import type { Metric } from './metric.ts'

/** The metrics of this process; there is nothing to look at but itself. */
export const processMetrics: readonly Metric<object>[] = [
  {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    unit: 'seconds',
    help: 'User and system CPU time of the process.',
    read: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    },
  },
  {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Memory of the process that is in RAM.',
    read: () => process.memoryUsage.rss(),
  },
  {
    name: 'process_start_time_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'When the process was started, in seconds since 1970.',
    read: () => performance.timeOrigin / 1_000,
  },
]
