/** The sequencer and connecting to a log: `sirtaki/sequencer`. */
export { connectLog, type ConnectedLog, type ConnectLogOptions } from './client.ts'
export { Sequencer } from './sequencer.ts'
export { SequencerServer, type SequencerServerOptions } from './server.ts'
