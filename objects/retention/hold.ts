/**
 * Keeps a part of the log for somebody who reads it: nobody trims it while it is held.
 *
 * Views do not hold: one that falls behind goes on from a checkpoint. Keeps: P27. Read next: `type.ts`.
 */
import type { CallOptions } from '../../log/cluster/calls.ts'
import { makeHandle, type ObjectPort } from '../handle.ts'
import { RETENTION_PATH, Retention } from './type.ts'

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

/** Holds the log. @throws SirtakiError `TRIMMED` where the position is below the mark; as any op. */
export async function holdLog(port: ObjectPort, { position, name, ...options }: HoldOptions): Promise<HeldLog> {
  const retention = makeHandle(Retention, RETENTION_PATH, port)
  const { hold } = await retention.hold({ position, name }, options)
  let released: Promise<void> | undefined
  const release = (): Promise<void> => (released ??= retention.release({ hold }))
  return { position, release, [Symbol.asyncDispose]: release }
}
