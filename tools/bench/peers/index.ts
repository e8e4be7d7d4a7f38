/** The peers of the bench. Read next: `peer.ts`. */
import { etcd } from './etcd.ts'
import { nats } from './nats.ts'
import type { PeerKind } from './peer.ts'
import { zookeeper } from './zookeeper.ts'

export type { PeerKind, PeerLoad, PeerName, RunningPeer } from './peer.ts'

/** Every peer, in the order of our tables. */
export const peers: readonly PeerKind[] = [zookeeper, etcd, nats]
