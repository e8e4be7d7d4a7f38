/**
 * Empties the microtask queue: a tick asked for by a microtask runs when no microtask is left, and costs no turn of the
 * event loop.
 */
export const drain = (): Promise<void> =>
  new Promise((resolve) => {
    process.nextTick(resolve)
  })
