#!/usr/bin/env node
/**
 * The door of the command line: checks the Node that runs it, then starts the sources in a checkout, in the package what
 * was built from them.
 *
 * Plain JavaScript of long ago: an older Node must come far enough to say what is wrong. Read next: `main.ts`.
 */
import { existsSync, readFileSync } from 'node:fs'

const needed = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).engines.node.replace('>=', '')
const [major, minor] = process.versions.node.split('.').map(Number)
const [wantedMajor, wantedMinor] = needed.split('.').map(Number)
if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
  console.error(`sirtaki needs Node ${needed} or newer, this is Node ${process.versions.node}: install a newer one`)
  process.exit(1)
}
const sources = new URL('main.ts', import.meta.url)
await import(existsSync(sources) ? sources.href : new URL('../dist/tools/main.js', import.meta.url).href)
