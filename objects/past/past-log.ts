/**
 * A log as it was at a position: what stands above it is not there, and nothing can be appended.
 *
 * The runtime plays it as any other log, so everything that reads objects reads the past as well. Skips are those of
 * today: what an operator has left out is left out of the past too. Keeps: C4. Read next: `past.ts`.
 */
import type { Entry } from '../../log/entry.ts'
import { SirtakiError } from '../../log/errors.ts'
import type { StreamEvents } from '../../log/playback/stream-player.ts'
import type { SpaceLog } from '../runtime/space-log.ts'
import type { CheckpointSource } from '../runtime/stored-space.ts'

/** The error of whatever would change it. */
const readOnly = (): SirtakiError =>
  new SirtakiError('UNSUPPORTED', 'the past is for reading: open the object with a client of today to change it')

const future = (to: number, position: number): SirtakiError =>
  new SirtakiError(
    'BAD_ARGUMENT',
    `position ${to - 1} is behind the past that is looked at, which ends at ${position}`,
    {
      facts: { position: to - 1, end: position },
    },
  )

/** The log of one space up to a position, inclusive. */
export function pastLog(log: SpaceLog, stream: number, position: number): SpaceLog {
  const end = position + 1
  return {
    clock: log.clock,
    random: log.random,
    limits: log.limits,
    isReadOnly: true,
    failpoint: log.failpoint,
    append: () => Promise.reject(readOnly()),
    overloaded: () => undefined,
    heartbeat: () => Promise.reject(readOnly()),
    waitsFor: () => log.waitsFor?.(),
    // No deadline of the past falls due now.
    tail: async (asked, flow) => (asked === stream ? { tail: end, logTime: 0 } : log.tail(asked, flow)),
    play: (asked, events, from = 0) => {
      if (asked !== stream) return log.play(asked, events, from, { live: false })
      const player = log.play(asked, until(events, end), from, { live: false })
      return {
        offer: () => undefined,
        close: () => {
          player.close()
        },
        playTo: (to, flow) => (to > end ? Promise.reject(future(to, position)) : player.playTo(to, flow)),
      }
    },
  }
}

/** Nothing at or above `end` is delivered. */
function until(events: StreamEvents, end: number): StreamEvents {
  const isPast = ({ position }: Entry): boolean => position < end
  return {
    deliver: (entries) => {
      events.deliver(entries.filter(isPast))
    },
    reached: (next) => {
      events.reached(Math.min(next, end))
    },
    failed: events.failed,
  }
}

/** Checkpoints that hold nothing above a position. */
export const pastCheckpoints = (checkpoints: CheckpointSource, position: number): CheckpointSource => ({
  address: checkpoints.address,
  newest: (before) => checkpoints.newest(Math.min(before, position + 1)),
  played: () => undefined,
  replaced: () => undefined,
})
