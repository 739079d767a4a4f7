/**
 * The digest of bytes that come bit by bit, hashed in a codec thread. They are copied, for others may
 * read them meanwhile: copying takes a tenth of the time of hashing. One buffer is filled while the
 * thread has the other, so whoever brings bytes waits for a thread that does not keep up.
 */
import { createHash } from 'node:crypto';
import { type Digest, type DigestAlgorithm, parseDigest } from '@shoal/oci';
import { ClosedError, CodecPoolError } from '../errors.ts';
import { HASH_HERE_BYTES_MAX } from '../limits.ts';
import type { HashStreamJob, HashStreamResult } from './codec-jobs.ts';

/** What a pool gives to a hash. */
export type HashKeeper = {
  /** Bytes to hand over at a time. */
  stepBytes(): number;
  /** To the one thread that has the hash, which the first job chooses; rejects once that is gone. */
  run(job: HashStep): Promise<HashStreamResult>;
  /** No job will come any more. */
  leave(): void;
};

export type HashStep = Omit<HashStreamJob, 'stream' | 'algorithm'>;

export class HashStream implements Disposable {
  readonly #algorithm: DigestAlgorithm;
  readonly #keeper: HashKeeper;
  #room: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  /** What the thread has. */
  #sent: Promise<HashStreamResult> | undefined;
  #isClosed = false;

  /** By `CodecPool.openHash`. */
  constructor(algorithm: DigestAlgorithm, keeper: HashKeeper) {
    this.#algorithm = algorithm;
    this.#keeper = keeper;
  }

  /**
   * The bytes are the caller's again when it resolves; one call at a time. Throws
   * `ERR_BLOB_STORE_CODEC_POOL` when the thread that has the hash died.
   */
  async update(bytes: Uint8Array): Promise<void> {
    if (this.#isClosed) throw new ClosedError('a hash');
    for (let at = 0; at < bytes.byteLength; ) {
      this.#room ??= new Uint8Array(this.#keeper.stepBytes());
      const part = bytes.subarray(at, at + this.#room.byteLength - this.#filled);
      this.#room.set(part, this.#filled);
      this.#filled += part.byteLength;
      at += part.byteLength;
      if (this.#filled === this.#room.byteLength) await this.#send(false);
    }
  }

  /** After the last bytes, once. Throws as `update` does. */
  async digest(): Promise<Digest> {
    if (this.#isClosed) throw new ClosedError('a hash');
    const hex = await this.#end();
    this.close();
    return parseDigest(`${this.#algorithm}:${hex}`);
  }

  async #end(): Promise<string> {
    if (this.#sent === undefined && this.#filled <= HASH_HERE_BYTES_MAX) {
      const bytes = this.#room?.subarray(0, this.#filled) ?? new Uint8Array(0);
      return createHash(this.#algorithm).update(bytes).digest('hex');
    }
    await this.#send(true);
    const hex = (await this.#sent)?.hex;
    if (hex === undefined) throw new CodecPoolError('a codec thread knows no digest');
    return hex;
  }

  async #send(isLast: boolean): Promise<void> {
    const returned = await this.#sent;
    const raw = this.#room?.buffer ?? new ArrayBuffer(0);
    this.#sent = this.#keeper.run({ raw, length: this.#filled, isLast });
    // Whoever asks next hears of it; perhaps nobody asks.
    this.#sent.catch(() => undefined);
    const isOfUse = returned !== undefined && returned.raw.byteLength <= this.#keeper.stepBytes();
    this.#room = isOfUse ? new Uint8Array(returned.raw) : undefined;
    this.#filled = 0;
  }

  /** The thread forgets it; idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#room = undefined;
    this.#keeper.leave();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
