/**
 * Checks folders of units that do not run: headers, entries, meta, register, and folders of one chain against each
 * other.
 *
 * Opening a folder does what every start of a unit does: it takes the folder's lock, so that no unit can start
 * meanwhile, moves what the write-ahead log holds into the database, and writes no position, no meta and no register.
 * What cannot be opened at all is a finding. Read next: `finding.ts`, `../../log/io/sqlite-store.ts`,
 * `../../log/unit/unit-state.ts`.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { boolean, is, nullable, string, type } from 'superstruct'
import { SirtakiError, asError, isError } from '../../log/errors.ts'
import { systemRandom } from '../../log/io/random.ts'
import { readCopies } from '../../log/io/register-file.ts'
import { salvageNotes } from '../../log/io/salvage.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { chainsOf, isMajority, placesOf, seatOf, whole, type Layout } from '../../log/layout.ts'
import { limits } from '../../log/limits.ts'
import { firstOfClass, type Span } from '../../log/ranges.ts'
import { DATA, DAMAGED } from '../../log/unit/position-index.ts'
import { visitRow } from '../../log/unit/row.ts'
import type { StoreImage } from '../../log/unit/store.ts'
import { Unit } from '../../log/unit/unit.ts'
import { Findings, countOf, firstWrong, type Digest, type Progress, type Verified } from './finding.ts'

/** How it is checked. */
export interface StoppedOptions {
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Positions between two looks at who wants to end it. */
const BREATH = 1 << 14
/** What tells whose a register is. */
const Register = type({ identity: string(), cluster: nullable(string()), initialised: boolean(), slot: whole })

/** A folder that could be opened. */
interface Opened {
  readonly folder: string
  readonly store: SqliteStore
  readonly unit: Unit
}

/**
 * Checks folders.
 *
 * @throws SirtakiError `IN_USE` when a unit runs on one, `IO`, `BAD_ARGUMENT` where there is no unit.
 */
export async function verifyStopped(folders: readonly string[], options: StoppedOptions): Promise<Verified> {
  const findings = new Findings()
  const opened: Opened[] = []
  const counts = { entries: 0, bytes: 0 }
  try {
    for (const folder of folders.map((one) => resolve(one))) {
      const one = openFolder(folder, findings)
      if (one !== undefined) opened.push(one)
    }
    for (const one of opened) await checkEntries(one, findings, counts, options)
    checkTwins(opened, findings)
    await compareAll(opened, findings, options)
    const units = opened.map(({ folder, unit: { state } }) => ({
      folder,
      identity: state.identity,
      cluster: state.layout?.cluster ?? null,
      epoch: state.layout?.epoch ?? 0,
      trim: state.trim,
      prefix: state.prefix,
      highest: state.highest,
    }))
    return { findings: findings.done(), unreachable: [], checked: { folders: folders.length, ...counts, units } }
  } finally {
    for (const { store } of opened) store.close()
  }
}

function openFolder(folder: string, findings: Findings): Opened | undefined {
  if (!existsSync(join(folder, 'unit.db'))) {
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `there is no unit in ${folder}: name the folder that sirtaki unit --data names`,
      { facts: { path: folder } },
    )
  }
  const store = new SqliteStore({ folder, random: systemRandom })
  let isKept = false
  try {
    const image = store.open()
    const unit = new Unit({
      image: readable(image, folder, findings),
      boot: 'verify',
      limits,
      readRow: (row) => store.read(row),
    })
    for (const note of salvageNotes(folder)) findings.add(folder, `was salvaged, and is not whole again: ${note}`)
    checkRegister(folder, unit, findings)
    isKept = true
    return { folder, store, unit }
  } catch (thrown) {
    if (isError(thrown, 'IN_USE')) {
      throw new SirtakiError(
        'IN_USE',
        `${thrown.message}: stop that unit first, or check the cluster as it runs with sirtaki verify --deep`,
        { cause: thrown },
      )
    }
    // A meta that is no JSON at all comes as what the parser throws.
    const error = asError(thrown, 'DAMAGED')
    if (error.code !== 'DAMAGED' && error.code !== 'BAD_LAYOUT') throw error
    findings.add(folder, error.message)
    return undefined
  } finally {
    if (!isKept) store.close()
  }
}

