/**
 * Which entry broke a rule of the business, and who wrote it: found behind a log that was cut, by a client that begins
 * cold.
 *
 *     node examples/time-travel.ts [address of a blob store]
 *
 * The rule: a shop sells no more than it has. A program of the shop forgets it once.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, Counter, openBlobs } from '../index.ts'
import { Blames, Differences, predicateOf } from '../objects.ts'

const store = process.argv[2] ?? `file:${mkdtempSync(join(tmpdir(), 'sirtaki-time-travel-'))}`
const blobs = openBlobs(store)

// A year of the shop: sales, checkpoints, and a log that is cut behind them.
await using shop = await connect('memory:shop', { name: 'shop', blobs })
const apples = await shop.open(Counter, '/stock/apples')
await apples.add({ by: 1_000 })
for (let month = 0; month < 4; month++) {
  for (let sale = 0; sale < 50; sale++) await apples.add({ by: -1 })
  await shop.checkpoint()
}
const { before: kept } = await shop.trim()
console.log('the beginning of the log is gone:', kept > 0)
const morning = shop.position

// The rule is broken by somebody, and everybody goes on.
await using till = await connect('memory:shop', { name: 'till 7', blobs })
await (await till.open(Counter, '/stock/apples')).add({ by: -900 })
for (let sale = 0; sale < 20; sale++) await apples.add({ by: -1 })

// A client that begins now: one checkpoint, and the entries behind it.
await using auditor = await connect('memory:shop', { name: 'auditor', blobs })
await auditor.sync()
const view = await auditor.open(Counter, '/stock/apples')
console.log('apples now:', view.state.value)
await using then = await auditor.at(morning)
console.log('apples in the morning:', (await then.open(Counter, '/stock/apples')).state.value)

const differences = new Differences()
const blames = new Blames('/stock/apples')
const isBroken = predicateOf('state != null && state.value < 0', '/stock/apples')
let broken: string | undefined
for await (const step of auditor.history({ from: morning + 1 })) {
  differences.add(step.entry.position, step.played.patches)
  blames.add(step)
  if (broken === undefined && isBroken(step)) {
    const [op] = step.ops
    broken = `${op?.op} ${JSON.stringify(op?.input)} by ${step.session?.name}`
  }
}
const [apple] = differences.all().filter(({ path }) => path === '/stock/apples')
console.log('since then:', JSON.stringify(apple?.before), 'became', JSON.stringify(apple?.after))
console.log(
  'set last by:',
  blames
    .all()
    .map(({ name }) => name)
    .join(),
)
console.log('the rule was broken first by:', broken)
blobs.close()
