/**
 * What the codec threads are asked and what they answer. Every buffer in a job moves to the
 * thread (it is transferred, not copied) and moves back in the answer.
 */
import type { DigestAlgorithm } from '@shoal/oci';
import type { Compressor, Digester } from '@shoal/rafs';

/** Bytes of a chunk digest, for both digesters. */
export const DIGEST_BYTES = 32;

/** Compress and hash chunks that lie back to back at the start of `raw`. */
export type CompressJob = {
  readonly raw: ArrayBuffer;
  readonly lengths: Uint32Array<ArrayBuffer>;
  readonly compressor: Compressor;
  readonly digester: Digester;
  readonly withCrc32c: boolean;
};

export type CompressResult = {
  /** The buffer of the job; the stored chunks lie back to back at its start. */
  readonly stored: ArrayBuffer;
  /** Bytes of each stored chunk; equal to its raw length when it did not shrink and is raw. */
  readonly storedLengths: Uint32Array<ArrayBuffer>;
  /** DIGEST_BYTES for each chunk, of its raw bytes. */
  readonly digests: Uint8Array<ArrayBuffer>;
  /** Castagnoli CRC of each chunk's raw bytes, when asked for. */
  readonly crc32c?: Uint32Array<ArrayBuffer>;
};

export type CipherKey = {
  readonly cipher: 'aes-128-xts';
  /** Two different halves of 16 bytes. */
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
};

/** One part of a unit that becomes chunk bytes: the whole unit, or a piece of a batch. */
export type UnitPart = {
  /** Byte offset in the decompressed unit. */
  readonly offset: number;
  readonly size: number;
  /** Where the bytes go in the answer's `raw`. */
  readonly rawOffset: number;
  /** Digest the bytes must have; DIGEST_BYTES long. */
  readonly digest: Uint8Array;
};

/** Where verified parts are written to, in the order the parts have in the job. */
export type PartPlaces = {
  /** Must stay open until the job is over. */
  readonly fd: number;
  /** Byte offset in the file. */
  readonly positions: Float64Array<ArrayBuffer>;
  /** Bytes to write: the part, and zeros behind it. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** Who is told of what is written, besides the answer. @default nobody */
  readonly ready?: ReadyPlaces;
};

/** The blocks of verified and written parts are ready at once, and somebody who waits for them is woken. */
export type ReadyPlaces = {
  readonly map: SharedArrayBuffer;
  /** Of the file. */
  readonly sizeBytes: number;
  /** Never closed. */
  readonly eventFd: number;
};

/** One independently stored (compressed, then encrypted) piece of a blob. */
export type StoredUnit = {
  /** Byte offset in the job's `stored`. */
  readonly offset: number;
  readonly storedSize: number;
  /** Bytes after decompression. */
  readonly rawSize: number;
  readonly compressor: Compressor;
  readonly cipherKey?: CipherKey;
  readonly parts: readonly UnitPart[];
};

/** Decrypt, decompress and verify units. */
export type DecompressJob = {
  readonly stored: ArrayBuffer;
  /** Bytes of `stored` start here; a Buffer may be a view. @default 0 */
  readonly storedStart?: number;
  readonly units: readonly StoredUnit[];
  readonly digester: Digester;
  /** Size of the answer's `raw`; what no part covers is zeros. */
  readonly rawBytes: number;
  /** Present: the thread writes what is verified, and the answer's `raw` is empty. */
  readonly places?: PartPlaces;
};

/** Why a part is not in the answer. */
export type PartFailure = {
  readonly unit: number;
  readonly part: number;
  /** 'decompress': the unit does not decode to its size; 'digest': the bytes are others. */
  readonly reason: 'decompress' | 'digest';
};

export type DecompressResult = {
  /** Empty when everything verified was written. */
  readonly raw: ArrayBuffer;
  /** Bytes written; undefined when the job named no file, or writing failed. */
  readonly writtenBytes?: number | undefined;
  /** Empty when every part is verified. The bytes of a failed part are zeros. */
  readonly failures: readonly PartFailure[];
};

/** Verify chunks that lie in a file already. */
export type VerifyFileJob = {
  readonly path: string;
  readonly digester: Digester;
  readonly chunks: readonly {
    readonly offset: number;
    readonly size: number;
    readonly digest: Uint8Array;
  }[];
};

export type VerifyFileResult = {
  /** One entry for each chunk. */
  readonly verified: readonly boolean[];
};

/** Hash byte strings back to back in `raw`, nothing else. */
export type DigestJob = {
  readonly raw: ArrayBuffer;
  readonly lengths: Uint32Array<ArrayBuffer>;
  readonly digester: Digester;
};

export type DigestResult = {
  readonly raw: ArrayBuffer;
  readonly digests: Uint8Array<ArrayBuffer>;
};

/** SHA-1 of pieces of a blob, as its torrent has them, for one length of pieces or several. */
export type PieceHashJob = {
  readonly raw: ArrayBuffer;
  /** Bytes at the start of `raw` that are hashed. */
  readonly length: number;
  /** The first piece starts with `raw`; the last one may be shorter. */
  readonly pieceBytes: readonly number[];
};

export type PieceHashResult = {
  readonly raw: ArrayBuffer;
  /** For each of `pieceBytes` its hashes, 20 bytes each. */
  readonly hashes: readonly Uint8Array<ArrayBuffer>[];
};

/** SHA-256 of ranges of an open file, each by itself. */
export type HashFileJob = {
  /** Must stay open until the job is over. */
  readonly fd: number;
  /** Byte offsets in the file. */
  readonly offsets: Float64Array<ArrayBuffer>;
  /** Bytes of each; a range may be a whole blob. */
  readonly lengths: Float64Array<ArrayBuffer>;
  /** The job ends early once the first element is not 0: a large blob takes seconds. */
  readonly stop?: Int32Array<SharedArrayBuffer>;
};

export type HashFileResult = {
  /** DIGEST_BYTES for each range; undefined when it was stopped. */
  readonly digests: Uint8Array<ArrayBuffer> | undefined;
};

/** Bytes of a hash that the thread keeps until the last of them; all jobs of one go to one thread. */
export type HashStreamJob = {
  /** Tells the hashes of a thread apart; one that the thread does not know begins. */
  readonly stream: number;
  readonly algorithm: DigestAlgorithm;
  readonly raw: ArrayBuffer;
  /** Bytes at the start of `raw` that are hashed. */
  readonly length: number;
  /** The thread then forgets the hash. */
  readonly isLast: boolean;
};

export type HashStreamResult = {
  readonly raw: ArrayBuffer;
  /** After the last bytes only. */
  readonly hex: string | undefined;
};

/** Every job kind, what it takes and gives. */
export type CodecJobs = {
  compress: { readonly job: CompressJob; readonly result: CompressResult };
  'verify-decompress': { readonly job: DecompressJob; readonly result: DecompressResult };
  'verify-file': { readonly job: VerifyFileJob; readonly result: VerifyFileResult };
  digest: { readonly job: DigestJob; readonly result: DigestResult };
  'hash-file': { readonly job: HashFileJob; readonly result: HashFileResult };
  'piece-hashes': { readonly job: PieceHashJob; readonly result: PieceHashResult };
  'hash-stream': { readonly job: HashStreamJob; readonly result: HashStreamResult };
};

export type CodecJobKind = keyof CodecJobs;
