/**
 * Blobs that somebody of this host has read, or other hosts through it, without any image being known that
 * they are in: layers of ordinary images that the mirror passed on, files of artifacts. Standard clients may have
 * one once all of it is here, and its registry gives it to anybody. After a restart they are known again.
 */

import type { SizedBlob } from '@shoal/blob-store';
import { isRepositoryName } from '@shoal/oci';
import { LRUCache } from 'lru-cache';
import { IMAGES_OF_BLOB_MAX } from '../limits.ts';
import type { CompressedStore } from '../store/compressed-store.ts';
import { type BlobPlace, keyOfBlob } from '../store/shared-images.ts';
import { READ_BLOBS_MAX } from './limits.ts';

export type ReadBlobsStore = Pick<CompressedStore, 'facts'> & {
  readonly places: Pick<CompressedStore['places'], 'keep' | 'read'>;
};

type Read = { readonly blob: SizedBlob; readonly repositories: LRUCache<string, true> };

export class ReadBlobs {
  readonly #store: ReadBlobsStore;
  readonly #blobs = new LRUCache<string, Read>({ max: READ_BLOBS_MAX });

  /** Knows what the store remembers. */
  static async open(store: ReadBlobsStore): Promise<ReadBlobs> {
    const known = new ReadBlobs(store);
    const all = await store.places.read();
    for (const { repositories, ...blob } of all.slice(0, READ_BLOBS_MAX).reverse()) {
      for (const repository of repositories) known.#add(blob, repository);
    }
    return known;
  }

  private constructor(store: ReadBlobsStore) {
    this.#store = store;
  }

  /** The repository's own registry has given bytes of the blob. */
  learn({ blobId, sizeBytes }: SizedBlob, repository: string): void {
    // Files of web servers have names that nobody can be asked by.
    if (!isRepositoryName(repository)) return;
    const blob = { blobId, sizeBytes };
    if (this.#add(blob, repository)) this.keep(blob);
  }

  /** Once more: the record goes when the blob is evicted. */
  keep(blob: SizedBlob): void {
    const read = this.#blobs.peek(keyOfBlob(blob));
    if (read === undefined) return;
    const repositories = [...read.repositories.keys()];
    void this.#store.places.keep({ ...read.blob, repositories });
  }

  /** Those of which every byte is here. */
  whole(): readonly SizedBlob[] {
    const all = Array.from(this.#blobs.values(), ({ blob }) => blob);
    return all.filter(({ blobId, sizeBytes }) => {
      const facts = this.#store.facts(blobId);
      return facts?.sizeBytes === sizeBytes && facts.heldBytes === sizeBytes;
    });
  }

  /** The one that was read last first. */
  placesOf(blob: SizedBlob): readonly BlobPlace[] {
    const repositories = this.#blobs.peek(keyOfBlob(blob))?.repositories.keys() ?? [];
    return Array.from(repositories, (repository) => ({ repository, manifestDigest: undefined }));
  }

  /** Whether that is news. */
  #add(blob: SizedBlob, repository: string): boolean {
    const key = keyOfBlob(blob);
    const read = this.#blobs.get(key) ?? {
      blob,
      repositories: new LRUCache<string, true>({ max: IMAGES_OF_BLOB_MAX }),
    };
    const isNew = !read.repositories.has(repository);
    read.repositories.set(repository, true);
    this.#blobs.set(key, read);
    return isNew;
  }
}
