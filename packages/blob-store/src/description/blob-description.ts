/** What an image says of one of its blobs, as the cache needs it: types. */
import type { BlobId } from '@shoal/oci';
import type { Compressor, Digester } from '@shoal/rafs';
import type { CipherKey } from '../codec/codec-jobs.ts';

/** Where each chunk of a blob is stored and lands; columns, indexed by chunk number. */
export type ChunkColumns = {
  readonly count: number;
  readonly storedOffset: Float64Array;
  /** Bytes of the chunk's unit as stored; for a batch, of the whole batch. */
  readonly storedSize: Uint32Array;
  /** Byte offset in the device file, a multiple of 4096. */
  readonly offset: Float64Array;
  readonly size: Uint32Array;
  /** Bytes of the decompressed unit: the chunk's size, for a batch the batch's. */
  readonly unitSize: Uint32Array;
  /** Byte offset of the chunk in its decompressed unit; 0 unless in a batch. */
  readonly unitOffset: Uint32Array;
  /** Bits of CHUNK_FLAG. */
  readonly flags: Uint8Array;
  /** DIGEST_BYTES for each chunk; all zeros where the digest is not known. */
  readonly digests: Uint8Array;
};

export const CHUNK_FLAG = { compressed: 1, encrypted: 2, batch: 4 } as const;

export type BlobDescription = {
  readonly blobId: BlobId;
  /** Bytes of the stored blob (the layer in the registry), 0 when not known. */
  readonly storedBytes: number;
  /** Bytes of the device file. */
  readonly sizeBytes: number;
  readonly compressor: Compressor;
  readonly digester: Digester;
  readonly cipherKey?: CipherKey;
  readonly chunks: ChunkColumns;
  /** Content of nydusd's `<id>.blob.meta` file, when known; kept beside the device file. */
  readonly blobMeta?: Buffer;
  /** The blob's digest section, when the bootstrap alone did not tell every digest. */
  readonly digestSection?: Buffer;
};
