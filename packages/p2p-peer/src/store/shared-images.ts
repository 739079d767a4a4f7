/**
 * What this host knows of the images that it reads: what people call them, and which manifest the
 * torrents of their blobs refer to. By blob and repository, since a blob is in many images and a
 * name is for those who may read that repository; and by size, since an image may name any digest
 * with any size, which takes nothing from those that are right.
 */
import type { SizedBlob } from '@shoal/blob-store';
import type { Digest } from '@shoal/oci';
import { LRUCache } from 'lru-cache';
import { IMAGES_OF_BLOB_MAX } from '../limits.ts';
import { IMAGE_BLOBS_MAX } from './limits.ts';

export type SharedImage = {
  /** As people call it. */
  readonly name: string;
  /** `registry/repository`. */
  readonly repository: string;
  /** Undefined where nobody has said. */
  readonly manifestDigest: Digest | undefined;
  readonly blobs: readonly SizedBlob[];
};

/** Where a blob is read. */
export type BlobPlace = Pick<SharedImage, 'repository' | 'manifestDigest'>;

/** An image that a blob is in. */
type NamedPlace = BlobPlace & Pick<SharedImage, 'name'>;
type Known = { readonly blob: SizedBlob; readonly places: LRUCache<string, NamedPlace> };

export class SharedImages {
  readonly #blobs = new LRUCache<string, Known>({ max: IMAGE_BLOBS_MAX });

  /** This host reads it. */
  learn(image: SharedImage): void {
    const { name, repository, manifestDigest, blobs } = image;
    for (const blob of blobs) {
      const { places } = this.#blobs.get(keyOfBlob(blob)) ?? this.#add(blob);
      places.set(repository, { name, repository, manifestDigest });
    }
  }

  /** The image of that repository that was read last; undefined where none is known. */
  nameOf(blob: SizedBlob, repository: string): string | undefined {
    return this.#blobs.get(keyOfBlob(blob))?.places.get(repository)?.name;
  }

  blobs(): readonly SizedBlob[] {
    return Array.from(this.#blobs.values(), ({ blob }) => blob);
  }

  /** The one that was read last first. */
  placesOf(blob: SizedBlob): readonly BlobPlace[] {
    return [...(this.#blobs.peek(keyOfBlob(blob))?.places.values() ?? [])];
  }

  #add({ blobId, sizeBytes }: SizedBlob): Known {
    const blob = { blobId, sizeBytes };
    const known = { blob, places: new LRUCache<string, NamedPlace>({ max: IMAGES_OF_BLOB_MAX }) };
    this.#blobs.set(keyOfBlob(blob), known);
    return known;
  }
}

/** Blobs of one digest and different sizes are different blobs, one of which is real. */
export function keyOfBlob({ blobId, sizeBytes }: SizedBlob): string {
  return `${blobId} ${sizeBytes}`;
}
