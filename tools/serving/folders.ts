/**
 * Making folders.
 *
 * Read next: `../commands/unit.ts`, `../dev/dev-cluster.ts`.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a folder and its parents, one by one: where a parent cannot hold folders, as /proc, Node's recursive
 * `mkdirSync` never ends.
 */
export function makeFolders(folder: string): void {
  if (existsSync(folder)) return
  makeFolders(dirname(folder))
  mkdirSync(folder)
}