/** The image without headers that fail their checksums: each of those is a finding, and what it said is missing. */
function readable(image: StoreImage, folder: string, findings: Findings): StoreImage {
  const headers = [...image.headers].filter(({ id, header }) => {
    try {
      visitRow(id, header, {
        prefix: () => undefined,
        data: () => undefined,
        junk: () => undefined,
        decided: () => undefined,
      })
      return true
    } catch (thrown) {
      findings.add(folder, `${asError(thrown).message}: positions of that row are missing`)
      return false
    }
  })
  return { ...image, headers }
}

/** The register, its two copies, and whether it is the one that the layout names. Changes nothing. */
function checkRegister(folder: string, unit: Unit, findings: Findings): void {
  const { layout, identity } = unit.state
  try {
    const copies = readCopies(join(folder, 'acceptor.register'))
    const kept = copies.find((copy) => copy.kind === 'whole')
    for (const { kind, path } of copies) {
      if (kind === 'damaged') {
        findings.add(
          folder,
          `${path} fails its `
            + `checksum${kept === undefined ? '' : ': the other copy counts, and the next start mends it'}`,
        )
      }
    }
    if (kept?.kind !== 'whole') {
      if (layout !== undefined) {
        findings.add(
          folder,
          'the register acceptor.register '
            + `${copies.every(({ kind }) => kind === 'absent') ? 'is missing' : 'cannot be read'}: started like `
            + `that the unit is another acceptor. ${wayBack(layout)}`,
        )
      }
      return
    }
    const said: unknown = JSON.parse(kept.value)
    const seat = layout === undefined ? undefined : seatOf(layout, identity)
    if (!is(said, Register)) findings.add(folder, 'the register acceptor.register makes no sense')
    else if (layout !== undefined && said.initialised && said.cluster !== layout.cluster) {
      findings.add(folder, `its register belongs to cluster ${said.cluster}, its positions to ${layout.cluster}`)
    } else if (layout !== undefined && seat !== undefined && seat.identity !== said.identity) {
      findings.add(
        folder,
        `its register is another one than epoch ${layout.epoch} names: that one was lost. ${wayBack(layout)}`,
      )
    }
  } catch (thrown) {
    findings.add(folder, asError(thrown).message)
  }
}

const wayBack = (layout: Layout): string =>
  isMajority(layout.acceptors.length - 1, layout)
    ? 'The next epoch names the new one'
    : 'Put a copy of it back, or see sirtaki recover --without-acceptors: this folder may be the only copy of the log'

/** Every entry from the disk, and that nothing below the decided prefix is missing. */
async function checkEntries(
  { folder, unit: { state } }: Opened,
  findings: Findings,
  counts: { entries: number; bytes: number },
  { progress, signal }: StoppedOptions,
): Promise<void> {
  const last: { row: number; bytes: Uint8Array | undefined } = { row: -1, bytes: undefined }
  const startedAt = performance.now()
  let readBytes = 0
  for (let at = state.trim; at <= state.highest; at++) {
    if (at % BREATH === 0) {
      await new Promise<void>((go) => {
        setImmediate(go)
      })
      signal.throwIfAborted()
      progress(
        `reading ${folder}: position ${at} of ${state.highest}, `
          + `${(readBytes / 1e3 / Math.max(1, performance.now() - startedAt)).toFixed(1)} MB/s`,
      )
    }
    const flags = state.index.flags(at)
    if (flags === 0 && at < state.prefix && state.places.owns(at)) {
      findings.add(folder, 'nothing is there below the decided prefix', at)
    }
    if ((flags & DATA) === 0) continue
    const { row } = last
    counts.entries++
    if (!state.entries.verify(at, last) || (state.index.flags(at) & DAMAGED) !== 0) {
      findings.add(folder, 'the entry fails its checksum, or its row cannot be read', at)
    }
    if (last.row !== row) readBytes += last.bytes?.byteLength ?? 0
  }
  counts.bytes += readBytes
  // The index ends at what is held: a prefix above it says that the rest was lost.
  const lost = state.places.first(Math.max(state.trim, state.highest + 1))
  if (lost < state.prefix) {
    findings.add(folder, `nothing is there from this position to ${state.prefix}, below the decided prefix`, lost)
  }
}

