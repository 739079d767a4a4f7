/** Blobs of one repository as its upstream has them, on behalf of one caller. */
import {
  type BlobKey,
  type BlobReadOptions,
  type BlobSource,
  priorityOf,
  rankOf,
} from '@shoal/blob-store';
import { type Descriptor, type Digest, digestOfBlobId } from '@shoal/oci';
import type { Caller } from '@shoal/registry-client/upstream';
import type { Upstream } from '../upstream/upstream.ts';

/** Counters and answers name the registry itself so. */
export const ORIGIN_NAME = 'origin';

export class OriginSource implements BlobSource {
  readonly name = ORIGIN_NAME;
  readonly #upstream: Upstream;
  readonly #repository: string;
  readonly #caller: Caller;

  constructor(upstream: Upstream, repository: string, caller: Caller) {
    this.#upstream = upstream;
    this.#repository = repository;
    this.#caller = caller;
  }

  read(
    { blobId, sizeBytes }: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    // A size nobody told must not make a range look impossible.
    const size = sizeBytes ?? offset + length;
    return this.readDigest({ digest: digestOfBlobId(blobId), size }, { offset, length }, options);
  }

  /** Of any digest: blob ids are sha256. */
  async readDigest(
    blob: { readonly digest: Digest; readonly size: number },
    span: { readonly offset: number; readonly length: number },
    options: BlobReadOptions,
  ): Promise<Buffer> {
    const descriptor = descriptorOf(blob.digest, blob.size);
    const { length } = span;
    const bytes = await this.#upstream.blobs.readBlobRange(
      this.#repository,
      descriptor,
      span,
      this.#caller,
      { ...options, rank: () => rankOf(priorityOf(options)) },
    );
    options.onFetched?.(this.name, length);
    return bytes;
  }

  /** To its end, in one transfer. */
  readFrom(
    digest: Digest,
    size: number,
    offset: number,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void, void> {
    const descriptor = descriptorOf(digest, size);
    return this.#upstream.blobs.readBlobFrom(
      this.#repository,
      descriptor,
      offset,
      this.#caller,
      signal,
    );
  }

  /** Connections are the upstream's. */
  async close(): Promise<void> {}
}

function descriptorOf(digest: Digest, size: number): Descriptor {
  return { mediaType: 'application/octet-stream', digest, size };
}
