/**
 * Blob stores by their addresses: `s3://bucket/prefix?endpoint=URL`, `file:FOLDER`; and as programs make them.
 *
 * Read next: `s3-blobs.ts`, `folder-blobs.ts`, `../archive/blob-store.ts`.
 */
import type { BlobStore } from '../archive/blob-store.ts'
import { SirtakiError } from '../errors.ts'
import { FolderBlobs } from './folder-blobs.ts'
import { systemRandom } from './random.ts'
import { parseS3, requireS3, type S3Place } from './s3-address.ts'
import { S3Blobs, type S3Options } from './s3-blobs.ts'

/**
 * Opens the store at an address. Nothing is asked of it yet; the folder of a `file:` address is made.
 *
 * @throws SirtakiError `BAD_ADDRESS`; of a folder `IO`, `BLOBS_REFUSED`.
 */
export function openBlobs(address: string): BlobStore {
  if (address.startsWith('s3://')) return new S3Blobs(parseS3(address))
  if (address.startsWith('file:') && address.length > 'file:'.length) return folderBlobs(address.slice('file:'.length))
  throw new SirtakiError(
    'BAD_ADDRESS',
    `"${address}" is no address of a blob store: write s3://bucket/prefix?endpoint=URL or file:FOLDER`,
    { facts: { address } },
  )
}

/** Blobs in a folder of this machine, which several processes may share. @throws SirtakiError `IO`, `BLOBS_REFUSED`. */
export const folderBlobs = (folder: string): BlobStore => new FolderBlobs(folder, systemRandom)

/**
 * Blobs in a bucket of an S3 store. `endpoint`: the URL of a server other than Amazon's. Without `credentials` the
 * usual places are asked: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, shared files, the machine's role.
 *
 * @throws SirtakiError `BAD_ADDRESS`.
 */
export const s3 = ({
  prefix = '',
  ...options
}: Omit<S3Options, 'prefix'> & Partial<Pick<S3Place, 'prefix'>>): BlobStore =>
  new S3Blobs({ ...options, ...requireS3({ ...options, prefix }) })
