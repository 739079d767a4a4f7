/** Small images for the tests: trees by hand or by fast-check, with blobs that really hold them. */
import { createHash } from 'node:crypto';
import type { BlobTail, BootstrapInput, BuildInode, ChunkSource, Compressor } from '@shoal/rafs';
import { byteStringFromText, encodeBlobTail, InodeKind, imageBlobHeader } from '@shoal/rafs';
import { PLAIN_INODE } from '@shoal/test-kit/plain-inode';

export type StoredChunk = {
  readonly bytes: Buffer;
  readonly stored: Buffer;
  readonly digest: Buffer;
  readonly storedOffset: number;
  readonly offset: number;
};

/** A blob under construction: adds chunks, knows every number of them. */
export class TestBlob {
  readonly chunks: StoredChunk[] = [];
  readonly chunkSize: number;
  readonly #pack: (bytes: Buffer) => Buffer;
  dataSize = 0;
  uncompressedSize = 0;

  constructor(chunkSize = 0x10_0000, pack: (bytes: Buffer) => Buffer = (bytes) => bytes) {
    this.chunkSize = chunkSize;
    this.#pack = pack;
  }

  /** Numbers of the chunks that hold `bytes`. */
  add(bytes: Buffer): number[] {
    const numbers: number[] = [];
    for (let at = 0; at < bytes.length; at += this.chunkSize) {
      numbers.push(this.#addChunk(bytes.subarray(at, at + this.chunkSize)));
    }
    return numbers;
  }

  tail(compressor: Compressor = 'none'): BlobTail {
    const data = Buffer.concat(this.chunks.map(({ stored }) => stored));
    return encodeBlobTail({
      dataSize: this.dataSize,
      dataDigest: sha256(Buffer.concat([data, imageBlobHeader(this.dataSize)])),
      uncompressedSize: this.uncompressedSize,
      chunkSize: this.chunkSize,
      compressor,
      digester: 'sha256',
      chunks: {
        count: this.chunks.length,
        digest: (index) => this.#chunk(index).digest,
        extent: (index) => extentOf(this.#chunk(index)),
      },
    });
  }

  /** The whole blob file. */
  file(): Buffer {
    return Buffer.concat([...this.chunks.map(({ stored }) => stored), ...this.tail().parts]);
  }

  /** The device file: what the kernel reads. */
  device(): Buffer {
    const device = Buffer.alloc(this.uncompressedSize);
    for (const { bytes, offset } of this.chunks) bytes.copy(device, offset);
    return device;
  }

  /** The chunks as source of an image that has only this blob. */
  source(): ChunkSource {
    return {
      count: this.chunks.length,
      digest: (number) => this.#chunk(number).digest,
      blobOf: () => 0,
      indexOf: (number) => number,
      sizeOf: (number) => this.#chunk(number).bytes.length,
      offsetOf: (number) => this.#chunk(number).offset,
      place: (number) => {
        const { bytes, stored, storedOffset, offset } = this.#chunk(number);
        return { storedOffset, storedSize: stored.length, offset, size: bytes.length };
      },
    };
  }

  #addChunk(bytes: Buffer): number {
    const packed = this.#pack(bytes);
    const stored = packed.length < bytes.length ? packed : bytes;
    const place = { storedOffset: this.dataSize, offset: this.uncompressedSize };
    this.dataSize += stored.length;
    this.uncompressedSize += Math.ceil(bytes.length / 4096) * 4096;
    return this.chunks.push({ bytes, stored, digest: sha256(bytes), ...place }) - 1;
  }

  #chunk(index: number): StoredChunk {
    const chunk = this.chunks[index];
    if (chunk === undefined) throw new RangeError(`no chunk ${index}`);
    return chunk;
  }
}

type Attributes = Partial<Omit<BuildInode, 'kind'>>;

export function file(
  blob: TestBlob,
  content: Buffer | string,
  attributes: Attributes = {},
): BuildInode {
  const bytes = Buffer.from(content);
  const chunks = blob.add(bytes);
  return {
    ...PLAIN_INODE,
    kind: InodeKind.regular,
    size: bytes.length,
    chunks: chunks.length === 1 ? chunks[0] : Uint32Array.from(chunks),
    ...attributes,
  };
}

export function symlink(target: string): BuildInode {
  return {
    ...PLAIN_INODE,
    kind: InodeKind.symlink,
    mode: 0o777,
    target: byteStringFromText(target),
  };
}

export function special(kind: InodeKind, rdev = 0, attributes: Attributes = {}): BuildInode {
  return { ...PLAIN_INODE, kind, rdev, ...attributes };
}

export const TEST_BLOB_ID = 'b10b'.repeat(16);

/** The input for a tree over one blob; a blob without chunks is left out. */
export function inputOf(root: BuildInode, blob: TestBlob): BootstrapInput {
  const hasBlob = blob.chunks.length > 0;
  return {
    root,
    chunkSize: blob.chunkSize,
    compressor: 'none',
    digester: 'sha256',
    blobs: hasBlob ? [{ ...blob.tail().entry, blobId: TEST_BLOB_ID, blobIndex: 0 }] : [],
    chunks: blob.source(),
    prefetch: hasBlob ? [root] : [],
    hasInlinedDigests: true,
  };
}

export function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function extentOf(chunk: StoredChunk) {
  return {
    uncompressedOffset: chunk.offset,
    uncompressedSize: chunk.bytes.length,
    compressedOffset: chunk.storedOffset,
    compressedSize: chunk.stored.length,
  };
}
