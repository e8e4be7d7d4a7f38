/** Finds free ports in a row, for servers that a test starts. */
import { createServer } from 'node:net'

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
      .once('error', () => {
        resolve(false)
      })
      .listen(port, '127.0.0.1', () =>
        server.close(() => {
          resolve(true)
        }),
      )
  })

/** Gives `count` ports, one after the other, that nothing listens on. */
export async function freePorts(count: number): Promise<number[]> {
  for (;;) {
    // Below the ports that connections are given by themselves (from 32,768 on with Linux): one of those may be taken
    // at any moment.
    const base = 20_000 + Math.floor(Math.random() * 12_000)
    const ports = Array.from({ length: count }, (_, i) => base + i)
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return ports
  }
}
