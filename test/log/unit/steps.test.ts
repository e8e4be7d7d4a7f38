/** The steps of a unit: what a request that throws does to it, whether it waits for a commit or not. */
import test from 'ava'
import { SirtakiError, type AnyCode, type Code } from '../../../log/errors.ts'
import { limits } from '../../../log/limits.ts'
import type { Connection } from '../../../log/ports.ts'
import { Steps } from '../../../log/unit/steps.ts'
import { readError } from '../../../log/wire/control.ts'
import { FrameWriter } from '../../../log/wire/frame-writer.ts'
import { FrameParser } from '../../../log/wire/frame.ts'
import { memoryTransport } from '../../../log/wire/memory-transport.ts'
import type { Kind } from '../../../log/wire/messages.ts'
import { Caller } from '../../../log/wire/server.ts'
import { HandClock, countingRandom } from '../../harness/hand-clock.ts'
import { HandUnit } from './hand-unit.ts'

/** What one request of `kind` leads to that throws `code`, and the next one after it. */
async function outcome(
  kind: Kind,
  code: Code,
): Promise<{ readonly refusals: AnyCode[]; readonly failures: AnyCode[] }> {
  const clock = new HandClock()
  const parser = new FrameParser(limits.frameBytesMax)
  const refusals: AnyCode[] = []
  const failures: AnyCode[] = []
  const connection: Connection = {
    remote: 'test',
    buffered: 0,
    close: () => undefined,
    write: (pieces) => {
      for (const piece of pieces) {
        parser.push(piece, ({ body }) => {
          refusals.push(readError(body).code)
        })
      }
    },
  }
  const { store, unit } = new HandUnit('a')
  const steps = new Steps({
    ports: { clock, random: countingRandom(), transport: memoryTransport(clock) },
    limits,
    store,
    unit,
    execute: () => {
      throw new SirtakiError(code, 'so it is')
    },
    answered: () => undefined,
    push: () => false,
    failed: (error) => {
      failures.push(error.code)
    },
  })
  const caller = new Caller('test', new FrameWriter(clock, connection))
  for (let request = 1; request <= 2; request++) {
    steps.enqueue({ caller, kind, request, body: new Uint8Array() })
    await clock.settle()
  }
  return { refusals, failures }
}

for (const kind of ['marks', 'turn', 'turnOver', 'read', 'store'] as const) {
  for (const code of ['INVARIANT', 'IO'] as const) {
    test(`L10: ${kind} that ends in ${code} stops the unit, and is not answered`, async (t) => {
      t.deepEqual(await outcome(kind, code), { refusals: ['STOPPED'], failures: [code] })
    })
  }
  test(`${kind} that makes no sense is refused, and the unit goes on`, async (t) => {
    t.deepEqual(await outcome(kind, 'BAD_FRAME'), { refusals: ['BAD_FRAME', 'BAD_FRAME'], failures: [] })
  })
}
