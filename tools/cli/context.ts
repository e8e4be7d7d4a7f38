/**
 * What every command is given beside its own flags.
 *
 * Read next: `program.ts`.
 */
import type { Command } from 'commander'
import { endingSignal } from './interrupt.ts'
import { makeOutput, type Output } from './output.ts'

/** The flags that every command takes. */
export interface CommonFlags {
  readonly cluster: string
  readonly timeout: number
  readonly json?: boolean
  readonly blobs?: string
}

/** The common flags, and how to speak and to end. */
export interface Context {
  /** The address of the cluster. */
  readonly cluster: string
  /** The address of the blob store, where one was named. */
  readonly blobs: string | undefined
  /** Patience for one call, in milliseconds. */
  readonly timeoutMs: number
  readonly output: Output
  /** Aborts when the process is told to end. */
  readonly signal: AbortSignal
}

/** Gives the context of a command that runs. */
export function contextOf(command: Command): Context {
  const { cluster, timeout, json, blobs } = command.optsWithGlobals<CommonFlags>()
  const signal = endingSignal()
  return { cluster, blobs, timeoutMs: timeout, output: makeOutput(json === true, signal), signal }
}
