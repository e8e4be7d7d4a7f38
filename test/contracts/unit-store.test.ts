/**
 * Both stores of a unit under one contract.
 *
 * Read next: `unit-store.ts`.
 */
import test from 'ava'
import { systemRandom } from '../../log/io/random.ts'
import { markSalvaged } from '../../log/io/salvage.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { MemoryStore } from '../../log/unit/memory-store.ts'
import { makeFolder } from '../log/io/folder.ts'
import { unitStoreContract } from './unit-store.ts'

unitStoreContract(test, 'memory', () => {
  const store = new MemoryStore(systemRandom.id())
  return {
    start: () => {
      store.full = false
      return store
    },
    startFull: () => {
      store.full = true
      return store
    },
    salvage: () => {
      store.salvaged = true
    },
  }
})

unitStoreContract(test, 'sqlite', (t) => {
  const folder = makeFolder(t)
  const start = (reserveMb: number): SqliteStore =>
    new SqliteStore({ folder, random: systemRandom, walMb: 1, reserveMb })
  // No disk has room for a reserve of 2^40 megabytes.
  return {
    start: () => start(1),
    startFull: () => start(2 ** 40),
    salvage: () => {
      markSalvaged(folder, 'rows were left out')
    },
  }
})
