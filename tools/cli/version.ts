/**
 * What this package says of itself: its version and the Node it needs, from its package.json: one folder up from the
 * sources, two from what is built.
 *
 * Read next: `program.ts`, `../commands/doctor.ts`.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { is, string, type, type Infer } from 'superstruct'

const Package = type({ name: string(), version: string(), engines: type({ node: string() }) })

const own = readPackage(['../../package.json', '../../../package.json'])
/** The version that `sirtaki --version` prints and servers tell in their status. */
export const ownVersion: string = own.version
/** The versions of Node that it runs on, such as `>=22.18`. */
export const nodeRange: string = own.engines.node

function readPackage(places: readonly string[]): Infer<typeof Package> {
  for (const place of places) {
    const path = fileURLToPath(new URL(place, import.meta.url))
    if (!existsSync(path)) continue
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (is(found, Package) && found.name === 'sirtaki') return found
  }
  throw new Error('the package.json of sirtaki is not where it was installed: install the package again')
}
