/**
 * The log by itself: append entries to streams, read one, read a stream, drop the beginning.
 *
 *     node examples/append-and-read.ts
 */
import { connect } from '../index.ts'

await using client = await connect('memory:')
const { log } = client
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytes = (words: string): Uint8Array => new TextEncoder().encode(words)

// One entry may belong to several streams; its position is its identity.
const first = await log.append(bytes('to both streams'), { streams: [20, 21] })
const second = await log.append(bytes('to one stream'), { streams: [21] })

const found = await log.read(first.position)
console.log('read:', found.kind === 'data' ? text(found.entry.payload) : found.kind)

for (const entry of await log.readStream({ stream: 21 })) console.log('stream 21:', text(entry.payload))

await log.trim(second.position)
console.log('after the trim:', (await log.read(first.position)).kind)
