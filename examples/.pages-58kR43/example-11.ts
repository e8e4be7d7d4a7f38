import { connect, Counter } from '../../index.ts'

const client = await connect('memory:')
const hits = await client.open(Counter, '/hits')
await hits.add({ by: 1 })
for await (const item of hits.watch({ snapshot: true, onGap: 'resync' })) {
  if (item.kind === 'resync') console.log('all records:', item.rows.map(({ value }) => value))
  if (item.kind === 'caughtUp') void hits.add({ by: 2 })
  if (item.kind === 'change') {
    console.log('at', item.position, item.changes.map(({ before, after }) => [before, after]))
    break                                                // leaving the loop ends the watch
  }
}
await client.close()
