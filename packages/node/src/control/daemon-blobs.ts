/**
 * Blobs through the daemon of this host and its peers. Whatever fails there comes from the origin with
 * the caller's own credentials; a daemon that fails again and again is left alone for a while.
 */
import type { BlobKey, BlobReadOptions, BlobSource } from '@shoal/blob-store';
import { errorCode } from '@shoal/errors';
import { type Digest, digestOfBlobId } from '@shoal/oci';
import type { AskedPlace } from '../peers/shared-blobs.ts';
import type { ControlClient } from './control-client.ts';

const FAILURES_MAX = 3;
/** For how long it is left alone then: another version may be taking its place. */
const REST_MS = 5_000;
/** It will not do better next time. */
const FINAL: readonly (string | undefined)[] = [
  'ERR_NODE_NOT_SHARING',
  'ERR_NODE_UNSHARED_BLOB',
  'ERR_NODE_CONTROL_PROTOCOL',
];

export class DaemonBlobs implements BlobSource {
  readonly name = 'daemon';
  readonly #client: ControlClient;
  readonly #place: AskedPlace;
  readonly #origin: BlobSource;
  /** By digest: each part of a blob that was read hears the same. */
  readonly #refuting = new Map<Digest, Promise<void>>();
  #failures = 0;
  #readsAnswered = 0;
  #restsUntilMs = 0;
  #lastFailure: unknown;

  /** The origin stays its owner's. */
  constructor(client: ControlClient, place: AskedPlace, origin: BlobSource) {
    this.#client = client;
    this.#place = place;
    this.#origin = origin;
  }

  /** Why the origin was asked instead; undefined: it was not. */
  get failure(): unknown {
    return this.#lastFailure;
  }

  /** It gave the bytes so many times. */
  get readsAnswered(): number {
    return this.#readsAnswered;
  }

  async read(
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    const { sizeBytes: size } = blob;
    const { signal, onFetched, onVerdict } = options;
    if (size === undefined || performance.now() < this.#restsUntilMs) {
      return await this.#origin.read(blob, offset, length, options);
    }
    const shared = { ...this.#place, digest: digestOfBlobId(blob.blobId), size };
    try {
      const { bytes, fetched } = await this.#client.readBlob(
        { ...shared, offset, length },
        { signal },
      );
      this.#failures = 0;
      this.#readsAnswered += 1;
      for (const [name, count] of Object.entries(fetched)) onFetched?.(name, count);
      onVerdict?.((_offset, _length, verdict) => {
        if (verdict === 'wrong') this.#refute(shared);
      });
      return bytes;
    } catch (error) {
      signal?.throwIfAborted();
      this.#note(error);
      return await this.#origin.read(blob, offset, length, options);
    }
  }

  #note(error: unknown): void {
    this.#lastFailure = error;
    this.#failures += 1;
    if (FINAL.includes(errorCode(error))) this.#restsUntilMs = Number.POSITIVE_INFINITY;
    else if (this.#failures >= FAILURES_MAX) this.#restsUntilMs = performance.now() + REST_MS;
  }

  #refute(blob: Parameters<ControlClient['refuteBlob']>[0]): void {
    if (this.#refuting.has(blob.digest)) return;
    this.#refuting.set(
      blob.digest,
      this.#client.refuteBlob(blob).catch(() => undefined),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#refuting.values());
  }
}
