/**
 * A process that holds the lock of a folder until it is killed: `FOLDER`. Says `holds PID`.
 *
 * Read next: `host-lock.test.ts`.
 */
import { writeSync } from 'node:fs'
import { takeHostLock } from '../../../log/io/host-lock.ts'

const lock = takeHostLock({ path: process.argv[2] ?? '' })
writeSync(1, `holds ${process.pid}\n`)
setInterval(() => {
  lock.check()
}, 1_000)
