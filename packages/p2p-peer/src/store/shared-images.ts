/**
 * What this host knows of the images that it reads: what people call them, and which manifest the
 * torrents of their blobs refer to. By blob and repository, since a blob is in many images and a
 * name is for those who may read that repository.
 */
import type { BlobId, Digest } from '@shoal/oci';
import { LRUCache } from 'lru-cache';
import { IMAGE_BLOBS_MAX, IMAGES_OF_BLOB_MAX } from '../limits.ts';

export type SharedImage = {
  /** As people call it. */
  readonly name: string;
  /** `registry/repository`. */
  readonly repository: string;
  /** Undefined where nobody has said. */
  readonly manifestDigest: Digest | undefined;
  readonly blobs: readonly ImageBlob[];
};

export type ImageBlob = { readonly blobId: BlobId; readonly sizeBytes: number };

/** An image that a blob is in. */
export type BlobPlace = Pick<SharedImage, 'name' | 'repository' | 'manifestDigest'>;

type Known = { readonly sizeBytes: number; readonly places: LRUCache<string, BlobPlace> };

export class SharedImages {
  readonly #blobs = new LRUCache<BlobId, Known>({ max: IMAGE_BLOBS_MAX });

  /** This host reads it. */
  learn(image: SharedImage): void {
    const { name, repository, manifestDigest, blobs } = image;
    for (const { blobId, sizeBytes } of blobs) {
      const known = this.#blobs.get(blobId);
      const { places } = known?.sizeBytes === sizeBytes ? known : this.#add(blobId, sizeBytes);
      places.set(repository, { name, repository, manifestDigest });
    }
  }

  /** The image of that repository that was read last; undefined where none is known. */
  nameOf(blobId: BlobId, repository: string): string | undefined {
    return this.#blobs.get(blobId)?.places.get(repository)?.name;
  }

  blobs(): readonly ImageBlob[] {
    return Array.from(this.#blobs.entries(), ([blobId, { sizeBytes }]) => ({ blobId, sizeBytes }));
  }

  /** The one that was read last first. */
  placesOf(blobId: BlobId): readonly BlobPlace[] {
    return [...(this.#blobs.peek(blobId)?.places.values() ?? [])];
  }

  #add(blobId: BlobId, sizeBytes: number): Known {
    const known = {
      sizeBytes,
      places: new LRUCache<string, BlobPlace>({ max: IMAGES_OF_BLOB_MAX }),
    };
    this.#blobs.set(blobId, known);
    return known;
  }
}
