import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import test from 'ava'

test('the tests run on the pinned Node, not on the one of the system', (t) => {
  t.is(process.versions.node.split('.')[0], '24')
})

/** Gives the addresses of all modules that a program has loaded when it has tried to dial a server. */
function loadedBy(program: string): string[] {
  const script = `
    import { registerHooks } from 'node:module'
    const seen = new Set()
    const resolve = (specifier, context, next) => {
      const found = next(specifier, context)
      seen.add(found.url)
      return found
    }
    registerHooks({ resolve })
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
  t.deepEqual(
    loadedBy(dials).filter((url) => /better-sqlite3|@aws-sdk/.test(url)),
    [],
  )
})

test('a program that dials servers loads neither unit nor sequencer', (t) => {
  const loaded = loadedBy(dials)
  t.true(loaded.some((url) => url.endsWith('/sequencer/connect.ts')))
  t.deepEqual(
    // What clients and sequencers fold alike is no server.
    loaded.filter((url) => /\/log\/unit\/|\/sequencer\/(?!connect\.ts|session-entry\.ts|session-table\.ts)/.test(url)),
    [],
  )
})

const OPTIONS = /export interface \w*Options(?:<[^{]*>)?(?: extends [^{]+)? \{([^}]*)\}/g

/** Members of exported interfaces of options that no docstring stands above; `stream` says all of itself. */
function undocumented(file: string): string[] {
  const text = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
  return [...text.matchAll(OPTIONS)].flatMap(([, body = '']) => {
    const lines = body.split('\n').map((line) => line.trim())
    const bare = lines.filter((line, i) => line.startsWith('readonly ') && lines[i - 1]?.endsWith('*/') !== true)
    return bare.filter((line) => !line.startsWith('readonly stream:')).map((line) => `${file}: ${line}`)
  })
}

const faces = [
  'log/client/client.ts',
  'log/cluster/calls.ts',
  'log/cluster/cluster.ts',
  'log/client/connect.ts',
  'log/errors.ts',
  'objects/client.ts',
  'objects/connect.ts',
  'objects/runtime/view.ts',
  'sequencer/connect.ts',
]

test('every member of the options that programs pass has a docstring', (t) => {
  t.deepEqual(faces.flatMap(undocumented), [])
})

test('the README names the Node that the package asks for', (t) => {
  const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
  const { engines, dependencies } = JSON.parse(read('package.json'))
  const [, needed = 'none'] = /^>=(\S+)$/.exec(engines.node) ?? []
  const readme = read('README.md')
  t.deepEqual(
    [...readme.matchAll(/Node (\d+(?:\.\d+)*) or newer/g)].map(([, version]) => version),
    [needed],
  )
  t.true(readme.includes(`superstruct ${dependencies.superstruct.split('.')[0]}`))
})
