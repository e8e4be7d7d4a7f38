/**
 * What a position holds, for people and as JSON. Entries of sessions and objects are told as what they are.
 *
 * Read next: `../../objects/runtime/entry.ts`.
 */
import type { Entry } from '../../log/entry.ts'
import type { ReadResult } from '../../log/playback/read.ts'
import { OpDecoder, ROOT_STREAM, readInput } from '../../objects.ts'
import type { OpHead, Part } from '../../objects/runtime/entry.ts'
import type { Identity, SessionEntry, SessionInfo } from '../../sequencer/session-entry.ts'
import type { Output } from '../cli/output.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })
const ops = new OpDecoder()
/** The stream of the sessions of all spaces. */
const SYSTEM_STREAM = 0

/** Tells one position, in as many characters as `width` allows. */
export function tellPosition(output: Output, found: ReadResult, width = Infinity): void {
  if (found.kind !== 'data') {
    output.data(found, `${found.position}  ${found.kind}`)
    return
  }
  tellEntry(output, found.entry, width)
}

/** One entry as a plain value. */
export function entryValue(entry: Entry): object {
  const { position, epoch, writer, logTime, payload } = entry
  const streams = entry.streams.map(({ stream, previous }) => ({ stream, previous }))
  const op = opOf(entry)
  const text = textOf(payload)
  return {
    position,
    kind: 'data',
    epoch,
    writer,
    logTime,
    streams,
    ...(op === undefined ? {} : { op }),
    ...(text === undefined ? { base64: base64Of(payload) } : { text }),
  }
}

/** Tells one entry. */
export function tellEntry(output: Output, entry: Entry, width = Infinity): void {
  const { position, streams, payload } = entry
  const op = opOf(entry)
  const text = textOf(payload)
  output.data(
    output.json ? entryValue(entry) : {},
    output.json
      ? ''
      : `${position}  ${output.dim(`[${streams.map(({ stream }) => stream).join(',')}]`)}  `
          + cut(op === undefined ? (text ?? `base64:${base64Of(payload)}`) : opText(op), width),
  )
}

/** One op of an entry: alone, or a part of a transaction. */
interface PartValue {
  readonly object: string
  readonly type: string
  readonly version: number
  readonly op: string
  readonly input: unknown
}
interface HeadValue {
  readonly incarnation: number
  readonly number: number
  readonly key?: string
  readonly ids?: readonly Identity[]
}
type OpValue =
  | ({ readonly kind: 'open' } & SessionInfo)
  | ({ readonly kind: 'resume'; readonly incarnation: number } & SessionInfo)
  | { readonly kind: 'end'; readonly incarnation: number; readonly epoch: number; readonly clean: boolean }
  | { readonly kind: 'tick'; readonly epoch: number; readonly wall: number }
  | { readonly kind: 'sessions'; readonly asOf: number; readonly part: number; readonly parts: number }
  | { readonly kind: 'restored'; readonly cluster: string; readonly below: number }
  | ({ readonly kind: 'op' } & HeadValue & PartValue)
  | ({ readonly kind: 'transaction'; readonly parts: readonly PartValue[] } & HeadValue)
  | { readonly kind: 'empty' | 'unreadable'; readonly incarnation: number; readonly number: number }

function opOf(entry: Entry): OpValue | undefined {
  if (!entry.streams.some(({ stream }) => stream === ROOT_STREAM || stream === SYSTEM_STREAM)) return undefined
  try {
    return valueOf(entry.payload)
  } catch {
    // Another program's stream, or a newer format: then it is bytes.
    return undefined
  }
}

function valueOf(payload: Uint8Array): OpValue | undefined {
  const found = ops.decode(payload)
  switch (found.kind) {
    case 'bad':
      return undefined
    case 'session':
      return sessionValue(found.entry)
    case 'empty':
    case 'unreadable':
      return found
    case 'op':
      return { kind: 'op', ...headValue(found), ...partValue(payload, found.part) }
    case 'transaction':
      return { kind: 'transaction', ...headValue(found), parts: found.parts.map((part) => partValue(payload, part)) }
    default:
      return found satisfies never
  }
}

function sessionValue(entry: SessionEntry): OpValue {
  switch (entry.kind) {
    case 'open':
      return { kind: 'open', ...entry.info }
    case 'resume':
      return { kind: 'resume', incarnation: entry.incarnation, ...entry.info }
    case 'end':
    case 'tick':
    case 'sessions':
    case 'restored':
      return entry
    default:
      return entry satisfies never
  }
}

const headValue = ({ incarnation, number, key, ids }: OpHead): HeadValue => ({
  incarnation,
  number,
  ...(key === undefined ? {} : { key }),
  ...(ids === undefined ? {} : { ids }),
})

function partValue(payload: Uint8Array, part: Part): PartValue {
  const { type, version, op } = part.what.what
  return { object: part.object, type, version, op, input: withoutBytes(readInput(payload, part)) }
}

/** Bytes of an input as JSON has them. */
function withoutBytes(input: unknown): unknown {
  if (input instanceof Uint8Array) return { base64: base64Of(input) }
  if (Array.isArray(input)) return input.map(withoutBytes)
  if (typeof input !== 'object' || input === null) return input
  return Object.fromEntries(Object.entries(input).map(([key, value]) => [key, withoutBytes(value)]))
}

function opText(op: OpValue): string {
  switch (op.kind) {
    case 'open':
      return `session "${op.name}" opens (timeout ${op.timeoutMs} ms)`
    case 'resume':
      return `session "${op.name}" goes on from incarnation ${op.incarnation} (timeout ${op.timeoutMs} ms)`
    case 'end':
      return `incarnation ${op.incarnation} ends (${endText(op)})`
    case 'tick':
      return op.epoch === 0 ? 'tick' : `tick of epoch ${op.epoch}, wall time ${op.wall} ms`
    case 'sessions':
      return `sessions as of ${op.asOf}, part ${op.part + 1} of ${op.parts}`
    case 'restored':
      return `restored: goes on with what cluster ${op.cluster} had below ${op.below}, without its sessions`
    case 'op':
      return `${partText(op)} ${nameText(op)}`
    case 'transaction':
      return `transaction: ${op.parts.map(partText).join('; ')} ${nameText(op)}`
    case 'empty':
    case 'unreadable':
      return `${op.kind} op ${nameText(op)}`
    default:
      return op satisfies never
  }
}

const endText = ({ epoch, clean }: { readonly epoch: number; readonly clean: boolean }): string =>
  epoch > 0 ? `by the sequencer of epoch ${epoch}` : clean ? 'closed' : 'given up by its owner'
const partText = ({ object, op, input }: PartValue): string => `${object} ${op} ${JSON.stringify(input)}`
const nameText = ({ incarnation, number }: HeadValue): string => `(session ${incarnation}, op ${number})`

function textOf(payload: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(payload)
    // oxlint-disable-next-line no-control-regex -- control characters would play with the terminal
    return /[\u0000-\u0008\u000b-\u001f\u007f]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

const base64Of = (payload: Uint8Array): string => Buffer.from(payload).toString('base64')
const cut = (text: string, width: number): string => (text.length > width ? `${text.slice(0, width - 1)}…` : text)
