/**
 * A process that owns sessions until it is killed, each of a client and with a heart of its own.
 *
 *     session-owner.ts ADDRESS ["NAME", ...]
 *
 * A session's end is seen by its ephemeral node. Read next: `session-end.ts`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { array, create, string } from 'superstruct'
import { ObjectClient } from '../../objects/client.ts'
import { spaceLogOf, type SpaceLog } from '../../objects/runtime/space-log.ts'
import { connectLog } from '../../sequencer/connect.ts'
import { ENDS_PATH } from './object-loads.ts'
import { BEAT_MS, SESSION_TIMEOUT_MS, epochMs, type Said } from './session-end.ts'

const [address = '', list = '[]'] = process.argv.slice(2)
const names = create(JSON.parse(list), array(string()))
process.on('disconnect', () => {
  process.exit(0)
})
const tell = (said: Said): void => {
  process.send?.(said)
}

/** A log that tells when a heartbeat that was confirmed had been sent. */
function telling(log: SpaceLog, name: string): SpaceLog {
  return {
    ...log,
    heartbeat: async (incarnations, options) => {
      const sentAt = epochMs()
      const answer = await log.heartbeat(incarnations, options)
      if (answer.confirmed.every(Boolean)) tell({ name, sentAt })
      return answer
    },
  }
}

const { client } = await connectLog(address, { name: 'owner' })
await Promise.all(
  names.map(async (name, i) => {
    await sleep((i * BEAT_MS) / names.length)
    const objects = new ObjectClient(telling(spaceLogOf(client), name), { timeoutMs: SESSION_TIMEOUT_MS })
    const tree = await objects.tree(ENDS_PATH)
    tell({ name, sentAt: epochMs() })
    await tree.create(`/${name}`, null, { ephemeral: true }).catch(() => {
      tell({ name, sentAt: undefined })
    })
  }),
)
tell('open')
