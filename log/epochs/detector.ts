/**
 * The failure detector: a machine that turns the answers to probes into suspicion.
 *
 *     answered ──────────── trusted          missed x suspicionProbes ── suspected
 *     answered, leaving ─── suspected at once
 *     answered, slow for slowForMs, and slower than slowFactor times the quickest of its chain ── suspected
 *
 * Probes of one epoch count for that epoch only. Nobody who sees less than a majority of acceptors or half of the
 * units suspects anybody: he may be the one that is cut off. A unit that is slow but not the one that holds its chain
 * back stays. Keeps: P24. Read next: `guard.ts` (who probes and what follows).
 */
import { unitsOf, type Layout, type UnitMember } from '../layout.ts'
import type { Limits } from '../limits.ts'

/** What a member told. `commitMs`: how long its commits take, or took when it is `idle`. */
export interface ProbeAnswer {
  readonly commitMs: number
  readonly idle: boolean
  readonly leaving: boolean
}

interface Seen {
  missed: number
  leaving: boolean
  commitMs: number
  slowSince: number | undefined
}

/** One process's view of its peers. */
export class Detector {
  readonly #limits: Limits
  readonly #seen = new Map<string, Seen>()
  #epoch = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /**
   * Probes from here on are of this epoch: what was counted under another one says nothing. Tells whether it is another
   * one.
   */
  begin(epoch: number): boolean {
    if (epoch === this.#epoch) return false
    this.#epoch = epoch
    this.#seen.clear()
    return true
  }

  answered(member: string, { commitMs, idle, leaving }: ProbeAnswer, now: number): void {
    const seen = this.#of(member)
    seen.missed = 0
    seen.leaving = leaving
    seen.commitMs = commitMs
    if (idle || commitMs < this.#limits.slowUnitMs) seen.slowSince = undefined
    else seen.slowSince ??= now
  }

  missed(member: string): void {
    this.#of(member).missed++
  }

  /** Whether a member has to be taken for gone. */
  isGone(member: string): boolean {
    const seen = this.#seen.get(member)
    return seen !== undefined && (seen.leaving || seen.missed >= this.#limits.suspicionProbes)
  }

  /**
   * Units (identities) to leave out: gone, or slow beyond the bound. None while too few answer, and never a whole
   * chain.
   */
  suspects(layout: Layout, now: number): string[] {
    const gone = unitsOf(layout).filter(({ identity }) => this.isGone(identity))
    if (!this.#seesEnough(layout, (identity) => (this.#seen.get(identity)?.missed ?? 0) > 0)) return []
    const slow = layout.segments.at(-1)?.chains.flatMap((chain) => this.#slowOf(chain, now)) ?? []
    const suspected = new Set([...gone, ...slow].map(({ identity }) => identity))
    for (const chain of layout.segments.flatMap((segment) => segment.chains)) {
      if (chain.every(({ identity }) => suspected.has(identity))) {
        for (const { identity } of chain) suspected.delete(identity)
      }
    }
    return [...suspected]
  }

  /** Whether so many are gone, or one is cut off from so many, that nobody can be suspected. */
  isBlind(layout: Layout): boolean {
    return !this.#seesEnough(layout, (identity) => this.isGone(identity))
  }

  /** A majority of acceptors and half of the units. */
  #seesEnough(layout: Layout, isSilent: (identity: string) => boolean): boolean {
    const silent = unitsOf(layout).filter(({ identity }) => isSilent(identity))
    const acceptors = layout.acceptors.filter(({ address }) => !silent.some((unit) => unit.address === address))
    return acceptors.length * 2 > layout.acceptors.length && silent.length * 2 <= unitsOf(layout).length
  }

  /** The slowest of a chain, if it holds the others back. */
  #slowOf(chain: readonly UnitMember[], now: number): UnitMember[] {
    const { slowForMs, slowFactor } = this.#limits
    const quickest = Math.min(...chain.map(({ identity }) => this.#seen.get(identity)?.commitMs ?? Infinity))
    return chain
      .filter(({ identity }) => {
        const seen = this.#seen.get(identity)
        return (
          seen?.slowSince !== undefined && now - seen.slowSince >= slowForMs && seen.commitMs >= slowFactor * quickest
        )
      })
      .slice(0, 1)
  }

  #of(member: string): Seen {
    const known = this.#seen.get(member)
    if (known !== undefined) return known
    const seen: Seen = { missed: 0, leaving: false, commitMs: 0, slowSince: undefined }
    this.#seen.set(member, seen)
    return seen
  }
}
