/**
 * One blob on its way into a layout.
 */
import { type Descriptor, digestAlgorithm } from '@shoal/oci';
import { DigestMismatchError, SizeMismatchError } from '../errors.ts';
import type { BlobIdentity, BlobWriter } from '../image-store.ts';
import type { Ingest } from './ingest.ts';

export class LayoutBlobWriter implements BlobWriter {
  readonly #ingest: Ingest;
  readonly #where: string;
  readonly #publish: (ingest: Ingest, identity: BlobIdentity) => Promise<void>;
  readonly #onEnd: () => void;
  readonly #signal: AbortSignal | undefined;

  constructor(
    ingest: Ingest,
    where: string,
    publish: (ingest: Ingest, identity: BlobIdentity) => Promise<void>,
    onEnd: () => void,
    signal: AbortSignal | undefined,
  ) {
    this.#ingest = ingest;
    this.#where = where;
    this.#publish = publish;
    this.#onEnd = onEnd;
    this.#signal = signal;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#signal?.throwIfAborted();
    await this.#ingest.write(bytes);
  }

  async commit(identity: BlobIdentity): Promise<Descriptor> {
    try {
      this.#signal?.throwIfAborted();
      await this.#verify(identity);
      await this.#publish(this.#ingest, identity);
    } finally {
      await this.abort();
    }
    const { digest, size, mediaType } = identity;
    return { mediaType, digest, size };
  }

  async #verify({ digest, size }: BlobIdentity): Promise<void> {
    if (this.#ingest.sizeBytes !== size) {
      throw new SizeMismatchError(this.#where, digest, size, `${this.#ingest.sizeBytes}`);
    }
    const actual = await this.#ingest.digest(digestAlgorithm(digest));
    if (actual !== undefined && actual !== digest)
      throw new DigestMismatchError(this.#where, digest, actual);
  }

  async abort(): Promise<void> {
    this.#onEnd();
    await this.#ingest.abort();
  }
}
