/** Servers of the sequencer: `sirtaki/sequencer`. */
export { Sequencer } from './sequencer/sequencer.ts'
export { SequencerServer, type SequencerServerOptions } from './sequencer/server.ts'
