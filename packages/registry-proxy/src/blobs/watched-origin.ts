/**
 * The registry as a source before it sees it: what it is being asked for at this moment. Whoever waits
 * for such a source knows then that it is the registry that is waited for.
 */
import type { BlobKey, BlobReadOptions, BlobSource } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import type { ByteSpan } from '../request/byte-range.ts';

type Read = ByteSpan & { readonly blobId: BlobId };

export class WatchedOrigin implements BlobSource {
  readonly name: string;
  readonly #origin: BlobSource;
  readonly #reads = new Set<Read>();

  constructor(origin: BlobSource) {
    this.name = origin.name;
    this.#origin = origin;
  }

  /** Some of these bytes are being read. */
  isReading(blobId: BlobId, { start, end }: ByteSpan): boolean {
    for (const read of this.#reads) {
      if (read.blobId === blobId && read.start < end && start < read.end) return true;
    }
    return false;
  }

  async read(
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    const read: Read = { blobId: blob.blobId, start: offset, end: offset + length };
    this.#reads.add(read);
    try {
      return await this.#origin.read(blob, offset, length, options);
    } finally {
      this.#reads.delete(read);
    }
  }

  /** It belongs to the shelf. */
  async close(): Promise<void> {}
}
