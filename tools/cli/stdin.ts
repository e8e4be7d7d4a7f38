/**
 * What a command reads from its standard input.
 *
 * Read next: `../commands/append.ts`, `../commands/queue.ts`.
 */

/** Everything that comes in, until its end. */
export async function stdin(): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of process.stdin) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}
