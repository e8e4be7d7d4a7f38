/**
 * Makes the names in a folder durable: a file that was created or renamed is found after a power cut only then.
 *
 * Read next: `register-file.ts`, `sqlite-store.ts`.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs'

/** Makes the entries of `folder` durable. @throws the system's error. */
export function syncFolder(folder: string): void {
  // Windows opens no folder as a file, and NTFS journals its names.
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
