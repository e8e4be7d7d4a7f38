import { connectLog } from '../../log.ts'

const { client, close } = await connectLog('memory:', { unitsPerChain: 3 })
const { position } = await client.append(new TextEncoder().encode('hello'), { streams: [27] })
const found = await client.read(position)                // data, junk, trimmed or unwritten
console.log(found.kind, (await client.tail()).tail > position)
for (const entry of await client.readStream({ stream: 27 })) console.log(entry.position, entry.payload.byteLength)
await close()
