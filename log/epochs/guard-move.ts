/**
 * What a guard does when it has probed everybody: a pure rule, as a table.
 *
 *     named sequencer   units suspected or restarted    who stands by     the epoch of who was not told
 *     alive             its own matter, nobody else's   waits             -
 *     gone, or none     anybody's matter                stands in         -
 *     untold            anybody's matter                waits once        completed once, then as `gone`
 *
 * Keeps: P24 (who has lost sight of one unit alone takes it from nobody), L11. Read next: `guard.ts`, `detector.ts`.
 */

/** What a guard has seen of the layout that it guards. */
export interface Sighting {
  /** Whether the guard itself is the sequencer that the layout names. */
  readonly isNamed: boolean
  /** The named sequencer; `untold`: it lives, and whoever was to tell it of its epoch is slow or has died. */
  readonly sequencer: 'none' | 'alive' | 'gone' | 'untold'
  /** Whether the epoch was completed already, or could not be. */
  readonly isCompleted: boolean
  /** Units, by identity, that the detector would leave out. */
  readonly suspects: readonly string[]
  /** Units, by identity, that answer under another start than the layout names. */
  readonly restarted: readonly string[]
  /** Whether the guard can stand in for the sequencer. */
  readonly standsBy: boolean
}

/** The next epoch that a guard drives. */
export interface Move {
  /** Units, by identity, that it goes on without. */
  readonly absent: readonly string[]
  /** Units, by identity, whose new start it names. */
  readonly back: readonly string[]
  /** Whether the guard becomes the sequencer. */
  readonly standsIn: boolean
  /** Whether it only tells the sequencer of the epoch that is there: quicker than another epoch. */
  readonly completes: boolean
}

/** What follows from a sighting: `undefined` for nothing. */
export function moveOf({ isNamed, sequencer, isCompleted, suspects, restarted, standsBy }: Sighting): Move | undefined {
  // While the sequencer lives, units are its matter: whoever has lost sight of one alone would take it from everybody
  // else.
  const isMine = isNamed || sequencer !== 'alive'
  const absent = isMine ? suspects : []
  const back = isMine ? restarted.filter((identity) => !absent.includes(identity)) : []
  const completes = sequencer === 'untold' && !isCompleted
  const standsIn = sequencer !== 'alive' && standsBy && !completes
  if (absent.length === 0 && back.length === 0 && !standsIn && sequencer !== 'untold') return undefined
  return { absent, back, standsIn, completes }
}
