/**
 * What becomes of a member of a chain in the next epoch: a pure rule, as a table.
 *
 *     the member                              open segment     closed segments that it holds
 *     answers and is whole                    stays            stays
 *     lacks something that was decided        joins anew       leaves
 *     is to be dropped, and still answers     leaves           stays until others have copied it
 *     is to be dropped, and does not answer   leaves           leaves
 *     is absent                               leaves           leaves
 *
 * Whoever joins holds nothing below the tail, so the open segment is closed there. Keeps: Y4, P25. Read next:
 * `next-layout.ts`.
 */

/** A member as the driver of the next epoch sees it. */
export interface MemberSeen {
  /** It does not answer, or is slow: left out until it comes back. */
  readonly isAbsent: boolean
  /** Somebody wishes it to leave for good. */
  readonly isDropped: boolean
  /** This very disk answers. */
  readonly answers: boolean
  /** It lacks something that its chain knows decided. */
  readonly lacks: boolean
}

/** What becomes of a member, in the open segment and in closed ones. */
export interface Stay {
  readonly open: 'stays' | 'joins' | 'leaves'
  readonly closed: 'stays' | 'leaves'
}

/** Decides what becomes of a member. */
export function stayOf({ isAbsent, isDropped, answers, lacks }: MemberSeen): Stay {
  if (isAbsent) return { open: 'leaves', closed: 'leaves' }
  if (isDropped) return { open: 'leaves', closed: answers && !lacks ? 'stays' : 'leaves' }
  return lacks ? { open: 'joins', closed: 'leaves' } : { open: 'stays', closed: 'stays' }
}
