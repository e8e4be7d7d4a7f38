/**
 * Configuration that every process follows: written by one, watched by another, one item a change.
 *
 *     node examples/live-configuration.ts
 */
import { boolean, number, object, string } from 'superstruct'
import { SirtakiError, connect, defineObject } from '../index.ts'

/** Settings by name. A writer says which change it has seen, so that two of them do not undo each other's work. */
const Configuration = defineObject({
  name: 'example.configuration',
  version: 1,
  state: object({}),
  initial: () => ({}),
  tables: { flags: object({ on: boolean() }) },
  refusals: { CHANGED: 'refresh' },
  ops: (op) => ({
    set: op(object({ name: string(), on: boolean(), seen: number() }), (_draft, { name, on, seen }, ctx) => {
      const modified = ctx.tables.flags.positions(name)?.modified ?? -1
      if (modified > seen) ctx.reject('CHANGED', { name, modified })
      ctx.tables.flags.set(name, { on })
      return ctx.position
    }),
  }),
})

await using writer = await connect('memory:live', { types: [Configuration] })
await using reader = await connect('memory:live', { types: [Configuration] })
const settings = await writer.open(Configuration, '/settings')
const first = await settings.set({ name: 'beta', on: true, seen: -1 })

const followed = await reader.open(Configuration, '/settings')
await followed.sync()
const flags = new Map<string, unknown>()
// First all records as they are, then each change: nothing is missed in between.
for await (const item of followed.watch({ snapshot: true })) {
  if (item.kind === 'resync') {
    flags.clear()
    for (const { table, key, value } of item.rows) if (table === 'flags') flags.set(key, value)
    console.log('at the start:', JSON.stringify([...flags]))
  } else if (item.kind === 'caughtUp') {
    await settings.set({ name: 'beta', on: false, seen: first })
  } else if (item.kind === 'change') {
    for (const { table, key, after } of item.changes) {
      if (table !== 'flags') continue
      if (after === undefined) flags.delete(key)
      else flags.set(key, after)
    }
    console.log('changed:', JSON.stringify([...flags]))
    break
  }
}

const late = settings.set({ name: 'beta', on: true, seen: first })
console.log(
  'by one that has not seen it:',
  await late.catch((error: unknown) => (error instanceof SirtakiError ? error.code : error)),
)
