/** A program with an op that ends when it is told to: `node looping-process.ts end | hang`. */
import { boolean, number, object } from 'superstruct'
import { connect, defineObject } from '../../index.ts'

const Loop = defineObject({
  name: 'test.loop',
  version: 1,
  state: object({ turns: number() }),
  initial: () => ({ turns: 0 }),
  ops: (op) => ({
    turn: op(object({ forEver: boolean() }), (draft, { forEver }) => {
      do draft.turns++
      while (forEver)
      return draft.turns
    }),
  }),
})

const client = await connect('memory:', { types: [Loop], watchdog: true })
const loop = await client.open(Loop, '/loops/ä')
console.log(`turn ${await loop.turn({ forEver: false })}`)
console.log(`turn ${await loop.turn({ forEver: process.argv[2] === 'hang' })}`)
await client.close()
