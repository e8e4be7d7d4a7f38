/**
 * What SQLite and the system say when a store fails, as our errors: what it was, where, and what to do.
 *
 * Read next: `sqlite-store.ts`.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SirtakiError } from '../errors.ts'

const codeOf = (thrown: unknown): string => (thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '')

/** Whether a write found no room: nothing was synced, so the disk holds what it held before. */
export const isFull = (thrown: unknown): boolean => /^(SQLITE_FULL|ENOSPC|EDQUOT)$/.test(codeOf(thrown))

/**
 * Says what went wrong with the folder and what to do. `writing`: the state of the disk is unknown now, whatever the
 * cause.
 */
export function storeError(thrown: unknown, folder: string, doing: string, writing = false): SirtakiError {
  if (thrown instanceof SirtakiError) return thrown
  const code = codeOf(thrown)
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  const options = { cause: thrown, facts: { path: folder, code } }
  if (!writing && /^SQLITE_(BUSY|LOCKED)/.test(code)) return inUse(folder, options)
  // A plain SQLITE_ERROR is a schema that is not ours any more, TOOBIG a length that nobody wrote.
  if (!writing && /^SQLITE_(CORRUPT|NOTADB|TOOBIG|ERROR$)/.test(code)) {
    return damaged(join(folder, 'unit.db'), text, thrown)
  }
  const advice = isFull(thrown) ? 'The disk is full: make room' : 'Check the disk and the rights of the folder'
  return new SirtakiError('IO', `could not ${doing} ${folder}: ${text}. ${advice}, then start again`, options)
}

function inUse(folder: string, options: { readonly cause: unknown }): SirtakiError {
  const path = join(folder, 'unit.pid')
  const pid = statSync(path, { throwIfNoEntry: false }) === undefined ? undefined : Number(readFileSync(path, 'utf8'))
  const who = pid === undefined ? 'another process' : `process ${pid}`
  return new SirtakiError('IN_USE', `the folder ${folder} is in use by ${who}: stop that one or name another folder`, {
    cause: options.cause,
    facts: { path: folder, pid },
  })
}

/** The error for a file that cannot be believed. */
export function damaged(path: string, reason: string, cause?: unknown): SirtakiError {
  return new SirtakiError(
    'DAMAGED',
    `${path} is damaged: ${reason}. Start with \`--salvage\` to keep what verifies as a unit that is not `
      + `whole; or ${START_EMPTY}`,
    { cause, facts: { path, reason } },
  )
}

/** The error for a folder that salvage cannot open either. */
export function beyondSalvage(folder: string, { facts, message }: SirtakiError): SirtakiError {
  const reason = typeof facts['reason'] === 'string' ? facts['reason'] : message
  return new SirtakiError('DAMAGED', `nothing can be salvaged from ${folder}: ${reason}. Instead ${START_EMPTY}`, {
    facts,
  })
}

const START_EMPTY =
  'put the folder aside, start with an empty one and let `sirtaki reconfigure replace` put that in the '
  + 'place of the old unit, to copy from its chain; without a peer, restore the folder from a backup'
