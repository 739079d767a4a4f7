/**
 * A store whose ranges of blobs come through whoever shares them, and are counted by whom they came
 * from. Everything else is the store's own.
 */
import { type BlobSource, exactSource } from '@shoal/blob-store';
import { blobIdOfDigest, type Descriptor, type Digest } from '@shoal/oci';
import type { CallOptions, ImageStore } from '@shoal/registry-client';
import { addBytes, NO_BYTES, type SourceBytes } from '../file-source.ts';
import { FetchedBytes } from './fetched-bytes.ts';

export class CountedStore implements ImageStore {
  readonly description: string;
  readonly #store: ImageStore;
  readonly #shared: BlobSource | undefined;
  /** Of the manifest's layers: who shares a blob has to know its size. */
  #sizes: ReadonlyMap<Digest, number> = new Map();
  #counted = NO_BYTES;

  constructor(store: ImageStore, shared: BlobSource | undefined) {
    this.description = store.description;
    this.#store = store;
    this.#shared = shared === undefined ? undefined : exactSource(shared);
  }

  knowLayers(layers: readonly Descriptor[]): void {
    this.#sizes = new Map(layers.map(({ digest, size }) => [digest, size]));
  }

  /** What was read since it was asked last. */
  takeSources(): SourceBytes {
    const counted = this.#counted;
    this.#counted = NO_BYTES;
    return counted;
  }

  async readBlobRange(
    descriptor: Descriptor,
    offset: number,
    length: number,
    options: CallOptions = {},
  ): Promise<Buffer> {
    const sizeBytes = this.#sizes.get(descriptor.digest);
    if (this.#shared === undefined || sizeBytes === undefined || length === 0) {
      const bytes = await this.#store.readBlobRange(descriptor, offset, length, options);
      this.#count({ local: 0, peers: 0, origin: length });
      return bytes;
    }
    const fetched = new FetchedBytes();
    const { signal } = options;
    const blob = { blobId: blobIdOfDigest(descriptor.digest), sizeBytes };
    const bytes = await this.#shared.read(blob, offset, length, {
      ...(signal === undefined ? {} : { signal }),
      onFetched: fetched.add,
    });
    this.#count(fetched.of(length));
    return bytes;
  }

  #count(bytes: SourceBytes): void {
    this.#counted = addBytes(this.#counted, bytes);
  }

  resolve(options?: CallOptions) {
    return this.#store.resolve(options);
  }

  readManifest(descriptor: Descriptor, options?: CallOptions) {
    return this.#store.readManifest(descriptor, options);
  }

  readBlob(descriptor: Descriptor, options?: CallOptions) {
    return this.#store.readBlob(descriptor, options);
  }

  listReferrers(digest: Digest, options?: CallOptions) {
    return this.#store.listReferrers(digest, options);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#store.close();
  }
}
