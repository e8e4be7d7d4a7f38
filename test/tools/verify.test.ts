/**
 * `sirtaki verify` and `sirtaki recover` against real processes and folders: a flipped byte is found, named, and given
 * up only when asked.
 */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { countOf, firstWrong } from '../../tools/verify/finding.ts'
import { ended, json, line, run, start, startCluster, type Ran, type TestCluster } from './command-line.ts'

test.beforeEach((t) => {
  t.timeout(300_000)
})

async function stop(cluster: TestCluster, i: number): Promise<void> {
  const child = cluster.processes[i]
  if (child === undefined || child.exitCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}

async function startAgain(t: ExecutionContext, cluster: TestCluster, i: number): Promise<void> {
  const child = start(['unit', '--json', '--data', join(cluster.data, `u${i}`), '--listen', cluster.units[i] ?? ''])
  t.teardown(() => {
    child.kill('SIGKILL')
  })
  await line(child, 'listening')
}

/** Changes one byte where the text lies in the database of a folder. */
function flip(folder: string, text: string): void {
  const path = join(folder, 'unit.db')
  const bytes = readFileSync(path)
  const at = bytes.indexOf(text)
  if (at < 0) throw new Error(`${text} is not in ${path}`)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

test('L2: --salvage says what it left out, and verify that the folder is not whole', async (t) => {
  const cluster = await startCluster({ units: 2, window: 1_024 })
  t.teardown(() => {
    cluster.close()
  })
  await run(['--cluster', cluster.address, 'append', '--stream', '17', 'this entry is kept'])
  const folder = join(cluster.data, 'u1')
  for (const i of [2, 1, 0]) await stop(cluster, i)
  // The count of cells in the page of the last row: SQLite would not find it.
  const path = join(folder, 'unit.db')
  const bytes = readFileSync(path)
  bytes[bytes.length - 8_192] = 0
  writeFileSync(path, bytes)
  const salvaging = start(['unit', '--data', folder, '--listen', cluster.units[1] ?? '', '--salvage'])
  const end = ended(salvaging)
  let said = ''
  await new Promise<void>((resolve) => {
    salvaging.stderr?.on('data', (piece) => {
      said += String(piece)
      if (said.includes(' listens at ')) resolve()
    })
  })
  t.regex(said, /warn +salvaged, and not whole again yet: .*unit\.db/)
  salvaging.kill('SIGTERM')
  await end
  const verified = await run(['verify', '--data', folder])
  t.is(verified.code, 6, verified.err)
  t.regex(verified.out, /u1 +was salvaged, and is not whole again: .*unit\.db/)
})

const first = ({ out }: Ran): Record<string, unknown> => json(out)[0] ?? {}

test('a cluster where all is well: exit code 0, with --deep too; without its sequencer 3', async (t) => {
  const cluster = await startCluster({ units: 2, window: 1_024 })
  t.teardown(() => {
    cluster.close()
  })
  const on = (...args: string[]): Promise<Ran> => run(['--cluster', cluster.address, '--json', ...args])
  await on('append', 'one')
  await on('append', 'two')
  const [plain, deep] = [await on('verify'), await on('verify', '--deep')]
  t.deepEqual([plain.code, deep.code], [0, 0], `${plain.err}${deep.err}`)
  t.like(first(plain), { ok: true, findings: [], unreachable: [], checked: { epoch: 2, units: 2, deep: false } })
  // The window of epoch 1 and two entries, on each of two units.
  t.like(first(deep), { ok: true, checked: { positions: 1_026, entries: 2_052 } })
  await stop(cluster, 2)
  const without = await on('verify')
  t.is(without.code, 3, without.out)
  t.like(first(without), { ok: false, findings: [], unreachable: [{ address: cluster.sequencer }] })
})

test(
  'a flipped byte: found and named in the folder of a stopped unit, and with --deep in a running one; recover '
    + 'gives it up when told to',
  async (t) => {
    const cluster = await startCluster({ units: 1, window: 1_024 })
    t.teardown(() => {
      cluster.close()
    })
    const on = (...args: string[]): Promise<Ran> => run(['--cluster', cluster.address, '--json', ...args])
    const folder = join(cluster.data, 'u0')
    await on('append', '--stream', '17', 'before it')
    const { position } = first(await on('append', '--stream', '17', 'this entry is damaged'))
    await on('append', '--stream', '17', 'behind it')
    const inUse = await run(['verify', '--json', '--data', folder])
    t.is(inUse.code, 5)
    t.regex(inUse.err, /in use .*sirtaki verify --deep/)
    await stop(cluster, 0)

    const well = await run(['verify', '--json', '--data', folder])
    t.is(well.code, 0, well.out)
    t.like(first(well), { ok: true, findings: [], checked: { folders: 1, entries: 3 } })
    flip(folder, 'this entry is damaged')
    const ill = await run(['verify', '--json', '--data', folder])
    t.is(ill.code, 6)
    t.deepEqual(first(ill)['findings'], [
      { unit: folder, what: 'the entry fails its checksum, or its row cannot be read', position },
    ])
    t.regex(
      (await run(['verify', '--data', folder])).out,
      new RegExp(`u0 +position ${String(position)}: the entry fails its checksum`),
    )

    await startAgain(t, cluster, 0)
    const deep = await on('verify', '--deep')
    t.is(deep.code, 6, deep.err)
    t.deepEqual(first(deep)['findings'], [
      {
        unit: cluster.units[0],
        what: 'cannot read its entry: the checksum is wrong, or the disk gives nothing',
        position,
      },
    ])

    const told = await on('recover')
    t.is(told.code, 6, told.err)
    t.regex(told.err, /1 of 1 chains have no whole unit: .*sirtaki recover --apply --accept-loss/)
    const { chains } = first(told)
    t.like(Array.isArray(chains) ? chains[0] : {}, {
      needed: true,
      target: cluster.units[0],
      lost: [{ from: position, to: Number(position) + 1, step: 1 }],
      conflicts: [],
    })
    t.regex(
      (await run(['--cluster', cluster.address, 'recover'])).out,
      new RegExp(`no unit is whole[^]*cannot read 1\n +nobody has 1 positions: ${String(position)}\n`),
    )
    t.is((await on('recover', '--apply')).code, 2)
    const recovered = await on('recover', '--accept-loss')
    t.is(recovered.code, 0, recovered.err)
    t.like(first(recovered), { event: 'decided', from: position, value: 'junk', why: 'lost' })
    t.deepEqual(
      json((await on('tail', '--stream', '17')).out).map((one) => one['text']),
      ['before it', 'behind it'],
    )
    t.like(first(await on('read', String(position))), { kind: 'junk' })
    t.is((await on('verify', '--deep')).code, 0)
    t.is((await on('recover', '--apply')).code, 5)
  },
)

test('folders of one chain: the damaged one is named, also a header, register, meta, no unit', async (t) => {
  const cluster = await startCluster({ units: 3, window: 64 })
  t.teardown(() => {
    cluster.close()
  })
  const folders = [0, 1, 2].map((i) => join(cluster.data, `u${i}`))
  const { position } = first(await run(['--cluster', cluster.address, '--json', 'append', 'the only entry']))
  for (const i of [3, 2, 1, 0]) await stop(cluster, i)
  const verify = (): Promise<Ran> => run(['verify', '--json', '--data', ...folders])
  t.is((await verify()).code, 0)
  flip(folders[1] ?? '', 'the only entry')
  t.deepEqual(first(await verify())['findings'], [
    { unit: folders[1], what: 'the entry fails its checksum, or its row cannot be read', position },
  ])
  writeFileSync(join(folders[0] ?? '', 'acceptor.register'), 'nonsense')
  flip(folders[2] ?? '', '"version":1,"layout"')
  const ran = await verify()
  t.is(ran.code, 6)
  t.regex(ran.out, /acceptor\.register fails its checksum/)
  t.regex(ran.out, /u2","what":"[^"]*meta fails its checksum/)
  const none = await run(['verify', '--data', cluster.data])
  t.is(none.code, 2)
  t.regex(none.err, /there is no unit in /)
})

test('a difference is narrowed down to its first position', async (t) => {
  const asked: number[] = []
  const found = await firstWrong({ from: 3, to: 103, step: 5 }, ({ from, to }) => {
    asked.push(to - from)
    return Promise.resolve(from <= 48 && to > 48)
  })
  t.is(found, 48)
  t.true(asked.length <= 5)
  t.deepEqual(
    [
      countOf({ from: 3, to: 103, step: 5 }, 0),
      countOf({ from: 3, to: 103, step: 5 }, 9),
      countOf({ from: 3, to: 103, step: 5 }, 200),
    ],
    [20, 18, 0],
  )
})
