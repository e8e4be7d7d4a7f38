/**
 * Both stores of a unit under one contract.
 *
 * Read next: `unit-store.ts`.
 */
import test from 'ava'
import { systemRandom } from '../../log/io/random.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { MemoryStore } from '../../log/unit/memory-store.ts'
import { makeFolder } from '../log/io/folder.ts'
import { unitStoreContract } from './unit-store.ts'

unitStoreContract(test, 'memory', () => {
  const store = new MemoryStore(systemRandom.id())
  return { start: () => store }
})

unitStoreContract(test, 'sqlite', (teardown) => {
  const folder = makeFolder(teardown)
  return { start: () => new SqliteStore({ folder, random: systemRandom, walMb: 1 }) }
})
