import { execFileSync } from 'node:child_process'
import test from 'ava'

test('the tests run on the pinned Node, not on the one of the system', (t) => {
  t.is(process.versions.node.split('.')[0], '24')
})

/** Gives the addresses of all modules that a program has loaded when it has tried to dial a server. */
function loadedBy(program: string): string[] {
  const script = `
    import { registerHooks } from 'node:module'
    const seen = new Set()
    registerHooks({ resolve(specifier, context, next) { const found = next(specifier, context); seen.add(found.url); return found } })
    ${program}
    console.log(JSON.stringify([...seen]))`
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  const urls: string[] = JSON.parse(output)
  return urls
}

const dials = `
  const { connect } = await import(${JSON.stringify(new URL('../index.ts', import.meta.url).href)})
  await connect('tcp://127.0.0.1:1', { timeoutMs: 1 }).catch(() => undefined)`

test('a program that only embeds views loads neither better-sqlite3 nor the AWS SDK', (t) => {
  t.deepEqual(loadedBy(dials).filter((url) => /better-sqlite3|@aws-sdk/.test(url)), [])
})

test('a program that dials servers loads neither unit nor sequencer', (t) => {
  const loaded = loadedBy(dials)
  t.true(loaded.some((url) => url.endsWith('/sequencer/client.ts')))
  t.deepEqual(loaded.filter((url) => /\/log\/unit\/|\/sequencer\/(?!client\.ts)/.test(url)), [])
})
