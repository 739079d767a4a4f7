/**
 * Makes torrents of blobs that are here as a whole, one after the other and slowly: readers have the disk and
 * the codec threads before it. Whoever wants one asks again once it is made. A blob that does not have its digest
 * has none, and is not hashed again soon.
 */
import type { CodecPool, SizedBlob } from '@shoal/blob-store';
import { LRUCache } from 'lru-cache';
import { keyOfBlob } from '../store/shared-images.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import type { TorrentFile } from '../torrent/torrent-file.ts';
import {
  PUBLIC_INFO_BYTES_MAX,
  TORRENT_BYTES_PER_SECOND,
  TORRENT_WRONG_RETRY_MS,
  TORRENTS_WAITING_MAX,
} from './limits.ts';
import { makeTorrent } from './made-torrent.ts';
import { Pace } from './pace.ts';

export type TorrentMakerInput = {
  readonly pool: CodecPool;
  /** Undefined when nothing of it is held here. */
  readonly openStored: (blob: SizedBlob) => Promise<StoredBlob | undefined>;
  /** Its torrent can be taken. */
  readonly onMade: (blob: SizedBlob) => void;
  readonly onProblem: (error: unknown) => void;
  readonly nowMs: () => number;
  /** @default TORRENT_BYTES_PER_SECOND */
  readonly bytesPerSecond?: number | undefined;
};

export class TorrentMaker implements AsyncDisposable {
  readonly #input: TorrentMakerInput;
  readonly #pace: Pace;
  readonly #waiting = new Map<string, SizedBlob>();
  readonly #made = new LRUCache<string, TorrentFile>({
    maxSize: PUBLIC_INFO_BYTES_MAX,
    sizeCalculation: ({ bytes }) => bytes.length,
  });
  /** In ms, until when a blob counts as one without its digest. */
  readonly #wrongUntil = new LRUCache<string, number>({ max: TORRENTS_WAITING_MAX });
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(input: TorrentMakerInput) {
    const { nowMs, bytesPerSecond = TORRENT_BYTES_PER_SECOND } = input;
    this.#input = input;
    this.#pace = new Pace({ bytesPerSecond, nowMs });
  }

  /** None is being made. */
  get isIdle(): boolean {
    return this.#running === undefined;
  }

  /** Undefined where there is none yet: it will be made, if it can be. */
  take(blob: SizedBlob): TorrentFile | undefined {
    const key = keyOfBlob(blob);
    const made = this.#made.get(key);
    this.#made.delete(key);
    if (made === undefined) this.#want(key, blob);
    return made;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#waiting.clear();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #want(key: string, { blobId, sizeBytes }: SizedBlob): void {
    if (this.#stop.signal.aborted || this.#waiting.size >= TORRENTS_WAITING_MAX) return;
    if ((this.#wrongUntil.get(key) ?? 0) > this.#input.nowMs()) return;
    this.#waiting.set(key, { blobId, sizeBytes });
    this.#running ??= this.#makeAll().finally(() => {
      this.#running = undefined;
    });
  }

  /** Never rejects. A blob waits until its torrent is made: nobody makes it twice. */
  async #makeAll(): Promise<void> {
    for (const [key, blob] of this.#waiting) {
      try {
        const torrent = await this.#make(key, blob);
        if (torrent !== undefined) this.#made.set(key, torrent);
      } catch (error) {
        if (!this.#stop.signal.aborted) this.#input.onProblem(error);
      }
      this.#waiting.delete(key);
      if (this.#made.has(key)) this.#input.onMade(blob);
    }
  }

  async #make(key: string, blob: SizedBlob): Promise<TorrentFile | undefined> {
    await using stored = await this.#input.openStored(blob);
    if (stored === undefined || stored.held.bytes < stored.sizeBytes) return undefined;
    const { signal } = this.#stop;
    const turn = (bytes: number) => this.#pace.take(bytes, signal);
    // What was believed of a home is compared with the blob's digest before it gets hashes of its own; what
    // was compared at another time is compared again, since disks fail.
    const wasComplete = stored.isComplete;
    const check = await stored.completeBlob(turn);
    if (check === 'wrong') {
      this.#wrongUntil.set(key, this.#input.nowMs() + TORRENT_WRONG_RETRY_MS);
    }
    if (check !== 'right') return undefined;
    const { pool } = this.#input;
    return await makeTorrent(stored, { pool, turn, signal, compares: wasComplete });
  }
}
