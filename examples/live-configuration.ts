/**
 * Configuration that every process follows: nodes of a tree, written by one, kept at hand by another.
 *
 *     node examples/live-configuration.ts
 */
import { SirtakiError, connect } from '../index.ts'

await using writer = await connect('memory:live')
await using reader = await connect('memory:live')

// A node a setting. Its version says which change a writer has seen, so that two do not undo each other's work.
const settings = await writer.tree('/settings')
await settings.create('/flags', null)
await settings.create('/flags/beta', true)

// The cache has all nodes below a path, as they were at the start, and hears of each change: nothing is missed between.
const followed = await reader.tree('/settings')
await followed.sync()
let changed: (text: string) => void = () => undefined
const nextChange = (): Promise<string> =>
  new Promise((resolve) => {
    changed = resolve
  })
await using flags = followed.cache('/flags', {
  changed: ({ path, before, after }) => {
    changed(`${path} was ${JSON.stringify(before?.value)}, is ${JSON.stringify(after?.value)}`)
  },
})
await flags.ready
console.log('at the start:', flags.get('/flags/beta')?.value)

const heard = nextChange()
await settings.set('/flags/beta', false, { version: 0 })
console.log('changed:', await heard)
console.log('in the cache:', flags.get('/flags/beta')?.value)

const late = settings.set('/flags/beta', true, { version: 0 })
console.log(
  'by one that has not seen it:',
  await late.catch((error: unknown) => (error instanceof SirtakiError ? error.code : error)),
)

// A watch says what happens, and nothing of values: here to the children of a node.
for await (const item of followed.watch('/flags', { children: true })) {
  if (item.kind === 'caughtUp') await settings.create('/flags/dark', true)
  if (item.kind !== 'events') continue
  console.log('watched:', item.events.map(({ kind, path }) => `${path} ${kind}`).join(', '))
  break
}
