/**
 * Checks a blob store: every checkpoint with all its parts, every range of the archive, and whether they follow each
 * other.
 *
 * Read next: `finding.ts`, `../../objects/checkpoints/reader.ts`, `../../log/archive/archive-reader.ts`.
 */
import { rangeEnds, readRange, type ArchiveSource } from '../../log/archive/archive-reader.ts'
import { rangeKey, type ArchivedRange } from '../../log/archive/range.ts'
import { isError, type SirtakiError } from '../../log/errors.ts'
import type { Manifest } from '../../objects/checkpoints/manifest.ts'
import { manifestKeys, readManifest, readState, type Reading } from '../../objects/checkpoints/reader.ts'
import { digestOf } from '../../objects/runtime/snapshot-digest.ts'
import { Findings, type Progress, type Verified } from './finding.ts'

/** A checkpoint with what is wrong with it. */
export interface CheckedManifest {
  readonly key: string
  readonly manifest?: Manifest | undefined
  readonly problem?: string | undefined
  /** Why it is none of this log, and no harm. */
  readonly passedOver?: string | undefined
}
/** A range with what is wrong with it, or in front of it. */
export interface CheckedRange {
  readonly key: string
  readonly range?: ArchivedRange | undefined
  readonly problem?: string | undefined
  readonly passedOver?: string | undefined
}

/** Reads all checkpoints, the newest first, and makes the hashes of their records anew. @throws as `readManifest`. */
export async function* checkedManifests(reading: Reading): AsyncGenerator<CheckedManifest, void, undefined> {
  /** What the manifest before the one at hand says that it follows. */
  let wanted: Manifest['previous'] = null
  for (const key of await manifestKeys(reading)) {
    try {
      const manifest = await readManifest(reading, key)
      if (manifest === undefined) continue
      const found = digestOf(await readState(reading, manifest))
      yield { key, manifest, problem: problemOf(manifest, found, wanted) }
      wanted = manifest.previous
    } catch (thrown) {
      if (!isError(thrown, 'DAMAGED')) throw thrown
      yield unreadable(key, thrown)
    }
  }
}

/** What a cluster wrote after another one was restored from it harms nobody. */
const unreadable = (key: string, { message, facts }: SirtakiError): CheckedManifest & CheckedRange =>
  facts['late'] === true ? { key, passedOver: message } : { key, problem: message }

/** What is wrong with a checkpoint that could be read. `wanted`: what the next one says of the one that it follows. */
function problemOf({ n, digest, sha256 }: Manifest, found: string, wanted: Manifest['previous']): string | undefined {
  if (digest !== found) return `its records come to digest ${found}, it says ${digest}`
  const isAnother = wanted !== null && wanted.n === n && wanted.sha256 !== sha256
  return isAnother ? `it is not the one that the next checkpoint follows (SHA-256 ${wanted.sha256})` : undefined
}

/** Reads all ranges of an archive, from its beginning on. @throws as `readRange`. */
export async function* checkedRanges(source: ArchiveSource): AsyncGenerator<CheckedRange, void, undefined> {
  let before: ArchivedRange | undefined
  for (const to of await rangeEnds(source)) {
    const key = rangeKey(to)
    try {
      const range = await readRange(source, to)
      if (range === undefined) continue
      yield { key, range, problem: before && problemBetween(source, before, range) }
      before = before === undefined || range.to > before.to ? range : before
    } catch (thrown) {
      if (!isError(thrown, 'DAMAGED', 'WRONG_CLUSTER')) throw thrown
      yield unreadable(key, thrown)
    }
  }
}

/** What is wrong between two ranges. They may overlap; where a log was restored nothing is between them. */
function problemBetween({ lineage }: ArchiveSource, before: ArchivedRange, range: ArchivedRange): string | undefined {
  const from = lineage.after(before.to)
  if (range.from > from) return `positions ${from} to ${range.from} are missing`
  const isAnother = range.from === before.to && range.previous !== null && range.previous !== before.sha256
  return isAnother ? `it does not follow the range before it, but one with SHA-256 ${range.previous}` : undefined
}

/** Checks all of a store. `address`: for the findings. @throws as `checkedManifests`, `checkedRanges`. */
export async function verifyBlobs(
  address: string,
  { reading, source }: { readonly reading: Reading; readonly source: ArchiveSource },
  progress: Progress,
): Promise<Verified> {
  const findings = new Findings()
  let [checkpoints, ranges] = [0, 0]
  const found = (key: string, problem: string | undefined): void => {
    if (problem !== undefined) findings.add(address, problem.startsWith(key) ? problem : `${key}: ${problem}`)
    progress(`read ${key}`)
  }
  for await (const { key, problem } of checkedManifests(reading)) {
    checkpoints++
    found(key, problem)
  }
  for await (const { key, problem } of checkedRanges(source)) {
    ranges++
    found(key, problem)
  }
  return { findings: findings.done(), unreachable: [], checked: { checkpoints, ranges } }
}
