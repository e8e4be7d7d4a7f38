#!/usr/bin/env node
/**
 * The door of the command line: checks the Node that runs it, has it keep what it compiles, then starts the sources
 * in a checkout, in the package what was built from them.
 *
 * Plain JavaScript of long ago: an older Node must come far enough to say what is wrong. Read next: `main.ts`.
 */
import { existsSync, readFileSync } from 'node:fs'
import module from 'node:module'

const needed = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).engines.node.replace(
  '>=',
  '',
)
const [major, minor] = process.versions.node.split('.').map(Number)
const [wantedMajor, wantedMinor] = needed.split('.').map(Number)
if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
  console.error(`sirtaki needs Node ${needed} or newer, this is Node ${process.versions.node}: install a newer one`)
  process.exit(1)
}
// What was compiled is kept for the next start, also that of children: half of what a start costs. Where it cannot be
// kept, it is not.
const { directory } = module.enableCompileCache()
if (directory !== undefined && process.env.NODE_COMPILE_CACHE === undefined) process.env.NODE_COMPILE_CACHE = directory
const sources = new URL('main.ts', import.meta.url)
await import(existsSync(sources) ? sources.href : new URL('../dist/tools/main.js', import.meta.url).href)
