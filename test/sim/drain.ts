/** Empties the microtask queue: an immediate runs when nothing is left in it. */
export const drain = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })
