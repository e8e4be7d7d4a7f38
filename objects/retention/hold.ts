/**
 * Keeps a part of the log for somebody who reads it: nobody trims it while it is held.
 *
 * Views do not hold: one that falls behind goes on from a checkpoint. Keeps: P27. Read next: `type.ts`.
 */
import type { CallOptions } from '../../log/cluster/calls.ts'
import { Backoff } from '../../log/cluster/retry.ts'
import { asError, isError } from '../../log/errors.ts'
import { makeHandle, type ObjectPort } from '../handle.ts'
import { RETENTION_PATH } from '../runtime/checkpoint-note.ts'
import { Retention } from './type.ts'

/** What is held, and how the call goes. */
export interface HoldOptions extends CallOptions {
  /** The log is kept from here on. */
  readonly position: number
  /** What needs it, for people. */
  readonly name: string
}

/** A part of the log that is kept, until it is released or the session ends. */
export interface HeldLog extends AsyncDisposable {
  readonly position: number
  release(): Promise<void>
}

/**
 * Holds the log. A hold whose answer was lost is given back: it is named by who asks for it.
 *
 * @throws SirtakiError `TRIMMED` where the position is below the mark; as any op.
 */
export async function holdLog(port: ObjectPort, { position, name, ...options }: HoldOptions): Promise<HeldLog> {
  const { log } = port.view
  const retention = makeHandle(Retention, RETENTION_PATH, port)
  const id = log.random.id()
  const back = (): Promise<void> => giveBack(port, () => retention.release({ id }, { background: true }))
  try {
    await retention.hold({ id, position, name }, options)
  } catch (thrown) {
    if (asError(thrown).next === 'unknown') void back()
    throw thrown
  }
  let released: Promise<void> | undefined
  const release = (): Promise<void> =>
    (released ??= retention.release({ id }).catch((thrown: unknown) => {
      released = undefined
      throw thrown
    }))
  // Who leaves its scope has what it wanted, whatever becomes of the hold: that goes on by itself.
  const leave = (): Promise<void> =>
    release().catch(() => {
      void back()
    })
  return { position, release, [Symbol.asyncDispose]: leave }
}

/** Releases until that is decided, or the session is gone and its holds with it. */
async function giveBack({ view }: ObjectPort, release: () => Promise<void>): Promise<void> {
  const backoff = new Backoff(view.log, view.log.limits)
  while (view.stopped === undefined) {
    try {
      await release()
      return
    } catch (thrown) {
      if (isError(thrown, 'NOT_HELD', 'SESSION_LOST', 'SESSION_MOVED', 'CLOSED', 'STOPPED')) return
      await backoff.wait()
    }
  }
}
