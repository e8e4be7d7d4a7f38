/**
 * Makes the names in a folder durable: a file that was created or renamed is found after a power cut only then.
 *
 * Read next: `register-file.ts`, `sqlite-store.ts`.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'

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

/** The same beside other work: a disk may take a tenth of a second for it. @throws the system's error. */
export async function folderSynced(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
