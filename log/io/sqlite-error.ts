/**
 * What SQLite and the system say when a store fails, as our errors: what it was, where, and what to do.
 *
 * Read next: `sqlite-store.ts`.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SirtakiError } from '../errors.ts'

/** Says what went wrong with the folder and what to do. `writing`: the state of the disk is unknown now, whatever the cause. */
export function storeError(thrown: unknown, folder: string, doing: string, writing = false): SirtakiError {
  if (thrown instanceof SirtakiError) return thrown
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  const options = { cause: thrown, facts: { path: folder, code } }
  if (!writing && /^SQLITE_(BUSY|LOCKED)/.test(code)) return inUse(folder, options)
  if (!writing && /^SQLITE_(CORRUPT|NOTADB)/.test(code)) return damaged(join(folder, 'unit.db'), text, thrown)
  const advice = /^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code) ? 'The disk is full: make room' : 'Check the disk and the rights of the folder'
  return new SirtakiError('IO', `could not ${doing} ${folder}: ${text}. ${advice}, then start again`, options)
}

function inUse(folder: string, options: { readonly cause: unknown }): SirtakiError {
  const path = join(folder, 'unit.pid')
  const pid = statSync(path, { throwIfNoEntry: false }) === undefined ? undefined : Number(readFileSync(path, 'utf8'))
  const who = pid === undefined ? 'another process' : `process ${pid}`
  return new SirtakiError('IN_USE', `the folder ${folder} is in use by ${who}: stop that one or name another folder`, { cause: options.cause, facts: { path: folder, pid } })
}

/** The error for a file that cannot be believed. */
export function damaged(path: string, reason: string, cause?: unknown): SirtakiError {
  return new SirtakiError('DAMAGED', `${path} is damaged: ${reason}. Put its folder aside and start with an empty one: the unit joins as a newcomer and copies from its chain; without a peer, restore the folder from a backup`, { cause, facts: { path } })
}
