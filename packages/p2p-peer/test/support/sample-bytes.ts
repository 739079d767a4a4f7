/** Blobs whose every byte is known. */
import { createHash } from 'node:crypto';
import { type BlobId, parseBlobId } from '@shoal/oci';

export type SampleBytes = { readonly blobId: BlobId; readonly bytes: Buffer };

/** Bytes that are the same for the same seed, and nowhere the same as elsewhere. */
export function sampleBytes(seed: number, length: number): SampleBytes {
  const bytes = Buffer.allocUnsafe(Math.ceil(length / 32) * 32);
  const block = createHash('sha256').update(`seed ${seed}`).digest();
  for (let at = 0; at < bytes.length; at += block.length) {
    block.copy(bytes, at);
    // A cheap generator (xorshift) over the eight words: hashing each block would take seconds.
    for (let word = 0; word < block.length; word += 4) {
      let value = block.readUInt32LE(word) ^ (at + word);
      value ^= value << 13;
      value ^= value >>> 17;
      value ^= value << 5;
      block.writeUInt32LE(value >>> 0, word);
    }
  }
  const exact = bytes.subarray(0, length);
  return { bytes: exact, blobId: blobIdOf(exact) };
}

export function blobIdOf(content: Buffer | string): BlobId {
  return parseBlobId(createHash('sha256').update(content).digest('hex'));
}
