/** Ends a `switch` over all operations of a model. @throws TypeError for a history that has others. */
export function unreachable(input: never): never {
  throw new TypeError(`No such operation: ${JSON.stringify(input)}`)
}
