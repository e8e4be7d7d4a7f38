/** The log by itself, and connecting to one by its address: `sirtaki/log`. */
export { connectLog, type ConnectedLog, type ConnectLogOptions } from './sequencer/connect.ts'

export { LogClient, type AppendOptions, type StreamOptions, type SubscribeOptions } from './log/client/client.ts'

export type { Appended } from './log/client/batch.ts'

export type { CallOptions } from './log/cluster/calls.ts'

export type { ReadResult } from './log/playback/read.ts'

export type { Tails } from './log/playback/tail.ts'

export { OBJECT_STREAMS, type Decided, type Entry, type Previous, type StreamLink } from './log/entry.ts'

export { SirtakiError, isError, type Code, type Next } from './log/errors.ts'

export { limits, type Limits } from './log/limits.ts'

export type { Layout } from './log/layout.ts'

export type { Clock, Ports, Random, Transport } from './log/ports.ts'
