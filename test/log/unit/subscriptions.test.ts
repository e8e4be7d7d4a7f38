/** Subscriptions of a unit: stream 7, positions as literals. */
import test from 'ava'
import { readEntry } from '../../../log/entry.ts'
import { limits } from '../../../log/limits.ts'
import type { Connection } from '../../../log/ports.ts'
import { Subscriptions } from '../../../log/unit/subscriptions.ts'
import { readError } from '../../../log/wire/control.ts'
import { FrameWriter } from '../../../log/wire/frame-writer.ts'
import { FLAG_ERROR, FrameParser, type Frame } from '../../../log/wire/frame.ts'
import { readStreamPart } from '../../../log/wire/messages.ts'
import { Caller } from '../../../log/wire/server.ts'
import { HandClock } from '../../harness/hand-clock.ts'
import { bounds, layoutOf, type EntryShape } from '../layouts.ts'
import { HandUnit } from './hand-unit.ts'

/** A unit that is not first, with one subscriber whose connection can be full. */
class Bench {
  readonly unit = new HandUnit('b')
  readonly subscriptions = new Subscriptions(this.unit.unit)
  /** Codes of the errors with which subscriptions have ended, by request. */
  readonly ended = new Map<number, string>()
  readonly parts: { readonly positions: number[]; readonly completeTo: number; readonly more: boolean }[] = []
  readonly #clock = new HandClock()
  readonly socket = { buffered: 0 }
  readonly caller: Caller

