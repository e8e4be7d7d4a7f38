/**
 * What the clients of a run have said, gathered for the judge and for the table.
 *
 * Read next: `client.ts` (which says it), `judge.ts`.
 */
import { number, record, string } from 'superstruct'
import type { BucketFact, DigestFact } from './judge.ts'

const Counts = record(string(), number())

/** All facts of one run. */
export class Recorder {
  readonly buckets: BucketFact[] = []
  readonly digests: DigestFact[] = []
  /** What must not be: errors that are no answers, ends that nobody wanted. */
  readonly failures: string[] = []
  /** Outcomes by act: `call ok`, `call TIMEOUT`. */
  readonly told = new Map<string, number>()
  /** The first positions with fuel of the processes: later ones are of those that began with a checkpoint. */
  readonly began: number[] = []
  /** What happened to programs, as the witness has played it. */
  registry: Readonly<Record<string, number>> = {}
  /** The last position that a process said. */
  position = -1

  /** Takes a line of a client. */
  heard(process: number, line: string): void {
    const [word = '', ...rest] = line.split(' ')
    const text = line.slice(word.length + 1)
    switch (word) {
      case 'bucket': {
        const [after = NaN, from = NaN, to = NaN, fuel = NaN, entries = NaN] = rest.map(Number)
        this.buckets.push({ process, after, from, to, fuel, entries })
        this.position = Math.max(this.position, to - 1)
        return
      }
      case 'digest':
        this.digests.push({ process, position: Number(rest[0]), digest: rest[1] ?? '' })
        return
      case 'began':
        this.began.push(Number(text))
        return
      case 'registry':
        this.registry = Counts.create(JSON.parse(text))
        return
      case 'told':
        for (const [what, times] of Object.entries(Counts.create(JSON.parse(text)))) {
          this.told.set(what, (this.told.get(what) ?? 0) + times)
        }
        return
      case 'failure':
        this.failures.push(`process ${process}: ${text}`)
        return
      default:
    }
  }

  /** How many processes began with a checkpoint that had entries with fuel in it. */
  get loaded(): number {
    const first = Math.min(...this.began)
    return this.began.filter((position) => position > first).length
  }

  /** Acts that have ended, well or not. */
  get acts(): number {
    return [...this.told.values()].reduce((sum, times) => sum + times, 0)
  }
}
