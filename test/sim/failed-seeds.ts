/**
 * The seeds that a soak found failing, kept in `failed-seeds.txt` until the mistake is mended: `SEED ID SENTENCE`,
 * one a line.
 *
 * Owns: that file's form. Read next: `main.ts` (who writes), `sim.test.ts` (who replays).
 */
import { appendFileSync, readFileSync } from 'node:fs'

/** A seed with the invariant that it broke, and how. */
export interface FailedSeed {
  readonly seed: string
  readonly id: string
  readonly sentence: string
}

const file = new URL('./failed-seeds.txt', import.meta.url)

/** The seeds of a text; lines that begin with # are for people. */
export function parseFailedSeeds(text: string): FailedSeed[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [seed = '', id = '', ...words] = line.trim().split(' ')
      return { seed, id, sentence: words.join(' ') }
    })
}

/** Every seed that is kept. */
export const failedSeeds = (): FailedSeed[] => parseFailedSeeds(readFileSync(file, 'utf8'))

/** Keeps a seed, once. */
export function noteFailedSeed({ seed, id, sentence }: FailedSeed): void {
  if (failedSeeds().some((one) => one.seed === seed)) return
  appendFileSync(file, `${seed} ${id} ${sentence.startsWith(`${id}: `) ? sentence.slice(id.length + 2) : sentence}\n`)
}
