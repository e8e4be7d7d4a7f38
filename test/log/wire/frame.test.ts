/** The frames' parser: whatever comes, frames or a typed error. */
import test from 'ava'
import fc from 'fast-check'
import { isError } from '../../../log/errors.ts'
import { FRAME_HEAD_BYTES, FrameParser, encodeFrame, type Frame } from '../../../log/wire/frame.ts'

const bytesOf = (...values: number[]): Uint8Array => new Uint8Array(values)
const plain = ({ kind, flags, request, trace, body }: Frame): unknown => ({
  kind,
  flags,
  request,
  trace,
  body: [...body],
})
const stream = Buffer.concat([
  encodeFrame(10, 1, 7, bytesOf(1, 2, 3), 42),
  encodeFrame(2, 0, 8, bytesOf()),
  encodeFrame(20, 3, 0xffff_ffff, new Uint8Array(40).fill(9)),
])

/** Parses the pieces one after the other; gives the frames or the code of the error. */
function parse(pieces: readonly Uint8Array[], bytesMax = 1024): unknown {
  const parser = new FrameParser(bytesMax)
  const frames: unknown[] = []
  try {
    for (const piece of pieces) {
      parser.push(piece, (frame) => {
        frames.push(plain(frame))
      })
    }
    return frames
  } catch (thrown) {
    if (!isError(thrown)) throw thrown
    return thrown.code
  }
}

const whole = [
  { kind: 10, flags: 1, request: 7, trace: 42, body: [1, 2, 3] },
  { kind: 2, flags: 0, request: 8, trace: 0, body: [] },
  { kind: 20, flags: 3, request: 0xffff_ffff, trace: 0, body: Array.from({ length: 40 }, () => 9) },
]

/** The stream of three frames with one byte changed. */
const changed = (at: number, value: number): Uint8Array => {
  const copy = Uint8Array.from(stream)
  copy[at] = value
  return copy
}

test('a stream cut in two at any byte gives the same frames', (t) => {
  const cuts = Array.from({ length: stream.byteLength + 1 }, (_, at) =>
    parse([stream.subarray(0, at), stream.subarray(at)]),
  )
  t.deepEqual(
    cuts,
    cuts.map(() => whole),
  )
})

test('a stream that comes byte by byte gives the same frames', (t) => {
  t.deepEqual(parse([...stream].map((byte) => bytesOf(byte))), whole)
})

test('a stream cut anywhere, any number of times, gives the same frames', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: stream.byteLength }), { maxLength: 12 }), (cuts) => {
      const ends = [0, ...cuts.sort((a, b) => a - b), stream.byteLength]
      t.deepEqual(parse(ends.slice(1).map((end, i) => stream.subarray(ends[i] ?? 0, end))), whole)
    }),
    { numRuns: 1000 },
  )
})

test('a truncated frame waits for the rest', (t) => {
  t.deepEqual(parse([stream.subarray(0, stream.byteLength - 1)]), whole.slice(0, 2))
  t.deepEqual(parse([stream.subarray(0, 7)]), [])
})

test('a frame above the bound is refused as soon as its length is known', (t) => {
  t.is(parse([bytesOf(1, 4, 0, 0, 1, 10, 0, 0)]), 'OVERSIZE')
  t.is(parse([bytesOf(0xff, 0xff, 0xff, 0xff, 1, 10, 0, 0)]), 'OVERSIZE')
  t.is(parse([encodeFrame(1, 0, 1, new Uint8Array(1025 - FRAME_HEAD_BYTES))]), 'OVERSIZE')
})

test('a frame of exactly the bound passes', (t) => {
  t.deepEqual(parse([encodeFrame(1, 0, 1, new Uint8Array(48 - FRAME_HEAD_BYTES))], 48), [
    { kind: 1, flags: 0, request: 1, trace: 0, body: Array.from({ length: 24 }, () => 0) },
  ])
})