  constructor() {
    const parser = new FrameParser(1 << 26)
    const { socket } = this
    const connection: Connection = {
      remote: 'test',
      close: () => undefined,
      get buffered() {
        return socket.buffered
      },
      write: (pieces) => {
        for (const piece of pieces) {
          parser.push(piece, (frame) => {
            this.#heard(frame)
          })
        }
      },
    }
    this.caller = new Caller('subscriber', new FrameWriter(this.#clock, connection))
  }

  #heard({ flags, request, body }: Frame): void {
    if ((flags & FLAG_ERROR) !== 0) {
      this.ended.set(request, readError(body).code)
      return
    }
    const { entries, count, completeTo, more } = readStreamPart(body)
    const positions: number[] = []
    for (let at = 0; positions.length < count;) {
      const { position, bytes } = readEntry(entries.subarray(at), bounds)
      positions.push(position)
      at += bytes.byteLength
    }
    this.parts.push({ positions, completeTo, more })
  }

  store(...shapes: EntryShape[]): void {
    this.unit.storeEntries(shapes)
  }
  mark(...shapes: EntryShape[]): void {
    for (const shape of shapes) this.unit.mark(shape)
  }

  /** Pushes and gives what came, and whether somebody is behind. */
  async push(subscriptions = this.subscriptions): Promise<{ readonly parts: unknown[]; readonly behind: boolean }> {
    this.parts.length = 0
    const behind = subscriptions.push()
    await this.#clock.settle()
    return { parts: [...this.parts], behind }
  }
}

const on7 = (position: number, text?: string): EntryShape => ({
  position,
  links: [[7, { before: 0 }]],
  ...(text === undefined ? {} : { text }),
})

test('a subscriber gets what is decided, then what becomes decided', async (t) => {
  const b = new Bench()
  b.store(on7(0), { position: 1 }, on7(2))
  b.mark(on7(0), { position: 1 })
  b.subscriptions.add(b.caller, 5, { stream: 7, from: 0, step: 1 }, 10)
  t.deepEqual(await b.push(), { parts: [{ positions: [0], completeTo: 2, more: false }], behind: false })
  b.mark(on7(2))
  t.deepEqual(await b.push(), { parts: [{ positions: [2], completeTo: 3, more: false }], behind: false })
  t.deepEqual(await b.push(), { parts: [], behind: false })
})

test('what is decided behind the cursor later is pushed then, once', async (t) => {
  const b = new Bench()
  b.store(on7(0), on7(1), on7(2))
  b.subscriptions.add(b.caller, 5, { stream: 7, from: 0, step: 1 }, 10)
  b.mark(on7(2))
  t.deepEqual((await b.push()).parts, [{ positions: [2], completeTo: 0, more: false }])
  b.mark(on7(0), on7(1))
  t.deepEqual((await b.push()).parts, [{ positions: [0, 1], completeTo: 3, more: false }])
  t.deepEqual((await b.push()).parts, [])
})

test('entries of other streams are not pushed, and a start is kept', async (t) => {
  const b = new Bench()
  b.store(on7(0), { position: 1, links: [[8, { before: 0 }]] }, on7(2))
  b.mark(on7(0), { position: 1, links: [[8, { before: 0 }]] }, on7(2))
  b.subscriptions.add(b.caller, 5, { stream: 7, from: 1, step: 1 }, 10)
  t.deepEqual((await b.push()).parts, [{ positions: [2], completeTo: 3, more: false }])
})

test('a full connection is passed over, and catches up when it has room', async (t) => {
  const b = new Bench()
  b.subscriptions.add(b.caller, 5, { stream: 7, from: 0, step: 1 }, 10)
  b.socket.buffered = 2 << 20
  b.store(on7(0), on7(1))
  b.mark(on7(0), on7(1))
  t.deepEqual(await b.push(), { parts: [], behind: true })
  b.socket.buffered = 0
  t.deepEqual(await b.push(), { parts: [{ positions: [0, 1], completeTo: 2, more: false }], behind: false })
})

test('Q4: one turn pushes a bounded number of bytes, the next turns the rest', async (t) => {
  const b = new Bench()
  const large = 'x'.repeat(200 << 10)
  b.store(on7(0, large), on7(1, large), on7(2, large))
  b.mark(on7(0, large), on7(1, large), on7(2, large))
  b.subscriptions.add(b.caller, 5, { stream: 7, from: 0, step: 1 }, 10)
  t.deepEqual(await b.push(), { parts: [{ positions: [0, 1], completeTo: 2, more: true }], behind: true })
  t.deepEqual(await b.push(), { parts: [{ positions: [2], completeTo: 3, more: false }], behind: false })
})

test('L8: a start below the trim mark is refused, so is one too many', (t) => {
  const b = new Bench()
  b.store(on7(0))
  b.mark(on7(0))
  b.unit.unit.membership.trim(1, 1)
  t.throws(
    () => {
      b.subscriptions.add(b.caller, 5, { stream: 7, from: 0, step: 1 }, 10)
    },
    { code: 'TRIMMED' },
  )
  b.subscriptions.add(b.caller, 6, { stream: 7, from: 1, step: 1 }, 1)
  t.throws(
    () => {
      b.subscriptions.add(b.caller, 7, { stream: 7, from: 1, step: 1 }, 1)
    },
    { code: 'OVERLOADED' },
  )
  t.is(b.subscriptions.size, 1)
})

test('L8: a subscriber who was behind when all was trimmed is pushed nothing from below the mark', async (t) => {
  const hand = new Bench()
  const otherAt = (position: number): EntryShape => ({ position, links: [[1_000 + position, { before: 0 }]] })
  const others = Array.from({ length: 4_200 }, (_, position) => otherAt(position))
  hand.socket.buffered = 1 << 30
  hand.subscriptions.add(hand.caller, 1, { stream: 7, from: 0, step: 1 }, 10)
  hand.store(...others, on7(4_200), on7(4_201))
  hand.unit.commit()
  hand.mark(...others, on7(4_200), on7(4_201))
  hand.unit.unit.membership.trim(1, 4_201)
  t.true(hand.unit.unit.state.untidy)
  hand.socket.buffered = 0
  t.deepEqual((await hand.push()).parts, [{ positions: [4_201], completeTo: 4_202, more: false }])
})

test('streams that nobody wants any more cost nothing', (t) => {
  const hand = new Bench()
  for (let stream = 0; stream < 50; stream++) {
    hand.subscriptions.add(hand.caller, stream, { stream, from: 0, step: 1 }, 100)
    hand.subscriptions.add(hand.caller, 1_000, { stream, from: 0, step: 1 }, 100)
    hand.subscriptions.remove(hand.caller, stream)
    t.is(hand.subscriptions.streams, 1)
    hand.subscriptions.remove(hand.caller, 1_000)
  }
  t.deepEqual([hand.subscriptions.size, hand.subscriptions.streams], [0, 0])
})

test(
  'Q4: what a subscriber has missed comes in frames that it takes, and nothing is called complete before it '
    + 'has come',
  async (t) => {
    const b = new Bench()
    const subscriptions = new Subscriptions(b.unit.unit, { ...limits, frameBytesMax: 400 })
    subscriptions.add(b.caller, 5, { stream: 7, from: 0, step: 1 }, 10)
    const six = [0, 1, 2, 3, 4, 5].map((position) => on7(position, 'x'.repeat(60)))
    b.store(...six)
    b.mark(on7(5, 'x'.repeat(60)))
    t.deepEqual((await b.push(subscriptions)).parts, [{ positions: [5], completeTo: 0, more: false }])
    b.mark(...six.slice(0, 5))
    t.deepEqual(await b.push(subscriptions), {
      parts: [{ positions: [0, 1], completeTo: 2, more: true }],
      behind: true,
    })
    t.deepEqual(await b.push(subscriptions), {
      parts: [{ positions: [2, 3], completeTo: 4, more: true }],
      behind: true,
    })
    t.deepEqual(await b.push(subscriptions), { parts: [{ positions: [4], completeTo: 6, more: false }], behind: false })
  },
)

test('after its end and after its connection a subscription hears nothing', async (t) => {
  const b = new Bench()
  b.subscriptions.add(b.caller, 5, { stream: 7, from: 0, step: 1 }, 10)
  b.subscriptions.add(b.caller, 6, { stream: 7, from: 0, step: 1 }, 10)
  b.subscriptions.remove(b.caller, 5)
  b.subscriptions.remove(b.caller, 5)
  t.is(b.subscriptions.size, 1)
  b.subscriptions.gone(b.caller)
  b.store(on7(0))
  b.mark(on7(0))
  t.deepEqual([b.subscriptions.size, await b.push()], [0, { parts: [], behind: false }])
})

// The subscriber is not told that its unit cannot give it the entry, and waits until the stream's next one comes.
test('Q4: an entry that turned out damaged holds the completeness back', async (t) => {
  const b = new Bench()
  b.store(on7(0))
  b.mark(on7(0))
  b.unit.commit()
  b.unit.restart({ sameBoot: true })
  b.unit.damagedRows.add(1)
  const subscriptions = new Subscriptions(b.unit.unit)
  subscriptions.add(b.caller, 5, { stream: 7, from: 0, step: 1 }, 10)
  subscriptions.push()
  await b.push()
  t.deepEqual(
    b.parts.filter(({ completeTo }) => completeTo > 0),
    [],
  )
})

/** 0 and 2 decided on stream 7, in two rows; the first of them reads wrong. */
function damagedBench(): { readonly b: Bench; readonly subscriptions: Subscriptions } {
  const b = new Bench()
  b.store(on7(0))
  b.mark(on7(0))
  b.unit.commit()
  b.store({ position: 1 }, on7(2))
  b.mark({ position: 1 }, on7(2))
  b.unit.commit()
  b.unit.restart({ sameBoot: true })
  b.mark(on7(0), { position: 1 }, on7(2))
  b.unit.damagedRows.add(1)
  return { b, subscriptions: new Subscriptions(b.unit.unit) }
}

test('Q4: when damage is mended, those that waited get what they missed and are told that they have all', async (t) => {
  const { b, subscriptions } = damagedBench()
  subscriptions.add(b.caller, 5, { stream: 7, from: 0, step: 1 }, 10)
  t.deepEqual((await b.push(subscriptions)).parts, [{ positions: [2], completeTo: 0, more: false }])
  t.deepEqual((await b.push(subscriptions)).parts, [])
  b.unit.damagedRows.clear()
  t.true(b.unit.unit.state.recheck(0))
  t.deepEqual((await b.push(subscriptions)).parts, [{ positions: [0, 2], completeTo: 3, more: false }])
  t.deepEqual((await b.push(subscriptions)).parts, [])
})

test('Q4: who came when the damage was known waits for it too, who begins behind it does not', async (t) => {
  const { b, subscriptions } = damagedBench()
  t.is(b.unit.unit.state.bytesOf(0), undefined)
  subscriptions.add(b.caller, 5, { stream: 7, from: 0, step: 1 }, 10)
  subscriptions.add(b.caller, 6, { stream: 7, from: 1, step: 1 }, 10)
  t.deepEqual((await b.push(subscriptions)).parts, [
    { positions: [2], completeTo: 0, more: false },
    { positions: [2], completeTo: 3, more: false },
  ])
})

test(
  'P26: a subscription begins where everything up to the open end is here, for a reader who counts chains as '
    + 'the unit does',
  (t) => {
    const b = new Bench()
    b.unit.unit.membership.seal('c1', 2)
    b.unit.install(layoutOf({ epoch: 2, tail: 40, closed: [{ to: 40, chains: [['a', 'b']] }], chains: [['a'], ['b']] }))
    t.throws(
      () => {
        b.subscriptions.add(b.caller, 5, { stream: 7, from: 0, step: 1 }, 10)
      },
      { code: 'WRONG_CHAIN', message: /below the open segment/ },
    )
    t.throws(
      () => {
        b.subscriptions.add(b.caller, 5, { stream: 7, from: 40, step: 1 }, 10)
      },
      { code: 'WRONG_CHAIN' },
    )
    b.subscriptions.add(b.caller, 5, { stream: 7, from: 40, step: 2, index: 1 }, 10)
    t.is(b.subscriptions.size, 1)
  },
)

test('P26: when the place of the unit changes every subscription ends with a reason', async (t) => {
  const b = new Bench()
  b.subscriptions.add(b.caller, 5, { stream: 7, from: 0, step: 1 }, 10)
  b.subscriptions.add(b.caller, 6, { stream: 8, from: 0, step: 1 }, 10)
  b.subscriptions.endAll(2)
  b.store(on7(0))
  b.mark(on7(0))
  t.deepEqual(await b.push(), { parts: [], behind: false })
  t.deepEqual(
    [...b.ended],
    [
      [5, 'WRONG_CHAIN'],
      [6, 'WRONG_CHAIN'],
    ],
  )
  t.deepEqual([b.subscriptions.size, b.unit.unit.state.onDecided], [0, undefined])
  b.subscriptions.add(b.caller, 7, { stream: 7, from: 0, step: 1 }, 10)
  t.deepEqual((await b.push()).parts, [{ positions: [0], completeTo: 1, more: false }])
})
