/**
 * The files of a job: which they are, and the hash of one.
 *
 * A file that cannot be read has its error as hash, so that every run tells the same of it. Read next: `worker.ts`.
 */
import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'

/** What is told of a file. */
export interface Hashed {
  readonly path: string
  readonly hash: string
  readonly bytes: number
}

/**
 * Paths of every file below `root`, relative to it, in order. Symbolic links are not followed; the folders `without`
 * are left out.
 */
export async function filesBelow(root: string, without: readonly string[]): Promise<string[]> {
  const left = new Set(without.map((folder) => resolve(folder)))
  const found: string[] = []
  const look = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isFile()) found.push(relative(root, path))
      else if (entry.isDirectory() && !left.has(path)) await look(path)
    }
  }
  await look(resolve(root))
  return found.toSorted()
}

/** Hashes one file with SHA-256. */
export async function hashFile(root: string, path: string): Promise<Hashed> {
  try {
    const bytes = await readFile(join(root, path))
    return { path, hash: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.byteLength }
  } catch (thrown) {
    return {
      path,
      hash: `error:${thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown'}`,
      bytes: 0,
    }
  }
}

/** One digest over the hashes of all files, whoever found them in whatever order. */
export function combinedDigest(files: Iterable<Pick<Hashed, 'path' | 'hash'>>): string {
  const digest = createHash('sha256')
  for (const { path, hash } of [...files].toSorted((a, b) => (a.path < b.path ? -1 : Number(a.path > b.path)))) {
    digest.update(`${path}\0${hash}\n`)
  }
  return digest.digest('hex')
}
