/**
 * `npm run bench`: compiles the sources into .bench/ and runs the bench from there, so that servers and clients are
 * measured as they are shipped, not with types taken out at every start.
 *
 * Read next: `main.ts`.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '../..')
const out = join(root, '.bench')
rmSync(out, { recursive: true, force: true })
const { status } = spawnSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.bench.json')],
  { stdio: 'inherit' },
)
if (status !== 0) process.exit(status ?? 1)
copyFileSync(join(root, 'package.json'), join(out, 'package.json'))
await import(pathToFileURL(join(out, 'tools/bench/main.js')).href)
