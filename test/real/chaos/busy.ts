/**
 * Processes that do nothing but compute, beside a cluster: what a machine with other work does to it.
 *
 * Read next: `main.ts`.
 */
import { spawn } from 'node:child_process'
import type { Ground } from './ground.ts'

/** Starts so many of them; they end with the run. */
export function keepBusy(ground: Ground, count: number): void {
  for (let n = 0; n < count; n++) {
    const { pid } = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
    if (pid !== undefined) ground.note(pid)
  }
}
