/**
 * Whose turn it is to drive an epoch: a machine beside each acceptor, in memory only.
 *
 *     free ── ask ──▶ D's ── progress ── progress ── over, or D's connection ends ──▶ free
 *                      │ └ another driver asks: told to wait; one that would name a sequencer goes before others
 *                      └ no progress for as long as a few of D's steps take ──▶ free for who asks next
 *
 * Who is ahead may finish: on a busy machine drivers that overtake one another, in a slot or by the slot after it,
 * never get an epoch open. A driver of an older version asks for no turn, and would overtake all others: so nothing is
 * promised to anybody else while a driver has the turn. This is politeness and no rule of safety: layouts are agreed by
 * promises alone, and an acceptor may refuse any of them. A lost turn costs a pause, never an answer. What a driver's
 * step takes here the driver says itself, so that no bound is a time that only a quiet machine keeps. Keeps: P23. Read
 * next: `reconfigure.ts` (who asks), `../unit/requests.ts` (who answers).
 */
import type { Limits } from '../limits.ts'
import type { AskTurn } from '../wire/control.ts'

/** A driver may make no progress for so many times what its slowest step took before others go on. */
const STEPS = 8

/** One turn. `caller` is whatever stands for the driver's connection. */
interface Held {
  readonly proposer: string
  readonly caller: object
  slot: number
  stepMs: number
  heardMs: number
}

/** Who was told to wait, and goes before others as long as it asks again soon. */
type Next = Omit<Held, 'heardMs'> & { readonly askedMs: number }

/** Whose turn it is, as one acceptor sees it. Times are in milliseconds of its own clock. */
export class Turn {
  readonly #limits: Limits
  #held: Held | undefined
  #next: Next | undefined

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Gives the turn to who asks, or says who has it. A driver of slots that are long over keeps nobody waiting. */
  ask({ slot, proposer, stepMs, urgent }: AskTurn, caller: object, now: number): string | undefined {
    const [held, next] = [this.#held, this.#next]
    const goesOn = held !== undefined && this.#goesOn(held, slot, now)
    const isNext = next !== undefined && slot <= next.slot + 1 && now - next.askedMs <= this.#patienceMs(next.stepMs)
    if (goesOn && held.proposer !== proposer) {
      const mayBeNext = urgent === true && (!isNext || next.caller === caller)
      if (mayBeNext) this.#next = { proposer, caller, slot, stepMs, askedMs: now }
      return held.proposer
    }
    if (isNext && next.caller !== caller) return next.proposer
    this.#held = { proposer, caller, slot, stepMs, heardMs: now }
    this.#next = undefined
    return undefined
  }

  /** Whether another driver has the turn for this slot and makes progress: then nobody else is promised anything. */
  isOfAnother(slot: number, caller: object, now: number): boolean {
    const held = this.#held
    return held !== undefined && held.caller !== caller && this.#goesOn(held, slot, now)
  }

  /** A message of a driver has come: if it has the turn, it makes progress. */
  heard(caller: object, now: number): void {
    if (this.#held?.caller === caller) this.#held.heardMs = now
  }

  /** A driver has finished, or goes away for a while. */
  over(proposer: string): void {
    if (this.#held?.proposer === proposer) this.#held = undefined
  }

  /** The driver's connection has ended. */
  gone(caller: object): void {
    if (this.#held?.caller === caller) this.#held = undefined
    if (this.#next?.caller === caller) this.#next = undefined
  }

  #goesOn(held: Held, slot: number, now: number): boolean {
    return slot <= held.slot + 1 && now - held.heardMs <= this.#patienceMs(held.stepMs)
  }

  /** As long as it takes to find a silent peer gone, at least. */
  #patienceMs(stepMs: number): number {
    const { probeMs, suspicionProbes, requestMs } = this.#limits
    return Math.max(probeMs * suspicionProbes, Math.min(requestMs, STEPS * stepMs))
  }
}
