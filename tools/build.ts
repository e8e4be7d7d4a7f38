/**
 * `npm run build`: emits ES2022 with declarations into dist/, from the sources as they are.
 *
 * Imports end in .ts in the sources; the compiler rewrites them. Read next: `../tsconfig.build.json`.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const root = new URL('..', import.meta.url).pathname
rmSync(`${root}dist`, { recursive: true, force: true })
const { status } = spawnSync(
  process.execPath,
  [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.build.json`],
  { stdio: 'inherit' },
)
if (status !== 0) process.exit(status ?? 1)
const main = `${root}dist/tools/main.js`
const text = readFileSync(main, 'utf8')
if (!text.startsWith('#!')) writeFileSync(main, `#!/usr/bin/env node\n${text}`)
chmodSync(main, 0o755)
