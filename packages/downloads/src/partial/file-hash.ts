/** The digest of a file while its bytes pass, without holding the only thread for long. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { type Digest, type DigestAlgorithm, finishDigest } from '@shoal/oci';
import { HASH_BYTES } from '../limits.ts';

/** Where hashing is done: here, or in a thread of a pool. */
export type HashSink = Disposable & {
  /** The bytes are the caller's again when it resolves. */
  update(bytes: Uint8Array): Promise<void>;
  /** After the last bytes, once. */
  digest(): Promise<Digest>;
};

export type OpenHash = (algorithm: DigestAlgorithm) => HashSink;

export class FileHash implements Disposable {
  readonly #sink: HashSink;

  constructor(algorithm: DigestAlgorithm, open: OpenHash = hashHere) {
    this.#sink = open(algorithm);
  }

  async add(bytes: Uint8Array): Promise<void> {
    await this.#sink.update(bytes);
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

  finish(): Promise<Digest> {
    return this.#sink.digest();
  }

  [Symbol.dispose](): void {
    this.#sink[Symbol.dispose]();
  }
}

/** In this thread, with turns for others: right for a command, which does nothing else. */
function hashHere(algorithm: DigestAlgorithm): HashSink {
  const hash = createHash(algorithm);
  let sinceTurn = 0;
  return {
    async update(bytes) {
      for (let at = 0; at < bytes.byteLength; at += HASH_BYTES) {
        const part = bytes.subarray(at, at + HASH_BYTES);
        hash.update(part);
        sinceTurn += part.byteLength;
        if (sinceTurn < HASH_BYTES) continue;
        sinceTurn = 0;
        await turn();
      }
    },
    digest: async () => finishDigest(algorithm, hash),
    [Symbol.dispose]: () => undefined,
  };
}
