/**
 * Blobs of an image store (a registry, an OCI layout, an archive) as a BlobSource.
 */
import type { BlobId, Descriptor } from '@shoal/oci';
import { blobIdOfDigest, digestOfBlobId } from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import { type BlobKey, type BlobReadOptions, type BlobSource, priorityOf } from './blob-source.ts';
import { rankOf } from './priority.ts';

const UNKNOWN_LAYER = 'application/octet-stream';

export type RegistrySourceOptions = {
  /** The image's layers: blobs are asked for by their descriptor where there is one. */
  readonly descriptors?: readonly Descriptor[];
  /** Counters name the source so. @default 'registry' */
  readonly name?: string;
  /** False when somebody else closes the store. @default true */
  readonly closesStore?: boolean;
};

export function registryBlobSource(
  store: ImageStore,
  options: RegistrySourceOptions = {},
): BlobSource {
  const known = new Map<BlobId, Descriptor>();
  for (const descriptor of options.descriptors ?? []) {
    if (descriptor.digest.startsWith('sha256:')) {
      known.set(blobIdOfDigest(descriptor.digest), descriptor);
    }
  }
  return new RegistrySource(store, known, options);
}

class RegistrySource implements BlobSource {
  readonly name: string;
  readonly #store: ImageStore;
  readonly #known: ReadonlyMap<BlobId, Descriptor>;
  readonly #closesStore: boolean;

  constructor(
    store: ImageStore,
    known: ReadonlyMap<BlobId, Descriptor>,
    options: RegistrySourceOptions,
  ) {
    this.#store = store;
    this.#known = known;
    this.name = options.name ?? 'registry';
    this.#closesStore = options.closesStore ?? true;
  }

  async read(
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    const { signal, onFetched, onBytes, onSize, memory } = options;
    const descriptor = this.#known.get(blob.blobId) ?? {
      mediaType: UNKNOWN_LAYER,
      digest: digestOfBlobId(blob.blobId),
      // A size nobody told must not make a range look impossible.
      size: blob.sizeBytes ?? offset + length,
    };
    const rank = () => rankOf(priorityOf(options));
    const reading = { signal, rank, onBytes, onSize, memory };
    const bytes = await this.#store.readBlobRange(descriptor, offset, length, reading);
    onFetched?.(this.name, bytes.length);
    return bytes;
  }

  async close(): Promise<void> {
    if (this.#closesStore) await this.#store.close();
  }
}
