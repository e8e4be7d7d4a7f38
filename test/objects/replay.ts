/**
 * Plays recorded logs from genesis: text in, text out, so that any engine can do it.
 *
 * It imports what a browser would, and nothing of Node. Read next: `recorded-logs.ts`, `../real/portable.test.ts`.
 */
import { array, number, object, string } from 'superstruct'
import { Counter } from '../../objects/counter/type.ts'
import { defineObject } from '../../objects/define-object.ts'
import { Lock } from '../../objects/lock/type.ts'
import { Queue } from '../../objects/queue/type.ts'
import { hashText, hexOf } from '../../objects/runtime/digest.ts'
import type { Outcome } from '../../objects/runtime/outcome.ts'
import { Space } from '../../objects/runtime/space.ts'
import { TreeType } from '../../objects/tree/type.ts'

/** An op that works on a draft, and ops that fail in ways of the engine. */
export const Notes = defineObject({
  name: 'test.notes',
  version: 1,
  state: object({ total: number(), words: array(string()) }),
  initial: () => ({ total: 0, words: [] }),
  tables: { rows: object({ n: number() }) },
  ops: (op) => ({
    add: op(object({ word: string(), n: number() }), (draft, { word, n }, ctx) => {
      draft.total = draft.total * 0.1 + n / 3
      draft.words = [...draft.words.slice(-4), word.toUpperCase()].sort()
      ctx.tables.rows.set(word, { n: draft.total })
      return { draft: draft.words.join(), total: draft.total }
    }),
    drop: op(string(), (_draft, word, ctx) => {
      if (!ctx.tables.rows.has(word)) ctx.reject('no such word', { word })
      ctx.tables.rows.delete(word)
    }),
    digits: op(number(), (_draft, digits) => (1 / 3).toFixed(digits)),
    trip: op(string(), (_draft, json) => JSON.stringify(JSON.parse(json))),
  }),
})

/** The types that recorded logs know. */
export const recordedTypes = [Counter, Lock, Queue, TreeType, Notes] as const

/** One entry: its payload in hexadecimal digits. */
export interface RecordedEntry {
  readonly position: number
  readonly epoch: number
  readonly logTime: number
  readonly streams: readonly number[]
  readonly payload: string
}

/** What one log came to. */
export interface Replayed {
  readonly name: string
  readonly entries: number
  readonly digest: string
  /** Of all outcomes, settled waits and events, as they were told. */
  readonly told: string
}

/** Plays logs that are given as JSON; gives what they came to as JSON. */
export function replayAll(logs: string): string {
  const read: { readonly name: string; readonly entries: readonly RecordedEntry[] }[] = JSON.parse(logs)
  return JSON.stringify(read.map(({ name, entries }) => replay(name, entries)))
}

function replay(name: string, entries: readonly RecordedEntry[]): Replayed {
  const space = new Space()
  for (const type of recordedTypes) space.register(type)
  space.isLive = true
  let told = ''
  for (const { streams, payload: digits, ...entry } of entries) {
    const payload = Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
      parseInt(digits.slice(2 * i, 2 * i + 2), 16),
    )
    const links = streams.map((stream) => ({ stream, previous: -1 }))
    const { outcome, settled, events } = space.apply({
      ...entry,
      writer: 1,
      streams: links,
      payload,
      hash: 0,
      bytes: payload,
    })
    told = hexOf(hashText(told + JSON.stringify([plain(outcome), settled, events])))
  }
  return { name, entries: entries.length, digest: space.digest().digest, told }
}

/** What an op threw is for people: engines word it otherwise. */
const plain = (outcome: Outcome): unknown => (outcome.kind === 'failed' ? { ...outcome, cause: '' } : outcome)
