/**
 * `sirtaki reconfigure` against real processes: every change while somebody appends, and everything readable
 * afterwards.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { freePorts } from '../free-ports.ts'
import { ended, json, line, run, start, startCluster, type Ran, type TestCluster } from './command-line.ts'

test.beforeEach((t) => {
  t.timeout(300_000)
})

/** One cluster with what was appended to it, on stream 17. */
class Grown {
  readonly cluster: TestCluster
  readonly written: string[] = []
  #address: string

  constructor(cluster: TestCluster) {
    this.cluster = cluster
    this.#address = cluster.address
  }

  static async start(t: ExecutionContext, units: number, blank: number): Promise<Grown> {
    const cluster = await startCluster({ units, blank, window: 1_024 })
    t.teardown(() => {
      cluster.close()
    })
    return new Grown(cluster)
  }

  /** The address of a unit by its number, blank ones behind the others. */
  unit(i: number): string {
    return [...this.cluster.units, ...this.cluster.blank][i] ?? ''
  }
  /** Asks these units from here on. */
  use(...units: readonly number[]): void {
    this.#address = `tcp://${units.map((i) => this.unit(i)).join(',')}`
  }
  on(...args: readonly string[]): Promise<Ran> {
    return run(['--cluster', this.#address, ...args])
  }

  async append(text: string): Promise<void> {
    const { code, err } = await this.on('append', '--stream', '17', text)
    if (code !== 0) throw new Error(err)
    this.written.push(text)
  }

  /** Runs the command while somebody appends; gives what it told with --json. */
  async reconfigure(t: ExecutionContext, ...args: readonly string[]): Promise<Record<string, unknown>> {
    const changing = this.on('reconfigure', '--json', '--yes', ...args)
    const [ran] = await Promise.all([changing, this.append(`during ${args.join(' ')}`)])
    t.is(ran.code, 0, ran.err)
    await this.append(`after ${args.join(' ')}`)
    return json(ran.out)[0] ?? {}
  }

  /** Every entry is read back, in whichever order those of one moment have come. */
  async holdsAll(t: ExecutionContext): Promise<void> {
    const { code, out, err } = await this.on('tail', '--json', '--stream', '17', '--lines', '1000')
    t.is(code, 0, err)
    t.deepEqual(new Set(json(out).map((one) => one['text'])), new Set(this.written))
    t.is(json(out).length, this.written.length)
  }

  async status(): Promise<Record<string, unknown>> {
    return json((await this.on('status', '--json')).out)[0] ?? {}
  }
}

test(
  'grow: from one unit to three under appends; a dry run changes nothing; then two chains, one again, and a '
    + 'unit less',
  async (t) => {
    const grown = await Grown.start(t, 1, 2)
    await grown.append('first')
    const dry = await grown.on('reconfigure', 'grow', grown.unit(1), grown.unit(2), '--dry-run')
    t.regex(
      dry.out,
      /would be[^]*copies +[^]*chain 0 +may lose units: now none, until .* merged none, then 2\nacceptors +1 -> 3/,
    )
    t.is((await grown.status())['epoch'], 2)

    const three = await grown.reconfigure(t, 'grow', grown.unit(1), grown.unit(2))
    t.like(three, { merged: true, chains: [[grown.unit(0), grown.unit(1), grown.unit(2)]] })
    await grown.holdsAll(t)

    const epoch = (await grown.status())['epoch']
    const shape = ['--chain', grown.unit(0), '--chain', `${grown.unit(1)},${grown.unit(2)}`]
    const refused = await grown.on('reconfigure', 'stripe', ...shape)
    t.is(refused.code, 2, refused.err)
    t.regex(refused.out, /would be[^]*chain 0 +may lose units: now 2, .*then none/)
    t.regex(
      refused.err,
      /^sirtaki: the cluster would survive less: chain 0 may lose no unit, now 2 units; .* with --yes/m,
    )
    t.is((await grown.status())['epoch'], epoch)

    const striped = await grown.reconfigure(
      t,
      'stripe',
      '--chain',
      grown.unit(0),
      '--chain',
      `${grown.unit(1)},${grown.unit(2)}`,
    )
    t.like(striped, { merged: true, chains: [[grown.unit(0)], [grown.unit(1), grown.unit(2)]] })
    await grown.holdsAll(t)

    const one = await grown.reconfigure(t, 'stripe', '--chain', `${grown.unit(0)},${grown.unit(1)},${grown.unit(2)}`)
    t.like(one, { merged: true, chains: [[grown.unit(0), grown.unit(1), grown.unit(2)]] })
    await grown.holdsAll(t)

    const identities = (await grown.status())['units']
    const identity = Array.isArray(identities) ? String(identities[0].identity) : ''
    const two = await grown.reconfigure(t, 'remove', identity.slice(0, 8))
    t.like(two, { merged: true, chains: [[grown.unit(1), grown.unit(2)]] })
    grown.use(1, 2)
    // What the others copied is theirs now: the first one is not asked any more.
    grown.cluster.processes[0]?.kill('SIGKILL')
    await grown.holdsAll(t)
  },
)

test('replace: a unit that lives is read until the other has its positions, also as the only one', async (t) => {
  const grown = await Grown.start(t, 1, 2)
  await grown.append('first')
  const moved = await grown.reconfigure(t, 'replace', grown.unit(0), grown.unit(1))
  t.like(moved, { merged: true, chains: [[grown.unit(1)]] })
  grown.use(1)
  grown.cluster.processes[0]?.kill('SIGKILL')
  await grown.holdsAll(t)
  t.like(await grown.reconfigure(t, 'add', grown.unit(2), '--spare'), {
    chains: [[grown.unit(1)]],
    spares: [grown.unit(2)],
  })
  t.like(await grown.reconfigure(t, 'add', grown.unit(2)), {
    merged: true,
    chains: [[grown.unit(1), grown.unit(2)]],
    spares: [],
  })
  await grown.holdsAll(t)
})

test('what cannot be is refused before anything is sealed, with the command that would be right', async (t) => {
  const grown = await Grown.start(t, 3, 1)
  const other = await startCluster({ units: 1, window: 1_024 })
  t.teardown(() => {
    other.close()
  })
  await grown.append('first')
  const { epoch } = await grown.status()
  const [a, b, c, blank] = [grown.unit(0), grown.unit(1), grown.unit(2), grown.unit(3)]
  const [port = 0] = await freePorts(2)
  const refusals: readonly (readonly [RegExp, number, ...string[]])[] = [
    [/chain 0 would have no unit left: .*sirtaki reconfigure replace/, 5, 'remove', a, b, c],
    [/no unit of epoch \d+ is called 127\.0\.0\.1:1: name an address or identity/, 2, 'remove', '127.0.0.1:1'],
    [/is named twice/, 2, 'remove', a, a],
    [/is named twice/, 2, 'grow', `${blank},${blank}`],
    [/is named twice: one unit stands in one chain, once/, 2, 'stripe', '--chain', `${a},${b}`, '--chain', `${b},${c}`],
    [/is in a chain already: move it with sirtaki reconfigure stripe/, 2, 'add', a],
    [/there is no chain 3: epoch \d+ has 1.*sirtaki reconfigure stripe/, 2, 'add', '--chain', '3', blank],
    [/nobody answers at .*start a unit there with sirtaki unit --listen/, 3, 'add', `127.0.0.1:${port}`],
    [/is a sequencer, no unit: name it with sirtaki reconfigure move-sequencer/, 2, 'add', grown.cluster.sequencer],
    [/belongs to (another cluster|cluster \w+), not to/, 5, 'add', other.units[0] ?? ''],
    [/belongs to (another cluster|cluster \w+), not to/, 5, 'replace', a, other.units[0] ?? ''],
    [/is the unit that is to be replaced/, 2, 'replace', a, a],
    [/is in a chain already: take the other one out with sirtaki reconfigure remove/, 2, 'replace', a, b],
    [/nobody answers at .*sirtaki sequencer --standby --listen/, 3, 'move-sequencer', `127.0.0.1:${port}`],
    [/is a unit, not a sequencer/, 2, 'move-sequencer', a],
    [/belongs to (another cluster|cluster \w+), not to/, 5, 'move-sequencer', other.sequencer],
  ]
  for (const [reason, code, ...args] of refusals) {
    const ran = await grown.on('reconfigure', ...args)
    t.regex(ran.err, reason, args.join(' '))
    t.is(ran.code, code, `${args.join(' ')}: ${ran.err}`)
  }
  t.is((await grown.status())['epoch'], epoch)
})

test('a copied folder is one identity at two addresses; a unit that was taken out may join anew', async (t) => {
  const grown = await Grown.start(t, 2, 1)
  await grown.append('first')
  t.is((await grown.on('reconfigure', 'remove', grown.unit(1), '--yes')).code, 0)
  grown.use(0)
  const again = await grown.on('reconfigure', 'remove', grown.unit(1))
  t.is(again.code, 2)
  t.regex(again.err, /was taken out already, and still runs: .*let it join anew with sirtaki reconfigure add/)
  await grown.append('without it')
  t.like(await grown.reconfigure(t, 'add', grown.unit(1)), { merged: true, chains: [[grown.unit(0), grown.unit(1)]] })
  await grown.holdsAll(t)

  // Of a blank unit: it stays where it is until it is told to join.
  const copy = join(grown.cluster.data, 'copy')
  cpSync(join(grown.cluster.data, 'u2'), copy, { recursive: true })
  const address = `127.0.0.1:${grown.cluster.spare}`
  const twin = start(['unit', '--json', '--data', copy, '--listen', address])
  t.teardown(() => {
    twin.kill('SIGKILL')
  })
  await line(twin, 'listening')
  const both = await grown.on('reconfigure', 'grow', grown.unit(2), address)
  t.is(both.code, 2)
  t.regex(both.err, /have one identity, .*one of their folders is a copy of the other's/)
  t.is((await grown.on('reconfigure', 'add', grown.unit(2), '--spare')).code, 0)
  const refused = await grown.on('reconfigure', 'add', address)
  t.is(refused.code, 2)
  t.regex(refused.err, /have one identity, .*one of their folders is a copy of the other's/)
})

test('grow: a unit that is lost before it has copied everything ends the command with 5', async (t) => {
  const { cluster } = await Grown.start(t, 2, 1)
  const [blank = ''] = cluster.blank
  const command = start(['--cluster', cluster.address, 'reconfigure', 'grow', blank])
  command.stderr?.on('data', (piece) => {
    if (String(piece).includes('starting the sequencer')) cluster.processes[2]?.kill('SIGKILL')
  })
  const { code, err } = await ended(command)
  t.regex(err, new RegExp(`${blank} joined and was left out again, epoch \\d+ goes on without: .*comes back by itself`))
  t.is(code, 5, err)
})
