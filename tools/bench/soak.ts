/**
 * `node tools/bench/soak.ts [--rows N] [--commits N] [--json]`: a unit on a real disk, 20 million rows of one entry.
 *
 * The rows are filled in without a sync, past the store but in its format: with a sync for each they would take an hour
 * and a half. Everything measured is the unit's own: starting, reading back, committing with syncs, a restart, a trim.
 * Needs 5 GB in the temporary folder. Exit codes: 0 ok, 1 something read wrong, 2 usage. Read next: `specials.ts`.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import { viewOf } from '../../log/bytes/bytes.ts'
import { clusterSeed, encodeEntry, lengthAt, readEntry } from '../../log/entry.ts'
import { HeaderPacks, PACK_ROWS } from '../../log/io/header-packs.ts'
import { systemRandom } from '../../log/io/random.ts'
import { plus, prepareStatements, readTotal, rowSum, writePacks } from '../../log/io/sqlite-schema.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { checkLayout, type Layout } from '../../log/layout.ts'
import { limits } from '../../log/limits.ts'
import { RowBuilder } from '../../log/unit/row.ts'
import { Unit } from '../../log/unit/unit.ts'
import { machineText } from './machine.ts'
import { middleOf } from './measure.ts'

const CLUSTER = 'soak'
const BOOT = 'soak-1'
const STREAMS = 1_000
const SAMPLES = 1_000
const ROWS_A_TRANSACTION = 20_000
/** How many of the rows a trim leaves. */
const KEPT = 1_000

interface Opened {
  readonly store: SqliteStore
  readonly unit: Unit
}
type Tell = (name: string, value: number, unit: string, note?: string) => void

const seed = clusterSeed(CLUSTER)
const payload = Buffer.alloc(32)
const mbOf = (bytes: number): number => Math.round(bytes / 2 ** 20)
const seconds = (ms: number): number => Math.round(ms / 10) / 100

/** The entry at a position, and its place in the streams. */
function entryAt(position: number): Uint8Array {
  payload.writeDoubleLE(position)
  const previous = position < STREAMS ? -1 : position - STREAMS
  const head = { position, epoch: 1, writer: 1, logTime: 0, streams: [position % STREAMS], previous: [previous] }
  return encodeEntry(seed, head, payload)
}

function layoutFor(identity: string): Layout {
  const unit = { identity, boot: BOOT, address: 'soak:1' }
  return checkLayout({
    cluster: CLUSTER,
    epoch: 1,
    acceptors: [{ identity: 'acceptor', address: 'soak:1' }],
    sequencer: null,
    tail: 0,
    trim: 0,
    window: limits.window,
    logTime: 0,
    featureLevel: 1,
    spares: [],
    absent: [],
    drops: [],
    segments: [{ from: 0, to: null, kind: 'chain', chains: [[unit]] }],
  })
}

function open(folder: string): Opened {
  const store = new SqliteStore({ folder, random: systemRandom, reserveMb: 1 })
  return { store, unit: new Unit({ image: store.open(), boot: BOOT, limits, readRow: (row) => store.read(row) }) }
}

/** Commits what the unit has staged; gives how long it took, in milliseconds. */
function commit({ store, unit }: Opened): number {
  const started = performance.now()
  const staged = unit.takeCommit()
  if (staged !== undefined) {
    store.commit(staged, (error) => {
      if (error !== undefined) throw error
    })
  }
  return performance.now() - started
}

/** Writes rows of one entry each into the closed database, from the next id on. */
function fill(folder: string, rows: number, progress: (row: number) => void): void {
  const database = new Database(join(folder, 'unit.db'))
  database.pragma('synchronous = OFF')
  const sql = prepareStatements(database)
  let { count, sum } = readTotal(sql, folder)
  const packs = new HeaderPacks(PACK_ROWS, true)
  for (let position = 0; position < rows;) {
    sql.begin.run()
    for (const end = Math.min(rows, position + ROWS_A_TRANSACTION); position < end; position++) {
      const bytes = entryAt(position)
      const row = new RowBuilder()
      const hash = viewOf(bytes).getUint32(4, true)
      row.data(position, { offset: row.pack(bytes), bytes: bytes.byteLength, hash, streams: [position % STREAMS] })
      const { header } = row.finish(position, 0, [])
      const own = rowSum(position + 1, header)
      sum = plus(sum, own)
      sql.insert.run(position + 1, own, ++count, sum, header, bytes)
      packs.note({ id: position + 1, sum: own, header, bytesLength: bytes.byteLength })
      if (!packs.isReady) continue
      writePacks(sql, packs)
      packs.written()
    }
    sql.commit.run()
    progress(position)
  }
  database.close()
}

