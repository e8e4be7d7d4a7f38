/** Opening a database: an older Node hears why, in place of a crash of the binary. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { NODE_MIN, openDatabase, refusalOf } from '../../../log/io/database.ts'

test('a Node that is too old for the binary is refused with both versions', (t) => {
  t.like(refusalOf('20.20.2'), { code: 'UNSUPPORTED', next: 'stop', facts: { version: '20.20.2', needed: NODE_MIN } })
  t.like(refusalOf('22.17.9'), { code: 'UNSUPPORTED' })
  t.is(refusalOf('22.18.0'), undefined)
  t.is(refusalOf('24.0.0'), undefined)
})

test('what is needed is what the package asks for', (t) => {
  const { engines } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  t.is(engines.node, `>=${NODE_MIN}`)
})

test('a database opens on this Node', (t) => {
  const database = openDatabase(':memory:')
  t.is(database.prepare('select 7').pluck().get(), 7)
  database.close()
})
