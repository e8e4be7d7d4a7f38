/** Plays the logs that come on stdin, and prints what they came to: `node replay-process.ts < logs`. */
import { readFileSync } from 'node:fs'
import { replayAll } from '../objects/replay.ts'

process.stdout.write(replayAll(readFileSync(0, 'utf8')))
