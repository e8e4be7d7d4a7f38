/**
 * What a unit does about its own place in the cluster: after a restart it drives the epoch that names its new boot, and
 * it drives an epoch that was promised or agreed but does not open (P23).
 *
 * A flow beside the server. Owns nothing. Keeps: L11 (liveness). Read next: `../layout/reconfigure.ts`.
 */
import { asError } from '../errors.ts'
import { Cluster } from '../client/cluster.ts'
import { pause } from '../client/retry.ts'
import { openSegment, type Layout } from '../layout/layout.ts'
import { reconfigure } from '../layout/reconfigure.ts'
import type { UnitServer } from './server.ts'

/** A running supervision; `close` ends it. */
export interface Rejoin { close(): void }

/** Watches over the unit's place until closed. */
export function superviseUnit(server: UnitServer, log: (text: string) => void = () => undefined): Rejoin {
  const { ports, limits, name } = server.options
  let cluster: Cluster | undefined
  let closed = false
  const look = async (): Promise<void> => {
    let stuckSince: number | undefined
    while (!closed && server.stopped === undefined) {
      const { state } = server.unit
      const { layout } = state
      if (layout !== undefined) {
        cluster ??= new Cluster({ ports, limits, name: `${name} (driver)`, addresses: [server.address], layout })
        cluster.learn(layout)
        const need = needOf(server, layout)
        if (need === 'none') stuckSince = undefined
        else stuckSince ??= ports.clock.now()
        const patience = need === 'restarted' ? 0 : limits.stuckMs
        if (stuckSince !== undefined && ports.clock.now() - stuckSince >= patience && stillNamed(cluster, server)) await drive(cluster, server, log)
      }
      await pause(ports.clock, limits.probeMs * (stuckSince === undefined ? IDLE_PROBES : 1) * (0.5 + ports.random.next()))
    }
  }
  void look().catch((thrown: unknown) => { log(asError(thrown).message) })
  return { close() { closed = true; cluster?.close() } }
}

/** A unit in its place looks at itself so much more rarely. */
const IDLE_PROBES = 3

type Need = 'none' | 'restarted' | 'stuck'

function needOf(server: UnitServer, layout: Layout): Need {
  const { state } = server.unit
  if (state.role === 'recovering') return 'restarted'
  if (Math.max(state.sealed, server.acceptor.initialised ? server.acceptor.slot : 0) > layout.epoch) return 'stuck'
  // The first epoch is opened by the next one; every other one must open by itself.
  return state.opened < layout.epoch && layout.epoch > 1 ? 'stuck' : 'none'
}

const stillNamed = (cluster: Cluster, server: UnitServer): boolean => {
  const { layout } = cluster
  return layout !== undefined && openSegment(layout).chains.flat().some((unit) => unit.identity === server.unit.state.identity)
}

async function drive(cluster: Cluster, server: UnitServer, log: (text: string) => void): Promise<void> {
  try {
    const layout = await reconfigure(cluster, { moved: [{ identity: server.unit.state.identity, address: server.address }] }, { timeoutMs: server.options.limits.requestMs })
    log(`epoch ${layout.epoch} is open`)
  } catch (thrown) {
    log(`the next epoch could not be opened yet: ${asError(thrown).message}`)
  }
}
