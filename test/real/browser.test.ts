/**
 * The engine of extensions on hosts that are no Node: a bare context of V8, and Chromium where there is one.
 *
 * `CHROMIUM` names its program. Read next: `browser-sources.ts`, `../objects/extensions/golden.ts`.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { chromium } from 'playwright-core'
import { goldenQuick } from '../objects/extensions/golden.ts'
import { serveSources } from './browser-server.ts'

const program = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const TIMEOUT_MS = 300_000
/** What the page runs. */
const inPage = `(async () => {
  const { findingsInBrowser } = await import('/test/objects/extensions/corpora.ts')
  const engine = await fetch('/quickjs.wasm')
  return findingsInBrowser(new Uint8Array(await engine.arrayBuffer()))
})()`

test('E3: in a bare context, as in a browser, images, corpora and fuel are those of the table', async (t) => {
  t.timeout(TIMEOUT_MS)
  const bare = fileURLToPath(new URL('bare-corpora.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--experimental-vm-modules', bare])
  t.deepEqual(JSON.parse(stdout), { findings: goldenQuick, problems: [] })
})

test('E3: in Chromium images, corpora and fuel are those of the table', async (t) => {
  if (!existsSync(program)) {
    t.log(`left out: there is no ${program}; CHROMIUM may name another one`)
    t.pass()
    return
  }
  t.timeout(TIMEOUT_MS)
  await using server = await serveSources()
  await using browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'], timeout: TIMEOUT_MS })
  const page = await browser.newPage()
  await page.goto(server.address)
  t.deepEqual(JSON.parse(await page.evaluate(inPage)), { findings: goldenQuick, problems: [] })
})
