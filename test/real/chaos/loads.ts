/**
 * The loads of a run, and the lines of those that work with objects.
 *
 *     log       appends, reads, tails, trims of the log      queue   puts, takes, acknowledgements, givings back
 *     counter   adds and reads                               tree    nodes in versions, ephemerals
 *     lock      acquires and releases                        txn     several counters at once
 *     fence     the same with long holds, and what they protect
 *
 * Objects of a load live for one round, so that each round is a history of its own. Read next: `object-lanes.ts`,
 * `object-judge.ts`.
 */
import { COUNTER_ROUND_MS } from './history.ts'

/** All loads. */
export const loadNames = ['log', 'counter', 'lock', 'fence', 'queue', 'tree', 'txn'] as const
export type LoadName = (typeof loadNames)[number]

/** Loads that clients of their own make, which faults may meet. */
export const objectLoads: readonly LoadName[] = loadNames.filter((name) => name !== 'log')

export const isLoadName = (text: string): text is LoadName => loadNames.some((name) => name === text)

/** Each object of a load is used for so long: what one search looks at. */
export const ROUND_MS = 10_000

/** The round of a load at an instant. */
export const roundAt = (load: LoadName, ns: number): number =>
  Math.floor(ns / 1e6 / (load === 'counter' ? COUNTER_ROUND_MS : ROUND_MS))

/** Where the object of a round is. */
export const pathOf = (load: LoadName, round: number): string =>
  load === 'counter' ? `/chaos/${round}` : `/chaos/${load}/${round}`

/** Sessions of the clients that faults meet are named so: `c`, the number of the client, the load, a number. */
export const sessionName = (client: number, load: LoadName, nth: number): string => `c${client}.${load}.${nth}`
export const isLoadSession = (name: string): boolean => /^c\d+\./.test(name)
export const clientOfSession = (name: string): number => Number(/^c(\d+)\./.exec(name)?.[1] ?? -1)
/** Timeouts of these sessions are drawn from here. */
export const SESSION_TIMEOUT_MS = [2_000, 4_000] as const
