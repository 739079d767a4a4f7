/** The digest of a file while its bytes pass, without holding the only thread for long. */
import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { type Digest, type DigestAlgorithm, finishDigest } from '@shoal/oci';
import { HASH_BYTES } from '../limits.ts';

export class FileHash {
  readonly #algorithm: DigestAlgorithm;
  readonly #hash: Hash;
  #sinceTurn = 0;

  constructor(algorithm: DigestAlgorithm) {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  async add(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += HASH_BYTES) {
      const part = bytes.subarray(at, at + HASH_BYTES);
      this.#hash.update(part);
      this.#sinceTurn += part.byteLength;
      if (this.#sinceTurn < HASH_BYTES) continue;
      this.#sinceTurn = 0;
      await turn();
    }
  }

  /** Of an open file, from its beginning; gives how many bytes there were. */
  async addFile(
    handle: FileHandle,
    length: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const buffer = Buffer.allocUnsafeSlow(Math.min(HASH_BYTES, Math.max(1, length)));
    let at = 0;
    while (at < length) {
      signal?.throwIfAborted();
      const wanted = Math.min(buffer.byteLength, length - at);
      const { bytesRead } = await handle.read(buffer, 0, wanted, at);
      if (bytesRead === 0) break;
      await this.add(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    return at;
  }

  finish(): Digest {
    return finishDigest(this.#algorithm, this.#hash);
  }
}
