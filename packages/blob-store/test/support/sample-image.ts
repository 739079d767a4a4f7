/**
 * A real bootstrap over one blob, written by the rafs package: a root directory with one file for
 * each chunk. Chunks can be left out of the tree, and with it out of the chunk table.
 */
import { createHash } from 'node:crypto';
import {
  type BlobTableEntry,
  type BuildInode,
  byteStringFromText,
  encodeBlobTail,
  encodeBootstrap,
  InodeKind,
  imageBlobHeader,
} from '@shoal/rafs';
import { PLAIN_INODE } from '@shoal/test-kit/plain-inode';
import type { SampleBlob } from './sample-blob.ts';
import { sha256 } from './sample-blob.ts';

export type SampleImage = {
  readonly bootstrap: Buffer;
  readonly blobId: string;
  /** The whole blob as a registry holds it. */
  readonly stored: Buffer;
  readonly entry: BlobTableEntry;
  readonly metaFile: Buffer;
};

const CHUNK_SIZE = 0x10_0000;
/** `change` may falsify the blob table entry. */
export function sampleImage(
  sample: SampleBlob,
  unreferenced: readonly number[] = [],
  change: (entry: BlobTableEntry) => BlobTableEntry = (entry) => entry,
): SampleImage {
  const { chunks, compressor, sizeBytes } = sample.description;
  const data = sample.stored.subarray(0, -100);
  const digest = (index: number) =>
    Buffer.from(chunks.digests.subarray(index * 32, (index + 1) * 32));
  const placeOf = (index: number) => ({
    storedOffset: chunks.storedOffset[index] ?? 0,
    storedSize: chunks.storedSize[index] ?? 0,
    offset: chunks.offset[index] ?? 0,
    size: chunks.size[index] ?? 0,
  });
  const tail = encodeBlobTail({
    dataSize: data.length,
    dataDigest: sha256(Buffer.concat([data, imageBlobHeader(data.length)])),
    uncompressedSize: sizeBytes,
    chunkSize: CHUNK_SIZE,
    compressor,
    digester: 'sha256',
    chunks: {
      count: chunks.count,
      digest,
      extent: (index) => {
        const { storedOffset, storedSize, offset, size } = placeOf(index);
        return {
          uncompressedOffset: offset,
          uncompressedSize: size,
          compressedOffset: storedOffset,
          compressedSize: storedSize,
        };
      },
    },
  });
  const stored = Buffer.concat([data, ...tail.parts]);
  const blobId = createHash('sha256').update(stored).digest('hex');
  const entry = change({ ...tail.entry, blobId, blobIndex: 0 });
  const files = new Map<ReturnType<typeof byteStringFromText>, { inode: BuildInode }>();
  for (let index = 0; index < chunks.count; index++) {
    if (unreferenced.includes(index)) continue;
    const inode = {
      ...PLAIN_INODE,
      kind: InodeKind.regular,
      size: placeOf(index).size,
      chunks: index,
    };
    files.set(byteStringFromText(`file-${String(index).padStart(5, '0')}`), { inode });
  }
  const root: BuildInode = {
    ...PLAIN_INODE,
    kind: InodeKind.directory,
    mode: 0o755,
    children: files,
  };
  const bootstrap = encodeBootstrap({
    root,
    chunkSize: CHUNK_SIZE,
    compressor,
    digester: 'sha256',
    blobs: [entry],
    chunks: {
      count: chunks.count,
      digest,
      blobOf: () => 0,
      indexOf: (number) => number,
      sizeOf: (number) => placeOf(number).size,
      offsetOf: (number) => placeOf(number).offset,
      place: placeOf,
    },
    hasInlinedDigests: true,
  });
  return { bootstrap, blobId, stored, entry, metaFile: tail.metaFile };
}
