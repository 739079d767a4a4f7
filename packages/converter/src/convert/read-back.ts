/**
 * Reads back the end of each blob that was written: the chunk information, the digests and the
 * table of contents every later read depends on.
 */
import { createHash } from 'node:crypto';
import type { ImageTarget } from '@shoal/registry-client';
import type { LayerBlob } from '../blob/layer-blob.ts';
import { ReadBackError } from '../errors.ts';

const RANGE_BYTES = 4 << 20;

/** Throws `ReadBackError`. */
export async function readBackBlob(
  target: ImageTarget,
  { descriptor, storedBytes, end }: LayerBlob,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  for (let at = storedBytes; at < descriptor.size; at += RANGE_BYTES) {
    const length = Math.min(RANGE_BYTES, descriptor.size - at);
    hash.update(await target.readBlobRange(descriptor, at, length, { signal }));
  }
  if (hash.digest('hex') !== end.sha256) {
    throw new ReadBackError(target.description, `the end of blob ${descriptor.digest}`);
  }
}
