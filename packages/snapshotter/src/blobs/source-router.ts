/**
 * One source for the blobs of all mounts: it sends each read to the sources of its blob. Above it
 * sits, once for the daemon, what bounds and shapes all fetches together.
 */
import type { BlobKey, BlobReadOptions, BlobSource } from '@shoal/blob-store';
import { SourceClosedError } from '../errors.ts';
import { SourceSet } from './source-set.ts';

export class SourceRouter implements BlobSource {
  readonly name = 'registry';
  readonly #sets = new Map<string, SourceSet>();

  add(blobId: string, owner: string, source: BlobSource): void {
    const set = this.#sets.get(blobId) ?? new SourceSet();
    this.#sets.set(blobId, set);
    set.add(owner, source);
  }

  remove(blobId: string, owner: string): void {
    const set = this.#sets.get(blobId);
    set?.remove(owner);
    if (set?.isEmpty === true) this.#sets.delete(blobId);
  }

  async read(
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    const set = this.#sets.get(blob.blobId);
    if (set === undefined) throw new SourceClosedError(`every source of blob ${blob.blobId}`);
    return set.read(blob, offset, length, options);
  }

  close(): Promise<void> {
    this.#sets.clear();
    return Promise.resolve();
  }
}

/** The same source, for a user whose `close` must not close it for the others. */
export function borrowedSource(source: BlobSource): BlobSource {
  return {
    name: source.name,
    read: (blob, offset, length, options) => source.read(blob, offset, length, options),
    close: () => Promise.resolve(),
  };
}
