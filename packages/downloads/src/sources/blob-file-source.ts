/** A blob of a repository, a layout or an archive: directly, or through whoever shares it. */
import type { BlobSource } from '@shoal/blob-store';
import { blobIdOfDigest, type Descriptor } from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import type { FileSource } from '../file-source.ts';
import { PART_BYTES } from '../limits.ts';
import { filePieces } from './file-pieces.ts';
import { SharedVerdicts } from './shared-verdicts.ts';

export type BlobFileInput = {
  readonly store: ImageStore;
  readonly descriptor: Descriptor;
  /** Has the bytes of other hosts, too; undefined: the store alone is asked. */
  readonly shared: BlobSource | undefined;
};

/** Neither the store nor the source is closed by it. */
export function blobFileSource({ store, descriptor, shared }: BlobFileInput): FileSource {
  const { digest, size } = descriptor;
  const verdicts = new SharedVerdicts();
  const isShared = shared !== undefined && digest.startsWith('sha256:');
  return {
    description: `${store.description}: ${digest}`,
    identity: digest,
    ...{ digest, size, isResumable: true, isShared },
    pieces: filePieces({
      shared: isShared
        ? { source: shared, blob: { blobId: blobIdOfDigest(digest), sizeBytes: size } }
        : undefined,
      verdicts,
      // In one transfer where there is one, else by ranges: a layout and an archive are files.
      alone: (offset, signal) =>
        store.readBlobFrom?.(descriptor, offset, { signal }) ??
        ranges(store, descriptor, offset, signal),
    }),
    judged: (verdict) => verdicts.tell(size, verdict),
  };
}

async function* ranges(
  store: ImageStore,
  descriptor: Descriptor,
  offset: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void> {
  for (let at = offset; at < descriptor.size; at += PART_BYTES) {
    const length = Math.min(PART_BYTES, descriptor.size - at);
    yield await store.readBlobRange(descriptor, at, length, { signal });
  }
}
