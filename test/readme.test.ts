/**
 * Every example and every command of the README and of the pages that it leads to is run.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { freePorts } from './free-ports.ts'

const root = new URL('..', import.meta.url).pathname
const pages = [
  'README.md',
  'docs/programs.md',
  'docs/coordination.md',
  'docs/objects.md',
  'docs/extensions.md',
  'docs/checkpoints.md',
  'docs/commands.md',
  'docs/measurements.md',
]
const text = pages.map((page) => readFileSync(join(root, page), 'utf8')).join('\n')
const blocks = (info: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${info}\\n([\\s\\S]*?)\`\`\``, 'g'))].map((found) => found[1] ?? '')
const run = promisify(execFile)

// Beside the sources, where what they import is found.
const folder = mkdtempSync(join(root, 'examples', '.pages-'))
const examples = blocks('ts example').map((source, i) => {
  const file = join(folder, `example-${i + 1}.ts`)
  writeFileSync(file, source.replace("'sirtaki/log'", "'../../log.ts'").replace("'sirtaki'", "'../../index.ts'"))
  return file
})
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true })
})

for (const [i, file] of examples.entries()) {
  // One after the other: all at once are fifteen clusters on a machine that runs other tests too.
  test.serial(`example ${i + 1} of the pages runs`, async (t) => {
    t.timeout(90_000)
    const { stdout } = await run(process.execPath, [file], { timeout: 80_000 })
    t.regex(stdout, /\d/)
  })
}

test('the examples of the pages compile', async (t) => {
  t.timeout(120_000)
  const config = { extends: '../../tsconfig.json', compilerOptions: { noUnusedLocals: true }, include: ['*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const compiler = join(root, 'node_modules', '.bin', 'tsc')
  const printed = await run(compiler, ['--project', folder], { timeout: 100_000 }).then(
    () => '',
    (error: unknown) => (error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)),
  )
  t.is(printed, '')
})

test('the bench runs as the page says', async (t) => {
  t.timeout(120_000)
  for (const line of blocks('sh bench')
    .join('\n')
    .split('\n')
    .filter((one) => one !== '')) {
    const { stdout } = await run('bash', ['-c', line], { cwd: root, timeout: 100_000 })
    t.regex(stdout, /^read\.local +sirtaki +p50/m)
  }
})

test('the commands of the pages work against a cluster started as they say', async (t) => {
  t.timeout(240_000)
  const data = mkdtempSync(join(tmpdir(), 'sirtaki-readme-'))
  const [port = 0] = await freePorts(4)
  const dev = spawn(
    process.execPath,
    ['tools/main.ts', 'dev', join(root, 'log'), '--job', '--workers', '2', '--data', data, '--port', String(port)],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  t.teardown(() => {
    dev.kill('SIGTERM')
    rmSync(data, { recursive: true, force: true })
  })
  let said = ''
  const address = await new Promise<string>((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      said += chunk.toString()
      const found = /tcp:\/\/[\d.:,]+/.exec(said)
      if (found !== null && /Ctrl-C/.test(said)) resolve(found[0])
    }
    dev.stdout.on('data', look)
    dev.stderr.on('data', look)
    dev.once('exit', (code) => {
      reject(new Error(`dev ended with ${code}: ${said}`))
    })
  })
  for (const line of blocks('sh cluster')
    .join('\n')
    .split('\n')
    .filter((one) => one !== '')) {
    const { stdout } = await run('bash', ['-c', line], {
      cwd: root,
      timeout: 30_000,
      env: { ...process.env, SIRTAKI_CLUSTER: address, SIRTAKI_BLOBS: `file:${join(data, 'checkpoints')}` },
    })
    t.true(stdout.length > 0, line)
  }
})
