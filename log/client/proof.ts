/**
 * Proof that an epoch is current: taken after the question began, from servers, never from memory.
 *
 * Either a majority of the epoch's acceptors have promised no slot above it, or all units of one chain of the open segment
 * are installed at it and not sealed above. Keeps: L7, O1, P5. Read next: `tail.ts`. @source DESIGN 4 (Reading the tail).
 */
import { SirtakiError, asError } from '../errors.ts'
import { openSegment, type Layout } from '../layout/layout.ts'
import { CurrentAnswer } from '../wire/control.ts'
import type { Cluster } from './cluster.ts'

/**
 * Settles once the epoch of `layout` is proved to have been current after this call began.
 *
 * @throws SirtakiError `EPOCH` when it is not, or when it cannot be proved now.
 */
export function proveCurrent(cluster: Cluster, layout: Layout): Promise<void> {
  const { epoch, acceptors } = layout
  const chain = openSegment(layout).chains[0] ?? []
  const addresses = new Set([...acceptors.map((one) => one.address), ...chain.map((one) => one.address)])
  return new Promise((resolve, reject) => {
    let waiting = addresses.size
    let promises = 0
    let last: SirtakiError | undefined
    const installed = new Set<string>()
    const count = (address: string, answer: CurrentAnswer): void => {
      if (acceptors.some((one) => one.address === address && one.identity === answer.identity) && answer.slot <= epoch && answer.slot > 0) promises++
      if (chain.some((one) => one.address === address && one.boot === answer.boot) && answer.installed === epoch && answer.sealed === epoch) installed.add(address)
      if (promises * 2 > acceptors.length || installed.size === chain.length) resolve()
    }
    for (const address of addresses) {
      cluster.peer(address).control('current', { epoch }, CurrentAnswer)
        .then((answer) => { count(address, answer) }, (thrown: unknown) => { last = asError(thrown) })
        .finally(() => { if (--waiting === 0) reject(new SirtakiError('EPOCH', `epoch ${epoch} could not be proved current`, { cause: last, facts: { epoch } })) })
    }
  })
}
