/**
 * A history on disk, by windows, so that a run of hours holds no more in memory than one of minutes.
 *
 *     window-0: positions [0, 20000)   window-1: [20000, 40000) ...   count-N: a counter's round N   unknown   trims
 *     lock-N, fence-N, queue-N, tree-N, txn-N: round N of these loads   sessions: what became of them, by whom
 *
 * An operation belongs to the window of its position; a stream's part is cut where windows end. Appends whose fate is
 * unknown have no position, and trims bear on all windows: they are few and are held in memory too. Read next:
 * `judge.ts`.
 */
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadName } from './loads.ts'

/** Positions of one window: what the judge looks at in one go. */
export const WINDOW_POSITIONS = 20_000

const FLUSH_BYTES = 1 << 16

const windowOf = (position: string | undefined): number => Math.floor(Number(position) / WINDOW_POSITIONS)

/** The files of one history. */
export class HistoryFiles {
  readonly folder: string
  /** Lines of appends whose fate is unknown. */
  readonly unknown: string[] = []
  readonly trims: string[] = []
  /** Rounds of the counter. */
  readonly rounds = new Set<number>()
  /** Rounds of the other loads of objects. */
  readonly objectRounds = new Map<Exclude<LoadName, 'log' | 'counter'>, Set<number>>()
  windows = 0
  readonly #pieces = new Map<string, string[]>()
  #pieceBytes = 0

  /** Makes the folder. */
  constructor(folder: string) {
    this.folder = folder
    mkdirSync(folder, { recursive: true })
  }

  /** Takes the line of one operation; false when it is none. */
  take(line: string): boolean {
    const words = line.split(' ')
    const [kind, , , first, , third] = words
    switch (kind) {
      case 'append':
        if (third === '-') {
          this.unknown.push(line)
          this.#write('unknown', line)
        } else this.#spill(windowOf(third), line)
        return true
      case 'read':
      case 'tail':
        this.#spill(windowOf(first), line)
        return true
      case 'stream':
        this.#spillStream(words)
        return true
      case 'trim':
        this.trims.push(line)
        this.#write('trims', line)
        return true
      case 'count':
        this.rounds.add(Number(first))
        this.#write(`count-${first ?? ''}`, line)
        return true
      case 'lock':
      case 'fence':
      case 'queue':
      case 'tree':
      case 'txn': {
        const rounds = this.objectRounds.get(kind) ?? new Set()
        this.objectRounds.set(kind, rounds.add(Number(first)))
        this.#write(`${kind}-${first ?? ''}`, line)
        return true
      }
      default:
        return false
    }
  }

  /** Takes what a client said of sessions and digests, for people: the judge has it already. */
  note(by: string, line: string): void {
    this.#write('sessions', `${by} ${line}`)
  }

  /** Puts on disk what waits for it. */
  flush(): void {
    for (const [file, lines] of this.#pieces) appendFileSync(join(this.folder, file), `${lines.join('\n')}\n`)
    this.#pieces.clear()
    this.#pieceBytes = 0
  }

  #spillStream([, call, returned, stream, from, to, ...found]: readonly string[]): void {
    const parts = new Map<number, string[]>()
    for (let i = 0; i < found.length; i += 2) {
      const window = windowOf(found[i])
      const part = parts.get(window) ?? []
      part.push(found[i] ?? '', found[i + 1] ?? '')
      parts.set(window, part)
    }
    for (let window = windowOf(from); window * WINDOW_POSITIONS < Number(to); window++) {
      const start = Math.max(Number(from), window * WINDOW_POSITIONS)
      const end = Math.min(Number(to), (window + 1) * WINDOW_POSITIONS)
      this.#spill(window, ['stream', call, returned, stream, start, end, ...(parts.get(window) ?? [])].join(' '))
    }
  }

  #spill(window: number, line: string): void {
    this.windows = Math.max(this.windows, window + 1)
    this.#write(`window-${window}`, line)
  }

  #write(file: string, line: string): void {
    const pieces = this.#pieces.get(file)
    if (pieces === undefined) this.#pieces.set(file, [line])
    else pieces.push(line)
    this.#pieceBytes += line.length
    if (this.#pieceBytes > FLUSH_BYTES) this.flush()
  }
}