/** @throws SirtakiError `WRONG_CLUSTER` when the folders are not of one cluster. */
function checkTwins(opened: readonly Opened[], findings: Findings): void {
  const clusters = new Set(
    opened.flatMap(({ unit: { state } }) => (state.layout === undefined ? [] : [state.layout.cluster])),
  )
  if (clusters.size > 1) {
    throw new SirtakiError(
      'WRONG_CLUSTER',
      `the folders belong to ${clusters.size} clusters, ${[...clusters].join(' and ')}: check those of one at a time`,
    )
  }
  opened.forEach(({ folder, unit: { state } }, i) => {
    const twin = opened.slice(0, i).find((one) => one.unit.state.identity === state.identity)
    if (twin !== undefined) findings.add(folder, `is a copy of ${twin.folder}: both are the unit ${state.identity}`)
  })
}

/** Folders of one chain, under the newest layout that any of them has, where both hold something decided. */
async function compareAll(
  opened: readonly Opened[],
  findings: Findings,
  { progress, signal }: StoppedOptions,
): Promise<void> {
  const layouts = opened.flatMap(({ unit: { state } }) => (state.layout === undefined ? [] : [state.layout]))
  const newest = layouts.reduce<Layout | undefined>(
    (best, layout) => (best === undefined || layout.epoch > best.epoch ? layout : best),
    undefined,
  )
  for (const segment of newest?.segments ?? []) {
    for (const { index, step, units } of chainsOf(segment)) {
      const members = units.flatMap(({ identity }) =>
        opened
          .filter(
            ({ unit: { state } }) =>
              state.identity === identity
              && placesOf(state.layout ?? newest ?? never(), identity).some(
                (place) => place.from <= segment.from && place.index === index && place.step === step,
              ),
          )
          .slice(0, 1),
      )
      const [first, ...others] = members
      if (first === undefined) continue
      for (const other of others) {
        const { state: a } = first.unit
        const { state: b } = other.unit
        const from = firstOfClass(Math.max(segment.from, a.trim, b.trim), index, step)
        const to = Math.min(segment.to ?? Infinity, a.prefix, b.prefix)
        const digest = ({ unit }: Opened, range: Span): Digest => unit.copies.digest({ ...range, index })
        const differ = (range: Span): Promise<boolean> => {
          const [ours, theirs] = [digest(first, range), digest(other, range)]
          return Promise.resolve(ours.count !== theirs.count || ours.sum !== theirs.sum)
        }
        for (let at = from; at < to; at += BREATH * step) {
          signal.throwIfAborted()
          const range = { from: at, to: Math.min(to, at + BREATH * step), step }
          // Who lacks something has been told of already: the counts differ then.
          if (
            digest(first, range).count !== countOf(range, 0)
            || digest(other, range).count !== countOf(range, 0)
            || !(await differ(range))
          ) {
            continue
          }
          findings.add(other.folder, `holds something else than ${first.folder}`, await firstWrong(range, differ))
        }
        progress(`compared ${first.folder} and ${other.folder}`)
      }
    }
  }
}

function never(): never {
  throw new SirtakiError('INVARIANT', 'a chain without a layout')
}
