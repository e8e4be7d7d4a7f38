/**
 * Real chance: names from the system's generator, numbers for jitter from the engine's.
 *
 * Read next: `../ports.ts`.
 */
import { randomBytes } from 'node:crypto'
import type { Random } from '../ports.ts'

/** The chance of this machine. Only `id` is fit where nobody may guess. */
export const systemRandom: Random = {
  next: () => Math.random(),
  id: () => randomBytes(16).toString('hex'),
}
