/** The streams that a command prints to. What whole commands print into pipes is in `pipes.test.ts`. */
import { Writable } from 'node:stream'
import test from 'ava'
import { drained } from '../../tools/cli/output.ts'

/** A stream whose reader takes a piece only when it is told to. */
class Slow extends Writable {
  readonly taken: string[] = []
  readonly #waiting: (() => void)[] = []
  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.#waiting.push(() => {
      this.taken.push(String(piece))
      done()
    })
  }

  /** Takes what is there, one piece after the other. */
  async takeAll(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next()
      await Promise.resolve()
    }
  }
}

test('P74: a stream is drained when its reader has taken everything, not before', async (t) => {
  const stream = new Slow()
  stream.write('one')
  stream.write('two')
  let done = false
  const ending = drained(stream).then(() => {
    done = true
  })
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
  t.false(done)
  const taking = setInterval(() => {
    void stream.takeAll()
  }, 1)
  t.teardown(() => {
    clearInterval(taking)
  })
  await ending
  t.deepEqual(stream.taken.slice(0, 2), ['one', 'two'])
})

test('P74: a stream without anything to take, or without a reader, is drained at once', async (t) => {
  await drained(new Slow())
  const gone = new Slow()
  gone.write('nobody reads it')
  const ending = drained(gone)
  gone.on('error', () => undefined)
  gone.destroy(new Error('EPIPE'))
  await ending
  await drained(gone)
  t.pass()
})
