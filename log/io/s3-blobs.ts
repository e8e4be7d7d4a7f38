/**
 * A blob store of the S3 protocol, over `@aws-sdk/client-s3`, which is loaded with the first call.
 *
 * With an endpoint (MinIO, Ceph, R2, ...): path style, checksums only where the protocol demands them (P41: streaming
 * checksums were stored as part of the data by several servers). Without one: Amazon's, with the SDK's usual chain of
 * credentials and region. The SDK does not retry: `../archive/blobs.ts` does, and knows what that means.
 * Keeps: P40, P41. Read next: `../archive/blob-store.ts`, `s3-address.ts`.
 */
import type * as aws from '@aws-sdk/client-s3'
import { PAGE_KEYS, type BlobPage, type BlobStore, type BlobTry } from '../archive/blob-store.ts'
import { formatS3, type S3Place } from './s3-address.ts'
import { isAbsent, isConflict, s3Error } from './s3-error.ts'

/** What a store is opened with. */
export interface S3Options extends S3Place {
  /** Keys of access. Without them the SDK's chain is asked: environment, shared files, the machine's role. */
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
}

type Sdk = typeof aws

/** The region that is signed for where an endpoint is given without one. */
const ANY_REGION = 'us-east-1'
const CONNECT_MS = 5_000
/** A blob above this goes in pieces: one request would take longer than one try may. */
const PIECES_FROM_BYTES = 16 << 20
const PIECE_BYTES = 8 << 20

/** Blobs below one prefix of one bucket. */
export class S3Blobs implements BlobStore {
  readonly address: string
  readonly #options: S3Options
  readonly #prefix: string
  #opened: Promise<{ readonly sdk: Sdk; readonly client: aws.S3Client }> | undefined

  constructor(options: S3Options) {
    this.#options = options
    this.#prefix = options.prefix === '' ? '' : `${options.prefix}/`
    this.address = formatS3(options)
  }

  put(key: string, bytes: Uint8Array, options: BlobTry): Promise<void> {
    return this.#send(async (sdk, client) => {
      if (bytes.byteLength > PIECES_FROM_BYTES) await this.#putPieces(sdk, client, key, bytes, options)
      else await client.send(new sdk.PutObjectCommand(this.#body(key, bytes)), { abortSignal: options.signal })
    })
  }

  putNew(key: string, bytes: Uint8Array, { signal }: BlobTry): Promise<boolean> {
    return this.#send(async (sdk, client) => {
      try {
        const command = new sdk.PutObjectCommand({ ...this.#body(key, bytes), IfNoneMatch: '*' })
        await client.send(command, { abortSignal: signal })
        return true
      } catch (thrown) {
        if (isConflict(thrown)) return false
        throw thrown
      }
    })
  }

  get(key: string, { signal }: BlobTry): Promise<Uint8Array | undefined> {
    return this.#send(async (sdk, client) => {
      try {
        const command = new sdk.GetObjectCommand({ Bucket: this.#options.bucket, Key: this.#prefix + key })
        const { Body } = await client.send(command, { abortSignal: signal })
        return await Body?.transformToByteArray()
      } catch (thrown) {
        if (isAbsent(thrown)) return undefined
        throw thrown
      }
    })
  }

  list(prefix: string, after: string, { signal }: BlobTry): Promise<BlobPage> {
    return this.#send(async (sdk, client) => {
      const command = new sdk.ListObjectsV2Command({
        Bucket: this.#options.bucket,
        Prefix: this.#prefix + prefix,
        MaxKeys: PAGE_KEYS,
        ...(after === '' ? {} : { StartAfter: this.#prefix + after }),
      })
      const { Contents = [], IsTruncated } = await client.send(command, { abortSignal: signal })
      const keys = Contents.flatMap(({ Key }) => (Key === undefined ? [] : [Key.slice(this.#prefix.length)]))
      return { keys, isLast: IsTruncated !== true }
    })
  }

  remove(key: string, { signal }: BlobTry): Promise<void> {
    return this.#send(async (sdk, client) => {
      const command = new sdk.DeleteObjectCommand({ Bucket: this.#options.bucket, Key: this.#prefix + key })
      await client.send(command, { abortSignal: signal })
    })
  }

  close(): void {
    void this.#opened?.then(({ client }) => {
      client.destroy()
    })
    this.#opened = undefined
  }

  /** A body with its length: nothing is streamed. */
  #body(key: string, bytes: Uint8Array) {
    return {
      Bucket: this.#options.bucket,
      Key: this.#prefix + key,
      Body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      ContentLength: bytes.byteLength,
      ContentType: 'application/octet-stream',
    }
  }

  async #putPieces(sdk: Sdk, client: aws.S3Client, key: string, bytes: Uint8Array, { signal }: BlobTry): Promise<void> {
    const place = { Bucket: this.#options.bucket, Key: this.#prefix + key }
    const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(place), { abortSignal: signal })
    try {
      const Parts = []
      for (let from = 0, number = 1; from < bytes.byteLength; from += PIECE_BYTES, number++) {
        const { Body, ContentLength } = this.#body(key, bytes.subarray(from, from + PIECE_BYTES))
        const piece = new sdk.UploadPartCommand({ ...place, UploadId, PartNumber: number, Body, ContentLength })
        Parts.push({ PartNumber: number, ETag: (await client.send(piece, { abortSignal: signal })).ETag })
      }
      const whole = new sdk.CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts } })
      await client.send(whole, { abortSignal: signal })
    } catch (thrown) {
      // What is left of it costs room until the bucket's own rule drops it.
      await client.send(new sdk.AbortMultipartUploadCommand({ ...place, UploadId })).catch(() => undefined)
      throw thrown
    }
  }

  async #send<T>(run: (sdk: Sdk, client: aws.S3Client) => Promise<T>): Promise<T> {
    try {
      const { sdk, client } = await (this.#opened ??= this.#open())
      return await run(sdk, client)
    } catch (thrown) {
      throw s3Error(thrown, this.address)
    }
  }

  async #open(): Promise<{ readonly sdk: Sdk; readonly client: aws.S3Client }> {
    const sdk = await import('@aws-sdk/client-s3')
    const { endpoint, region, credentials } = this.#options
    const client = new sdk.S3Client({
      maxAttempts: 1,
      requestHandler: { connectionTimeout: CONNECT_MS },
      ...(credentials === undefined ? {} : { credentials }),
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined
        ? {}
        : {
            endpoint,
            region: region ?? ANY_REGION,
            forcePathStyle: true,
            requestChecksumCalculation: 'WHEN_REQUIRED',
            responseChecksumValidation: 'WHEN_REQUIRED',
          }),
    })
    return { sdk, client }
  }
}
