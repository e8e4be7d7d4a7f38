/** Real processes on one folder: hosts that are killed, stopped and closed while the others append. */
import test from 'ava'
import { hostOf } from '../../log/io/host-folder.ts'
import { connect } from '../../objects/connect.ts'
import { Counter } from '../../objects/counter/type.ts'
import { makeFolder, type Teardown } from '../log/io/folder.ts'
import { RealProcess } from './processes.ts'

/** A process that counts in the folder's cluster. */
class Counting {
  readonly name: string
  readonly process: RealProcess
  pid = 0
  constructor(folder: string, name: string) {
    this.name = name
    this.process = new RealProcess('file-process.ts', [folder, name])
  }

  static async start(folder: string, name: string, t: Teardown): Promise<Counting> {
    const counting = new Counting(folder, name)
    t.teardown(() => counting.process.kill())
    counting.pid = Number(await counting.process.start('ready'))
    return counting
  }

  /** The values acknowledged, in order. */
  get values(): number[] {
    return this.process.lines.flatMap((line) => (line.startsWith('added ') ? [Number(line.slice(6))] : []))
  }
  get failures(): string[] {
    return this.process.lines.filter((line) => line.startsWith('failed '))
  }

  /** Waits until `count` more adds were acknowledged. */
  async adds(count: number): Promise<void> {
    const goal = this.values.length + count
    const signal = AbortSignal.timeout(20_000)
    while (this.values.length < goal) {
      if (signal.aborted) {
        throw new Error(
          `${this.name} misses ${goal - this.values.length} of ${count}; it `
            + `said\n${this.process.lines.slice(-5).join('\n')}`,
        )
      }
      await new Promise<void>((done) => {
        this.process.heard = () => {
          done()
        }
        signal.addEventListener(
          'abort',
          () => {
            done()
          },
          { once: true },
        )
      })
    }
  }

  /** Asks for one add; gives how it ended. */
  async add(): Promise<string> {
    const before = this.process.lines.length
    this.process.send('add')
    while (this.process.lines.length === before) {
      await new Promise<void>((done) => {
        this.process.heard = () => {
          done()
        }
      })
    }
    return this.process.lines.at(-1) ?? ''
  }
}

const isAscending = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || value > (values[i - 1] ?? 0))

test.serial(
  'L2: two hosts in a row are killed while the others append; these go on within seconds, and nothing '
    + 'acknowledged is missing',
  async (t) => {
    t.timeout(100_000)
    const folder = makeFolder(t)
    const first = await Counting.start(folder, 'first', t)
    const others = await Promise.all(['a', 'b', 'c'].map((name) => Counting.start(folder, name, t)))
    const all = [first, ...others]
    t.is(hostOf({ path: folder })?.pid, first.pid)
    for (const one of all) one.process.send('go')
    await Promise.all(all.map((one) => one.adds(50)))

    await first.process.kill()
    const killed = performance.now()
    await Promise.all(others.map((one) => one.adds(1)))
    const pauseMs = performance.now() - killed
    await Promise.all(others.map((one) => one.adds(50)))
    const second = others.find((one) => one.pid === hostOf({ path: folder })?.pid)
    t.truthy(second)
    await second?.process.kill()
    const left = others.filter((one) => one !== second)
    const killedAgain = performance.now()
    await Promise.all(left.map((one) => one.adds(1)))
    const pauseAgainMs = performance.now() - killedAgain
    await Promise.all(left.map((one) => one.adds(50)))
    t.log(`appends went on after ${Math.round(pauseMs)} ms and ${Math.round(pauseAgainMs)} ms`)
    t.true(pauseMs < 10_000 && pauseAgainMs < 10_000)
    await Promise.all(left.map((one) => one.process.kill()))

    const client = await connect(`file:${folder}`, { timeoutMs: 10_000 })
    t.teardown(() => client.close())
    for (const one of all) {
      const counter = await client.open(Counter, `/${one.name}`)
      await counter.sync({ timeoutMs: 10_000 })
      const { value } = counter.state
      const last = one.values.at(-1) ?? 0
      t.true(isAscending(one.values), one.name)
      // One add was under way when the process was killed; one that failed may count or not.
      t.true(
        value >= last && value <= one.values.length + one.failures.length + 1,
        `${one.name}: ${value}, acknowledged up to ${last}`,
      )
    }
  },
)

test.serial('P50: while the host is stopped the others are told its pid; they go on when it does', async (t) => {
  t.timeout(100_000)
  const folder = makeFolder(t)
  const host = await Counting.start(folder, 'host', t)
  const other = await Counting.start(folder, 'other', t)
  t.is(await other.add(), 'added 1')
  host.process.signal('SIGSTOP')
  t.regex(
    await other.add(),
    new RegExp(`^failed \\w+ .*process ${host.pid} hosts .* is stopped: continue it \\(kill -CONT ${host.pid}\\)`),
  )
  const newcomer = new RealProcess('file-process.ts', [folder, 'newcomer'])
  t.teardown(() => newcomer.kill())
  t.regex(await newcomer.start('error'), new RegExp(`^IN_USE process ${host.pid} hosts .* is stopped`))
  t.is(hostOf({ path: folder })?.pid, host.pid)
  host.process.signal('SIGCONT')
  t.regex(await other.add(), /^added [23]$/)
  t.regex(await host.add(), /^added 1$/)
})

test.serial('P50: a stopped host that is killed blocks nobody', async (t) => {
  t.timeout(100_000)
  const folder = makeFolder(t)
  const host = await Counting.start(folder, 'host', t)
  const other = await Counting.start(folder, 'other', t)
  host.process.signal('SIGSTOP')
  const adding = other.add()
  await host.process.kill()
  t.is(await adding, 'added 1')
  t.is(hostOf({ path: folder })?.pid, other.pid)
})

test.serial(
  'a host that closes hands over at once, and the last one leaves a folder that was ended in good order',
  async (t) => {
    t.timeout(100_000)
    const folder = makeFolder(t)
    const host = await Counting.start(folder, 'host', t)
    const other = await Counting.start(folder, 'other', t)
    other.process.send('go')
    await other.adds(20)
    host.process.send('end')
    await host.process.said('closed')
    t.is(await host.process.ended(), 0)
    await other.adds(20)
    t.deepEqual(other.failures, [])
    t.is(hostOf({ path: folder })?.pid, other.pid)
    other.process.send('end')
    await other.process.said('closed')
    t.is(hostOf({ path: folder }), undefined)
  },
)

test.serial('many processes that start at once on an empty folder make one cluster', async (t) => {
  t.timeout(100_000)
  const folder = makeFolder(t)
  const all = await Promise.all(['a', 'b', 'c', 'd'].map((name) => Counting.start(folder, name, t)))
  t.deepEqual(await Promise.all(all.map((one) => one.add())), ['added 1', 'added 1', 'added 1', 'added 1'])
  t.true(all.some((one) => one.pid === hostOf({ path: folder })?.pid))
})
