/**
 * A door as a process: `ADDRESS LIMITS` (some bounds as JSON). Says `ready ADDRESS`; answers every request with so
 * many bytes as its body says in text. To a line `look N` it says `look-N` with the callers, the sockets and the
 * bytes in use.
 *
 * Read next: `flood.test.ts`.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { systemPorts } from '../../log/io/connect.ts'
import { netTransport } from '../../log/io/net-transport.ts'
import { limits as usual, type Limits } from '../../log/limits.ts'
import { openDoor } from '../../log/wire/server.ts'

const [, , address = '', over = '{}'] = process.argv
const limits: Limits = { ...usual, ...JSON.parse(over) }
const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}
setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const transport = netTransport({ lingerMs: 200, connectionsMax: 2 * limits.connectionsMax })
const door = await openDoor({ ...systemPorts(), transport }, limits, address, {
  cluster: () => null,
  layout: () => null,
  gone: () => undefined,
  request: ({ caller, kind, request, body }) => {
    caller.answer(kind, request, new Uint8Array(Number(new TextDecoder().decode(body))))
  },
})
say(`ready ${door.listener.address}`)

createInterface({ input: process.stdin }).on('line', (line) => {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  const sockets = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
  say(`${line.replace(' ', '-')} ${door.connections()} ${sockets} ${heapUsed + arrayBuffers}`)
})