test('a frame that only says that it is long gets no room for it', (t) => {
  const before = process.memoryUsage().arrayBuffers
  const parsers = Array.from({ length: 100 }, () => {
    const parser = new FrameParser(4 << 20)
    parser.push(bytesOf(0, 0, 0x40, 0, 1, 10, 0, 0), () => {
      t.fail()
    })
    parser.push(new Uint8Array(10_000), () => {
      t.fail()
    })
    return parser
  })
  const perParser = (process.memoryUsage().arrayBuffers - before) / parsers.length
  t.true(perParser < 30_000, `${perParser} bytes for 10,008 that came`)
})

test('a long frame that comes byte by byte costs little more than its bytes', (t) => {
  const long = encodeFrame(10, 0, 1, new Uint8Array(200_000).fill(7))
  const parser = new FrameParser(4 << 20)
  const frames: Frame[] = []
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  for (let at = 0; at < long.byteLength - 1; at++) {
    parser.push(long.subarray(at, at + 1), (frame) => {
      frames.push(frame)
    })
  }
  const after = process.memoryUsage()
  t.true(after.arrayBuffers - arrayBuffers < 4 * long.byteLength, `${after.arrayBuffers - arrayBuffers} bytes`)
  t.true(
    after.heapUsed - heapUsed < 100 * long.byteLength,
    `${after.heapUsed - heapUsed} bytes of objects, garbage included`,
  )
  parser.push(long.subarray(long.byteLength - 1), (frame) => {
    frames.push(frame)
  })
  t.deepEqual(
    frames.map(({ body }) => [body.byteLength, body[0], body.at(-1)]),
    [[200_000, 7, 7]],
  )
})

test('a long frame cut anywhere comes whole', (t) => {
  const body = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7)
  const long = Buffer.concat([encodeFrame(10, 0, 1, body), encodeFrame(2, 0, 2, bytesOf())])
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 0, max: long.byteLength }), fc.integer({ min: 0, max: 40 })), {
        maxLength: 8,
      }),
      (cuts) => {
        const ends = [0, ...cuts.sort((a, b) => a - b), long.byteLength]
        const parser = new FrameParser(1 << 20)
        const frames: Frame[] = []
        for (const [i, end] of ends.slice(1).entries()) {
          parser.push(long.subarray(ends[i] ?? 0, end), (frame) => {
            frames.push(frame)
          })
        }
        t.deepEqual(
          frames.map(({ request }) => request),
          [1, 2],
        )
        t.is(Buffer.compare(frames[0]?.body ?? bytesOf(), body), 0)
      },
    ),
    { numRuns: 100 },
  )
})

test('a length below the head, another version and a wrong checksum are refused', (t) => {
  t.is(parse([bytesOf(23, 0, 0, 0, 1, 10, 0, 0)]), 'BAD_FRAME')
  t.is(parse([bytesOf(0, 0, 0, 0, 1, 10, 0, 0)]), 'BAD_FRAME')
  t.is(parse([changed(4, 2)]), 'WRONG_VERSION')
  t.is(parse([changed(5, 11)]), 'BAD_FRAME')
  t.is(parse([changed(24, 7)]), 'BAD_FRAME')
})

test('one changed byte anywhere never gives another frame', (t) => {
  fc.assert(
    fc.property(fc.nat(stream.byteLength - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const got = parse([changed(at, (stream[at] ?? 0) ^ flip)])
      t.true(
        typeof got === 'string'
          || (Array.isArray(got)
            && got.length < 3
            && JSON.stringify(whole).startsWith(JSON.stringify(got).slice(0, -1))),
      )
    }),
    { numRuns: 2000 },
  )
})

test('10,000 random byte streams give frames or a typed error, and allocate within the bound', (t) => {
  const length = fc.integer({ min: 0, max: 300 }).map((value) => bytesOf(value & 255, value >> 8, 0, 0, 1))
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    length,
    fc.constant(Uint8Array.from(stream)),
    fc.nat(stream.byteLength).map((at) => Uint8Array.from(stream.subarray(0, at))),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const got = parse(pieces, 256)
      t.true(Array.isArray(got) || got === 'BAD_FRAME' || got === 'OVERSIZE' || got === 'WRONG_VERSION')
    }),
    { numRuns: 10_000 },
  )
})