/** Reads positions spread over [from, to), and streams from there on; gives how many were read. */
function readBack({ unit }: Opened, from: number, to: number): number {
  const bounds = { seed, entryBytesMax: limits.entryBytesMax, streamsMax: limits.streamsMax }
  for (let i = 0; i < SAMPLES; i++) {
    const position = from + Math.floor((i * (to - 1 - from)) / SAMPLES)
    const bytes = unit.state.bytesOf(position)
    const found = bytes === undefined ? -1 : viewOf(readEntry(bytes, bounds).payload).getFloat64(0, true)
    if (found !== position) throw new Error(`position ${position} reads as ${found}`)
    const { entries } = unit.readStream({ stream: position % STREAMS, from: position, step: 1, index: 0 }, 1)
    const next = entries[0]
    if (next === undefined || lengthAt(viewOf(next), 0) !== bytes?.byteLength) {
      throw new Error(`stream ${position % STREAMS} does not go on at position ${position}`)
    }
  }
  return SAMPLES
}

function restart(folder: string, name: string, tell: Tell): Opened {
  const started = performance.now()
  const opened = open(folder)
  tell(name, seconds(performance.now() - started), 's', `from the opening of the store until the unit can serve`)
  tell(`${name}.memory`, mbOf(process.memoryUsage().rss), 'MB resident')
  return opened
}

/** Stores and decides one entry with each commit. */
function commitMore(opened: Opened, from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const bytes = entryAt(from + i)
    opened.unit.store(1, 1, bytes)
    const ms = commit(opened)
    opened.unit.mark(1, from + i, viewOf(bytes).getUint32(4, true), 1)
    return ms
  })
}

/** Trims all but the last rows, slice by slice. */
function trimAll(opened: Opened, before: number, tell: Tell): void {
  const started = performance.now()
  const steps: number[] = []
  opened.unit.membership.trim(1, before)
  do {
    const step = performance.now()
    if (steps.length > 0) opened.unit.state.tidy()
    commit(opened)
    steps.push(performance.now() - step)
  } while (opened.unit.state.untidy)
  tell('soak.trim', seconds(performance.now() - started), 's', `${steps.length} commits without a pause between them`)
  tell('soak.trim.step', Math.round(middleOf(steps) * 10) / 10, 'ms', 'the middle one')
  const last = steps.toSorted((a, b) => a - b)
  tell('soak.trim.p99', Math.round((last[Math.floor(last.length * 0.99)] ?? 0) * 10) / 10, 'ms', 'checkpoints included')
}

function run(folder: string, rows: number, commits: number, tell: Tell, progress: (text: string) => void): void {
  const blank = open(folder)
  blank.unit.membership.genesis(layoutFor(blank.unit.state.identity))
  commit(blank)
  blank.store.close()
  const started = performance.now()
  fill(folder, rows, (row) => {
    progress(`${row.toLocaleString('en')} of ${rows.toLocaleString('en')} rows`)
  })
  tell('soak.fill', seconds(performance.now() - started), 's', `${rows.toLocaleString('en')} rows, not synced`)
  tell('soak.disk', mbOf(statSync(join(folder, 'unit.db')).size), 'MB')
  const first = restart(folder, 'soak.start', tell)
  const last = rows - 1
  first.unit.mark(1, last, viewOf(entryAt(last)).getUint32(4, true), 1)
  tell('soak.read', readBack(first, 0, rows), 'positions', 'read back, with the streams that go on from there')
  const times = commitMore(first, rows, commits)
  tell('soak.commit', Math.round(middleOf(times) * 100) / 100, 'ms', `the middle one of ${commits} commits, synced`)
  first.store.close()
  const second = restart(folder, 'soak.restart', tell)
  const end = rows + commits - 1
  second.unit.mark(1, end, viewOf(entryAt(end)).getUint32(4, true), 1)
  readBack(second, rows, end)
  trimAll(second, end - KEPT, tell)
  second.store.close()
  const third = restart(folder, 'soak.trimmed', tell)
  readBack(third, end - KEPT, end)
  third.store.close()
}

function main(): number {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '20000000' },
      commits: { type: 'string', default: '2000' },
      json: { type: 'boolean', default: false },
    },
  })
  const [rows, commits] = [Number(values.rows), Number(values.commits)]
  if (!Number.isSafeInteger(rows) || !Number.isSafeInteger(commits) || rows < 2 * KEPT || commits < 1) {
    process.stderr.write(`soak: --rows is a number from ${2 * KEPT} on, --commits one from 1 on\n`)
    return 2
  }
  const folder = mkdtempSync(join(tmpdir(), 'sirtaki-soak-'))
  const tell: Tell = (name, value, unit, note) => {
    const text = `${name.padEnd(22)} ${value} ${unit}${note === undefined ? '' : `   ${note}`}`
    process.stdout.write(`${values.json ? JSON.stringify({ name, value, unit, note }) : text}\n`)
  }
  const progress = (text: string): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`)
  }
  try {
    run(join(folder, 'unit'), rows, commits, tell, progress)
    if (!values.json) process.stdout.write(`\n${machineText()}\n`)
    return 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

process.exitCode = main()
