/**
 * Versions of the messages: what the two ends of a connection agree on when they greet.
 *
 *     hello { versions: { min, max } } ─▶ the highest version that both speak ─▶ welcome { version }
 *
 * | version | what it brought |
 * |---|---|
 * | 1 | hello and welcome without a version |
 * | 2 | versions in hello and welcome; fields and kinds of frames that are not known cost no connection |
 * | 3 | log time in the answer to progress; turns of drivers |
 *
 * A version only adds: an end that agreed on a lower one says nothing that came later. Owns: the versions and how one
 * is chosen. Read next: `control.ts` (Hello, Welcome), `server.ts`, `rpc.ts`.
 */
import { type, type Infer } from 'superstruct'
import { SirtakiError } from '../errors.ts'
import { whole } from '../layout.ts'
import type { Limits } from '../limits.ts'

/** A range of versions, both ends inclusive. */
export const Versions = type({ min: whole, max: whole })
export type Versions = Infer<typeof Versions>

/** The versions that this code knows. */
export const WIRE_VERSIONS: Versions = { min: 1, max: 3 }

/** The first version with turns of drivers. */
export const TURNS_VERSION = 3

/** What counts for an end that says nothing: version 1 did not. */
export const UNSAID: Versions = { min: 1, max: 1 }

/** The versions that a process speaks. */
export const versionsOf = ({ wireVersionMax }: Limits): Versions => ({
  min: WIRE_VERSIONS.min,
  max: Math.min(WIRE_VERSIONS.max, wireVersionMax),
})

/**
 * Gives the highest version that both ends speak.
 *
 * @throws SirtakiError `WRONG_VERSION` that names both ranges and the end to upgrade.
 */
export function agreeVersion(server: Versions, client: Versions): number {
  const version = Math.min(server.max, client.max)
  if (version >= Math.max(server.min, client.min)) return version
  const older = server.max < client.min ? 'server' : 'client'
  throw new SirtakiError(
    'WRONG_VERSION',
    `the server speaks ${wordsOf(server)}, the client ${wordsOf(client)}: upgrade the ${older}`,
    { facts: { server, client, upgrade: older } },
  )
}

const wordsOf = ({ min, max }: Versions): string => (min === max ? `version ${min}` : `versions ${min} to ${max}`)
