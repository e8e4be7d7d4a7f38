/** When an epoch counts as proved: three acceptors beside a chain of three units, who answer what the test says. */
import test from 'ava'
import { Cluster } from '../../../log/cluster/cluster.ts'
import { limits } from '../../../log/limits.ts'
import { proveCurrent } from '../../../log/playback/proof.ts'
import type { Ports } from '../../../log/ports.ts'
import { memoryTransport } from '../../../log/wire/memory-transport.ts'
import { openDoor } from '../../../log/wire/server.ts'
import { writeCurrent } from '../../../log/wire/tail-messages.ts'
import { HandClock, countingRandom } from '../../harness/hand-clock.ts'
import { layoutOf } from '../layouts.ts'

/**
 * What one process says: the slot its acceptor has promised, the epochs its unit has installed and is sealed at; or
 * nothing at all.
 */
type Says = { readonly slot: number; readonly installed: number; readonly sealed: number } | 'silent'

/** Proves epoch 5 among `a`, `b`, `c`; gives the outcome and who was asked. */
async function prove(says: Readonly<Record<'a' | 'b' | 'c', Says>>): Promise<{ outcome: string; asked: string[] }> {
  const clock = new HandClock()
  const ports: Ports = { clock, random: countingRandom(), transport: memoryTransport(clock) }
  const layout = layoutOf({ epoch: 5, sequencer: 's' })
  const asked: string[] = []
  for (const [name, identity] of [
    ['a', 'x'],
    ['b', 'y'],
    ['c', 'z'],
  ] as const) {
    await openDoor(ports, limits, `${name}:1`, {
      cluster: () => 'c1',
      layout: () => null,
      gone: () => undefined,
      request: ({ caller, kind, request }) => {
        asked.push(name)
        const said = says[name]
        if (said !== 'silent') {
          caller.answer(
            kind,
            request,
            writeCurrent({
              ...said,
              commitMs: 0,
              idle: false,
              leaving: false,
              full: false,
              identity,
              boot: `${name}-1`,
            }),
          )
        }
      },
    })
  }
  const cluster = new Cluster({ ports, limits, name: 'test', addresses: [], layout })
  let outcome = 'waits'
  void proveCurrent(cluster, layout).then(
    () => {
      outcome = 'proved'
    },
    (thrown: unknown) => {
      outcome = String(thrown)
    },
  )
  for (let i = 0; i < 40 && outcome === 'waits'; i++) await clock.advance(limits.requestMs / 20)
  cluster.close()
  return { outcome, asked: asked.sort() }
}

const current: Says = { slot: 5, installed: 5, sealed: 5 }
const promised: Says = { slot: 6, installed: 5, sealed: 5 }
const sealed: Says = { slot: 6, installed: 5, sealed: 6 }

test('a majority that has promised nothing newer proves the epoch, and nobody else is asked', async (t) => {
  const { outcome, asked } = await prove({ a: current, b: current, c: current })
  t.is(outcome, 'proved')
  t.is(asked.length, 2)
})

test('L7: one acceptor proves nothing, in whatever order they answer', async (t) => {
  for (const says of [
    { a: current, b: sealed, c: sealed },
    { a: sealed, b: current, c: sealed },
    { a: sealed, b: sealed, c: current },
  ]) {
    const { outcome } = await prove(says)
    t.regex(outcome, /could not be proved current/)
  }
})

test('who does not answer, or answers otherwise, has the others asked', async (t) => {
  t.is((await prove({ a: 'silent', b: current, c: current })).outcome, 'proved')
  t.is((await prove({ a: current, b: sealed, c: current })).outcome, 'proved')
  t.regex((await prove({ a: 'silent', b: 'silent', c: current })).outcome, /could not be proved current/)
})

test('a whole chain that is installed and not sealed proves it though acceptors have promised the next', async (t) => {
  t.is((await prove({ a: promised, b: promised, c: promised })).outcome, 'proved')
  t.regex((await prove({ a: promised, b: promised, c: sealed })).outcome, /could not be proved current/)
})
