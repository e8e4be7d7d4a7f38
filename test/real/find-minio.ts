/**
 * Finds MinIO for the tests, or builds it: a step of `npm test` by itself, since it takes minutes on a new machine.
 *
 * Read next: `minio.ts`.
 */
import { findMinio } from './minio.ts'

const found = await findMinio()
console.log(found.kind === 'none' ? `left out: ${found.reason}` : JSON.stringify(found))
