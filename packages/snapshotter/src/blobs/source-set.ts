/**
 * The sources of one blob: every mount that uses the blob brings the registry and the credentials
 * it came with. A read goes to the one that worked last and, when that fails, to the others.
 */
import type { BlobKey, BlobReadOptions, BlobSource } from '@shoal/blob-store';
import { SourceClosedError } from '../errors.ts';
import { canHeal } from './can-heal.ts';

export class SourceSet {
  /** By mount id, the one that worked last in front. */
  #sources: { readonly owner: string; readonly source: BlobSource }[] = [];

  add(owner: string, source: BlobSource): void {
    this.#sources.push({ owner, source });
  }

  /** Takes the owner's source out; closing it is the owner's, reads that run on it fail over. */
  remove(owner: string): void {
    this.#sources = this.#sources.filter((entry) => entry.owner !== owner);
  }

  get isEmpty(): boolean {
    return this.#sources.length === 0;
  }

  async read(
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    let failure: unknown;
    for (const entry of [...this.#sources]) {
      try {
        const bytes = await entry.source.read(blob, offset, length, options);
        this.#prefer(entry.owner);
        return bytes;
      } catch (error) {
        // Of one that cannot answer now it is worth waiting, whatever the others say.
        if (failure === undefined || !canHeal(failure)) failure = error;
        if (options.signal?.aborted === true) break;
      }
    }
    throw failure ?? new SourceClosedError(`every source of blob ${blob.blobId}`);
  }

  #prefer(owner: string): void {
    if (this.#sources[0]?.owner === owner) return;
    const best = this.#sources.filter((entry) => entry.owner === owner);
    this.#sources = [...best, ...this.#sources.filter((entry) => entry.owner !== owner)];
  }
}
