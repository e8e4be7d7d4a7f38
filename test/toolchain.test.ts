import { execFileSync } from 'node:child_process'
import test from 'ava'

test('the tests run on the pinned Node, not on the one of the system', (t) => {
  t.is(process.versions.node.split('.')[0], '24')
})

test('a program that only embeds views loads neither better-sqlite3 nor the AWS SDK', (t) => {
  const script = `
    import { registerHooks } from 'node:module'
    const seen = []
    registerHooks({ resolve(specifier, context, next) { const found = next(specifier, context); seen.push(found.url); return found } })
    await import(${JSON.stringify(new URL('../index.ts', import.meta.url).href)})
    console.log(seen.filter((url) => /better-sqlite3|@aws-sdk/.test(url)).length)`
  t.is(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).trim(), '0')
})
