import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, Counter } from '../../index.ts'

const folder = await mkdtemp(join(tmpdir(), 'shop-'))    // yours: any folder on a disk of this machine
const first = await connect(`file:${folder}`)            // hosts
const second = await connect(`file:${folder}`)           // joins, as another process would
await (await first.open(Counter, '/hits')).add({ by: 1 })
await first.close()                                      // the second takes over
console.log(await (await second.open(Counter, '/hits')).add({ by: 1 }))   // 2
await second.close()
await rm(folder, { recursive: true })
