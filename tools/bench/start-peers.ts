/** Starts the peers that can run here; says of the others why not. Read next: `peers/peer.ts`. */
import { join } from 'node:path'
import { peers } from './peers/index.ts'
import { PeerSystem, type System } from './systems.ts'

/** A peer that is missing something or does not start is left out, with a reason. */
export async function startPeers(folder: string, tell: (text: string) => void): Promise<System[]> {
  const started: System[] = []
  for (const kind of peers) {
    const missing = await kind.missing()
    if (missing !== undefined) {
      tell(`${kind.name} is left out: ${missing}`)
      continue
    }
    try {
      started.push(new PeerSystem(await kind.start(join(folder, kind.name), tell)))
    } catch (thrown) {
      tell(`${kind.name} is left out, it did not start: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
    }
  }
  return started
}
