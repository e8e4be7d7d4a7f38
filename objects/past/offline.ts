/**
 * A log that is only in blobs: an export, played without a cluster.
 *
 * Nothing can be appended, no skip is new, and everything that reads reads it. Read next: `export.ts`,
 * `archived-log.ts`.
 */
import { integer, is, string, type } from 'superstruct'
import type { ArchiveSource } from '../../log/archive/archive-reader.ts'
import type { Blobs } from '../../log/archive/blobs.ts'
import { damagedBlob } from '../../log/archive/sealed.ts'
import { SirtakiError } from '../../log/errors.ts'
import type { Limits } from '../../log/limits.ts'
import type { Clock, Random } from '../../log/ports.ts'
import type { SpaceLog } from '../runtime/space-log.ts'
import { archivedLog } from './archived-log.ts'
import { EXPORT_KEY } from './export.ts'

const About = type({ format: integer(), cluster: string(), from: integer(), to: integer() })

/** What is in an export: positions [from, to). */
export interface Exported {
  readonly cluster: string
  readonly from: number
  readonly to: number
}

/** Reads what an export says of itself. @throws SirtakiError `DAMAGED`, `UNSUPPORTED`. */
export async function readExport(blobs: Blobs): Promise<Exported> {
  const bytes = await blobs.get(EXPORT_KEY)
  const about: unknown = bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes))
  if (!is(about, About)) throw damagedBlob(EXPORT_KEY, `${blobs.address} is no export of a log`)
  const { format } = about
  if (format > 1) throw new SirtakiError('UNSUPPORTED', `the export has format ${format}, this is 1: upgrade`)
  return about
}

/** The log of an export. */
export function offlineLog(
  exported: Exported,
  source: ArchiveSource,
  { clock, random, limits }: { readonly clock: Clock; readonly random: Random; readonly limits: Limits },
): SpaceLog {
  const readOnly = (): Promise<never> =>
    Promise.reject(new SirtakiError('UNSUPPORTED', 'an export is for reading: nothing can be appended to it'))
  const nothing: SpaceLog = {
    clock,
    random,
    limits,
    isReadOnly: true,
    append: readOnly,
    heartbeat: readOnly,
    overloaded: () => undefined,
    tail: () => Promise.resolve({ tail: exported.to, logTime: 0 }),
    play: (stream, _events, from = 0) => ({
      offer: () => undefined,
      close: () => undefined,
      playTo: () =>
        Promise.reject(
          new SirtakiError('TRIMMED', `stream ${stream} is in the export from position ${exported.from} on`, {
            facts: { position: from, trim: exported.from },
          }),
        ),
    }),
  }
  return archivedLog(nothing, () => Promise.resolve(source))
}
