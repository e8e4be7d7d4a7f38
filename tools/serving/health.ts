/**
 * Whether a server does what it is there for: the page /healthz.
 *
 *     unit        serving, spare: healthy, unless its disk is full
 *                 sealed: healthy for as long as an epoch takes to open     everything else: not
 *     sequencer   ready: healthy              waiting: where it was started to stand by         deposed: not
 *
 * A machine: time is handed in. Read next: `http-server.ts`, `./serving.ts`.
 */
import type { SequencerStatus, UnitStatus } from '../cluster/members.ts'

/** A verdict; `reason` says why not. */
export interface Health {
  readonly isHealthy: boolean
  readonly reason: string | undefined
}

/** An epoch that takes longer to open than this is stuck: drivers try every second. */
export const SEALED_MS = 10_000

const healthy: Health = { isHealthy: true, reason: undefined }
const ill = (reason: string): Health => ({ isHealthy: false, reason })

/** Follows a unit over time. */
export class UnitHealth {
  #sealedSince: number | undefined

  /** Gives the verdict at `now`, in milliseconds of a clock that only goes forward. */
  judge({ role, epoch, sealed, stopped, copy, full }: UnitStatus, now: number): Health {
    this.#sealedSince = role === 'sealed' ? (this.#sealedSince ?? now) : undefined
    if (this.#sealedSince !== undefined) {
      const ms = now - this.#sealedSince
      return ms < SEALED_MS
        ? healthy
        : ill(
            `sealed at epoch ${sealed} for ${Math.floor(ms / 1_000)} s, and that epoch does not open: `
              + 'sirtaki reconfigure opens the next one',
          )
    }
    switch (role) {
      case 'serving':
      case 'spare':
        return full === true
          ? ill('full: its disk has too little room, appends are refused until there is more')
          : healthy
      case 'blank':
        return ill('blank: it belongs to no cluster yet, sirtaki init makes one')
      case 'recovering':
        return ill(`recovering: epoch ${epoch} names another start of this unit, and the next one is not open yet`)
      case 'copying':
        return ill(copy === undefined || copy === null ? 'copying' : `copying: at position ${copy.at} of ${copy.to}`)
      case 'stopped':
        return ill(`stopped${stopped === undefined ? '' : `: ${stopped}`}`)
      default:
        return ill(role)
    }
  }
}

/** Judges a sequencer; `standby`: it was started to wait until it is needed. */
export function sequencerHealth({ role }: SequencerStatus, standby: boolean): Health {
  if (role === 'ready') return healthy
  if (role === 'deposed' && !standby) return ill('deposed: another sequencer has its place')
  if (role === 'blind') return ill('blind: it reaches too few units')
  if (role === 'stopped') return ill('stopped: see its log')
  return standby ? healthy : ill(`${role}: it is not the sequencer yet`)
}
