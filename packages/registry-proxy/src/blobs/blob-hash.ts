/** The digest of a whole blob while it passes: hashed in another thread, told to its sources. */
import type { HashStream, Verdict } from '@shoal/blob-store';
import type { Digest } from '@shoal/oci';
import type { BlobPart } from './blob-reads.ts';

export class BlobHash {
  readonly #expected: Digest;
  readonly #hash: HashStream;
  readonly #parts: Omit<BlobPart, 'bytes' | 'origin'>[] = [];
  readonly #lengths: number[] = [];

  /** The hash is of the digest's algorithm, and the caller's to close. */
  constructor(expected: Digest, hash: HashStream) {
    this.#expected = expected;
    this.#hash = hash;
  }

  async add({ offset, bytes, listeners }: BlobPart): Promise<void> {
    if (listeners.length > 0) {
      this.#parts.push({ offset, listeners });
      this.#lengths.push(bytes.byteLength);
    }
    await this.#hash.update(bytes);
  }

  /** After the last part; sources hear of it. */
  async isRight(): Promise<boolean> {
    const isRight = (await this.#hash.digest()) === this.#expected;
    const verdict: Verdict = isRight ? 'right' : 'wrong';
    for (const [index, { offset, listeners }] of this.#parts.entries()) {
      for (const listener of listeners) listener(offset, this.#lengths[index] ?? 0, verdict);
    }
    return isRight;
  }
}
