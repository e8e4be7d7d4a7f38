/**
 * What a program tells whoever looks on in its process, by `node:diagnostics_channel`: nothing is made where nobody
 * does.
 *
 *     subscribe('sirtaki:extension', ({ extension, run, fuel, limit, code, position }) => ...)
 *
 * Read next: `../connect.ts`, `docs/extensions.md`.
 */
import { channel } from 'node:diagnostics_channel'

const extension = channel('sirtaki:extension')

/** Tells of each call of an extension, as it is played, besides whom the program names itself. */
export const tellingOf =
  <C>(own: ((call: C) => void) | undefined) =>
  (call: C): void => {
    own?.(call)
    if (extension.hasSubscribers) extension.publish(call)
  }
