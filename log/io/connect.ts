/**
 * The ports of a real process: system clock and randomness, TCP and unix sockets.
 *
 * Read next: `../client/connect.ts`.
 */
import type { Ports } from '../ports.ts'
import { makeClock } from './clock.ts'
import { netTransport } from './net-transport.ts'
import { systemRandom } from './random.ts'

/**
 * Ports of this process. With `unreferenced` timers and dialled connections do not keep it alive: what holds the clock
 * does.
 */
export function systemPorts(options: { readonly unreferenced?: boolean } = {}): Ports {
  return { clock: makeClock(options), random: systemRandom, transport: netTransport(options) }
}
