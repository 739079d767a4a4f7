/**
 * What a miss cannot do without, in a bare loop: a ranged GET of the chunk over one kept connection,
 * decompression, SHA-256. No threads, no file, no FUSE.
 */
import { createHash } from 'node:crypto';
import { Agent, get } from 'node:http';
import { zstdDecompressSync } from 'node:zlib';
import type { StoredChunk } from './miss-places.ts';

export type FloorTimes = { readonly getMs: number; readonly allMs: number };

export class MissFloor implements Disposable {
  readonly #blobs: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  /** `blobs` is the URL of a repository's blobs: `http://HOST/v2/NAME/blobs`. */
  constructor(blobs: string) {
    this.#blobs = blobs;
  }

  async measure(chunk: StoredChunk): Promise<FloorTimes> {
    const startedAt = performance.now();
    const stored = await this.#get(chunk);
    const getMs = performance.now() - startedAt;
    const raw = chunk.isCompressed
      ? zstdDecompressSync(stored, { chunkSize: chunk.rawBytes + 1 })
      : stored;
    if (!createHash('sha256').update(raw).digest().equals(chunk.digest)) {
      throw new Error(`the chunk at ${chunk.offset} has another digest`);
    }
    return { getMs, allMs: performance.now() - startedAt };
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #get({ blobId, offset, bytes }: StoredChunk): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const headers = { range: `bytes=${offset}-${offset + bytes - 1}` };
    const url = `${this.#blobs}/sha256:${blobId}`;
    const request = get(url, { agent: this.#agent, headers }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => resolve(Buffer.concat(pieces)));
      response.on('error', reject);
    });
    request.on('error', reject);
    return promise;
  }
}
