/** The digest of a whole blob while it passes, without holding the only thread for long. */
import { createHash, type Hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { Verdict } from '@shoal/blob-store';
import { type Digest, digestAlgorithm, finishDigest } from '@shoal/oci';
import { HASH_BYTES } from '../limits.ts';
import type { BlobPart } from './blob-reads.ts';

export class BlobHash {
  readonly #expected: Digest;
  readonly #hash: Hash;
  readonly #parts: Omit<BlobPart, 'bytes' | 'origin'>[] = [];
  readonly #lengths: number[] = [];

  constructor(expected: Digest) {
    this.#expected = expected;
    this.#hash = createHash(digestAlgorithm(expected));
  }

  async add({ offset, bytes, listeners }: BlobPart): Promise<void> {
    if (listeners.length > 0) {
      this.#parts.push({ offset, listeners });
      this.#lengths.push(bytes.byteLength);
    }
    for (let at = 0; at < bytes.byteLength; at += HASH_BYTES) {
      if (at > 0) await turn();
      this.#hash.update(bytes.subarray(at, at + HASH_BYTES));
    }
  }

  /** After the last part; sources hear of it. */
  isRight(): boolean {
    const isRight = finishDigest(digestAlgorithm(this.#expected), this.#hash) === this.#expected;
    const verdict: Verdict = isRight ? 'right' : 'wrong';
    for (const [index, { offset, listeners }] of this.#parts.entries()) {
      for (const listener of listeners) listener(offset, this.#lengths[index] ?? 0, verdict);
    }
    return isRight;
  }
}
