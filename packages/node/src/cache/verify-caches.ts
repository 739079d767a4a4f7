/** Compares what mounts have in their caches with what their images say. */
import type { BlobVerification } from '@shoal/blob-store';
import type { Caches } from '../caches.ts';

export type VerifiedCache = {
  readonly directory: string;
  /** Blobs that mounts use; of others it is not known what they should hold. */
  readonly blobs: readonly BlobVerification[];
  /** Blobs that no mount uses: they are verified by their next mount's records. */
  readonly unusedBlobs: number;
};

export async function verifyCaches(
  caches: Caches,
  signal: AbortSignal,
): Promise<readonly VerifiedCache[]> {
  const verified: VerifiedCache[] = [];
  for (const { directory, upkeep } of caches.all()) {
    const blobs: BlobVerification[] = [];
    for await (const blob of upkeep.verify(signal)) blobs.push(blob);
    verified.push({ directory, blobs, unusedBlobs: upkeep.unused().length });
  }
  return verified;
}
