/** The machine that a run was measured on, and whether it can be measured on. Read next: `main.ts`. */
import { availableParallelism, cpus, freemem, loadavg, release, totalmem } from 'node:os'

const CORES_MIN = 2
const FREE_BYTES_MIN = 2 ** 31
const LOAD_MAX = 0.5

/** One line that goes with every table. */
export function machineText(): string {
  return (
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), `
    + `${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}, Linux ${release()}, `
    + new Date().toISOString().slice(0, 10)
  )
}

/** Says why figures of this machine, now, are to be read with care. */
export function problemOfMachine(): string | undefined {
  const load = (loadavg()[0] ?? 0) / availableParallelism()
  if (availableParallelism() < CORES_MIN) {
    return (
      `this machine has ${availableParallelism()} core, the bench needs ${CORES_MIN} or more: client and `
      + 'servers will wait for one another'
    )
  }
  if (freemem() < FREE_BYTES_MIN) return `only ${Math.round(freemem() / 2 ** 20)} MB are free: figures will suffer`
  if (load > LOAD_MAX) {
    return (
      `other work keeps ${Math.round(load * 100)} % of the cores busy (load of the last minute): figures will `
      + 'be worse and spread more'
    )
  }
  return undefined
}
