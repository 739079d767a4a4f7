/**
 * Whether a blob has the size that somebody names: manifests, images and hosts may name any. What counts
 * is what the place says that the blob is from.
 */
import type { BlobSource } from '@shoal/blob-store';
import { LRUCache } from 'lru-cache';
import { HOME_FAILING_MS, SIZE_QUESTIONS_MAX } from '../limits.ts';
import type { ImageBlob } from '../store/shared-images.ts';

/** False also where it does not say any size. Rejects as the origin's read does. */
export async function hasSize(
  origin: BlobSource,
  blob: ImageBlob,
  signal?: AbortSignal,
): Promise<boolean> {
  let said: number | undefined;
  await origin.read(blob, 0, 1, {
    ...(signal === undefined ? {} : { signal }),
    onSize: (sizeBytes) => {
      said = sizeBytes;
    },
  });
  return said === blob.sizeBytes;
}

/** Questions that others cause: one at a time for each blob, and not again soon after a no. */
export class SizeQuestions {
  readonly #running = new Set<string>();
  readonly #refusedUntil = new LRUCache<string, number>({ max: SIZE_QUESTIONS_MAX });
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Never rejects. */
  async ask(origin: BlobSource, blob: ImageBlob): Promise<boolean> {
    const { blobId } = blob;
    const isTooSoon = (this.#refusedUntil.get(blobId) ?? 0) > this.#nowMs();
    if (isTooSoon || this.#running.has(blobId)) return false;
    this.#running.add(blobId);
    const isRight = await hasSize(origin, blob).catch(() => false);
    this.#running.delete(blobId);
    if (!isRight) this.#refusedUntil.set(blobId, this.#nowMs() + HOME_FAILING_MS);
    return isRight;
  }
}
