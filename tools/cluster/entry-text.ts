/**
 * What a position holds, for people and as JSON. Entries of the objects' stream are told as the ops that they are.
 *
 * Read next: `../../objects/runtime/entry.ts`.
 */
import type { Entry } from '../../log/entry.ts'
import type { ReadResult } from '../../log/playback/read.ts'
import { OpDecoder, ROOT_STREAM, readInput } from '../../objects.ts'
import type { Output } from '../cli/output.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })
const ops = new OpDecoder<undefined>()

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

type OpValue =
  | { readonly kind: 'open'; readonly name: string }
  | {
      readonly kind: 'op'
      readonly object: string
      readonly op: string
      readonly session: number
      readonly number: number
      readonly input: unknown
    }

function opOf(entry: Entry): OpValue | undefined {
  if (!entry.streams.some(({ stream }) => stream === ROOT_STREAM)) return undefined
  try {
    const { payload } = entry
    const found = ops.decode(payload)
    if (found.kind === 'open') return found
    if (found.kind !== 'op') return undefined
    const { object, op } = found.to.target
    return {
      kind: 'op',
      object,
      op,
      session: found.session,
      number: found.number,
      input: readInput(payload, found.inputAt),
    }
  } catch {
    // Another program's stream 1, or a newer format: then it is bytes.
    return undefined
  }
}

const opText = (op: OpValue): string =>
  op.kind === 'open'
    ? `session "${op.name}" opens`
    : `${op.object} ${op.op} ${JSON.stringify(op.input)} (session ${op.session}, op ${op.number})`

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
