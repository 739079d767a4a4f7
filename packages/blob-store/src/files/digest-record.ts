/**
 * `<key>.shoal.digests`: the digest each durable chunk was verified against, so that a chunk is
 * trusted again only by an image that expects the same bytes at the same place. A header block of
 * 4096 bytes, then 32 bytes for each chunk, zeros until the chunk is durable.
 *
 *   0  8  magic "SHOALDG2"     8  4  chunk count     16 32  SHA-256 of the chunk layout
 *  48  8  inode number of the device file: one that was copied or put back is another
 */
import { DIGEST_BYTES } from '../codec/codec-jobs.ts';
import { ChunkMapError } from '../errors.ts';

export const DIGEST_RECORD_HEADER_BYTES = 4096;
const MAGIC = Buffer.from('SHOALDG2');
const AT = { magic: 0, count: 8, layout: 16, inode: 48 } as const;

/** What a record speaks of: elsewhere its digests mean nothing. */
export type RecordSubject = {
  readonly count: number;
  /** SHA-256 of where the chunks lie. */
  readonly layoutDigest: Uint8Array;
  /** Of the device file. */
  readonly inode: bigint;
};

export function digestRecordBytes(count: number): number {
  return DIGEST_RECORD_HEADER_BYTES + count * DIGEST_BYTES;
}

export function encodeDigestRecordHeader({ count, layoutDigest, inode }: RecordSubject): Buffer {
  const header = Buffer.alloc(DIGEST_RECORD_HEADER_BYTES);
  header.set(MAGIC, AT.magic);
  header.writeUInt32LE(count, AT.count);
  header.set(layoutDigest, AT.layout);
  header.writeBigUInt64LE(inode, AT.inode);
  return header;
}

/** The digests, a view. Throws ERR_BLOB_STORE_CHUNK_MAP when they speak of something else. */
export function decodeDigestRecord(bytes: Buffer, subject: RecordSubject): Uint8Array {
  const { count, layoutDigest, inode } = subject;
  if (bytes.length !== digestRecordBytes(count)) {
    throw new ChunkMapError(`a digest record of ${count} chunks cannot have ${bytes.length} bytes`);
  }
  if (!bytes.subarray(AT.magic, AT.magic + MAGIC.length).equals(MAGIC)) {
    throw new ChunkMapError('not a digest record: the magic number is another');
  }
  const layout = bytes.subarray(AT.layout, AT.layout + DIGEST_BYTES);
  if (bytes.readUInt32LE(AT.count) !== count || !layout.equals(layoutDigest)) {
    throw new ChunkMapError('the digest record belongs to another layout of the blob');
  }
  if (bytes.readBigUInt64LE(AT.inode) !== inode) {
    throw new ChunkMapError('the digest record belongs to another device file');
  }
  return bytes.subarray(DIGEST_RECORD_HEADER_BYTES);
}
