/**
 * Who may import whom: every file of `log/`, `sequencer/` and `objects/` stands in one layer and imports only from
 * its own place and from layers below.
 *
 * Read next: `../ARCHITECTURE.md` (what each folder is for), `../.oxlintrc.json` (who may touch the machine).
 */
import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import test from 'ava'

const root = new URL('..', import.meta.url).pathname

/** From the lowest on. Places of one layer know nothing of each other. A place is a folder or one file. */
const layers: readonly (readonly string[])[] = [
  ['log/errors.ts', 'log/ports.ts', 'log/limits.ts', 'log/latency.ts', 'log/heap.ts', 'log/archive/blob-store.ts'],
  ['log/bytes/'],
  ['log/layout.ts', 'log/ranges.ts', 'log/entry.ts'],
  ['log/wire/'],
  ['log/cluster/'],
  ['log/epochs/'],
  ['log/playback/', 'log/unit/', 'log/archive/'],
  ['log/client/', 'log/io/'],
  ['sequencer/'],
  ['objects/runtime/'],
  ['objects/io/', 'objects/checkpoints/'],
  ['objects/'],
  ['testing/'],
  ['index.ts', 'log.ts', 'objects.ts', 'sequencer.ts', 'testing.ts'],
]

/** What the values of the log take from each other: the only imports between files of one layer that are no folder. */
const among = ['log/entry.ts', 'log/layout.ts', 'log/ranges.ts']

/** What objects may know of the sequencer: how to connect, and the sessions that both fold from the same entries. */
const shown = ['sequencer/connect.ts', 'sequencer/session-entry.ts', 'sequencer/session-table.ts']

/** The layer of a file and its place there. */
function placeOf(file: string): { readonly layer: number; readonly place: string } {
  const places = layers.flatMap((layer, at) => layer.map((place) => ({ layer: at, place })))
  const found = places.filter(({ place }) => place === file || (place.endsWith('/') && file.startsWith(place)))
  return found.sort((a, b) => b.place.length - a.place.length)[0] ?? { layer: -1, place: 'nowhere' }
}

/** The files that a file imports, with `import type` and `import()`. */
function importsOf(file: string): string[] {
  const text = readFileSync(`${root}${file}`, 'utf8')
  return [...text.matchAll(/(?:from|import\() ?'(\.[^']+)'/g)].map(([, to = '']) => posix.join(posix.dirname(file), to))
}

const files = globSync(['*.ts', '{log,sequencer,objects,testing}/**/*.ts'], { cwd: root }).map((file) =>
  file.replaceAll('\\', '/'),
)

/** Whether one file may import another one. */
function mayImport(from: string, to: string): boolean {
  const here = placeOf(from)
  const there = placeOf(to)
  const isPrivate = there.place === 'sequencer/' && here.place.startsWith('objects/') && !shown.includes(to)
  const isSame = here.place === there.place || (among.includes(from) && among.includes(to))
  return !isPrivate && (isSame || there.layer < here.layer)
}

test('every file stands in a layer', (t) => {
  t.true(files.length > 100)
  t.deepEqual(
    files.filter((file) => placeOf(file).layer < 0),
    [],
  )
})

test('nothing imports from a layer above its own', (t) => {
  const upward = files.flatMap((from) =>
    importsOf(from)
      .filter((to) => !mayImport(from, to))
      .map((to) => `${from} imports ${to}`),
  )
  t.deepEqual(upward, [])
})

test('an import up, across and into what is private is seen', (t) => {
  t.false(mayImport('log/wire/rpc.ts', 'log/cluster/cluster.ts'))
  t.false(mayImport('log/unit/unit.ts', 'log/playback/read.ts'))
  t.false(mayImport('objects/client.ts', 'sequencer/server.ts'))
  t.false(mayImport('objects/runtime/space.ts', 'sequencer/session-keeper.ts'))
  t.false(mayImport('log/errors.ts', 'log/limits.ts'))
  t.true(mayImport('objects/client.ts', 'log/client/client.ts'))
  t.true(mayImport('objects/runtime/space.ts', 'sequencer/session-table.ts'))
})
