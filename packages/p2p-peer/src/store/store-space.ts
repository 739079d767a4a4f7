/**
 * How many bytes the blobs of a store take on the disk, and which of them go first: those whose chunks
 * are all in the mount cache, then the one that nobody asked for longest. One budget with that cache.
 */
import type { BlobId } from '@shoal/oci';
import { STORE_LOW_PERCENT } from './limits.ts';
import type { StoreEventSink } from './store-event.ts';

type Usage = { bytes: number; lastUseMs: number; pins: number };

export type StoreSpaceInit = {
  readonly bytesMax: number;
  /** What the other user of the budget takes. */
  readonly otherBytes: () => number;
  readonly isCompleteElsewhere: (blobId: BlobId) => boolean;
  /** Removes a blob's file; false when it could not be. */
  readonly drop: (blobId: BlobId) => Promise<boolean>;
  readonly onEvent: StoreEventSink;
};

export class StoreSpace {
  readonly #init: StoreSpaceInit;
  readonly #usage = new Map<BlobId, Usage>();
  #bytes = 0;
  #isOverTold = false;
  #enforcing: Promise<void> | undefined;
  #evicting: Promise<unknown> = Promise.resolve();

  constructor(init: StoreSpaceInit) {
    this.#init = init;
  }

  /** On the disk, with what was written since it was looked at. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What was there when the store was opened; evicts nothing yet: pins follow. */
  load(blobId: BlobId, bytes: number, lastUseMs: number): void {
    this.#usage.set(blobId, { bytes, lastUseMs, pins: 0 });
    this.#bytes += bytes;
  }

  /** Blobs that are remembered: those with bytes, and those in use. */
  get blobs(): number {
    return this.#usage.size;
  }

  bytesOf(blobId: BlobId): number {
    return this.#usage.get(blobId)?.bytes ?? 0;
  }

  lastUseMsOf(blobId: BlobId): number {
    return this.#usage.get(blobId)?.lastUseMs ?? 0;
  }

  use(blobId: BlobId, nowMs: number): void {
    const usage = this.#usageOf(blobId);
    usage.lastUseMs = Math.max(usage.lastUseMs, nowMs);
  }

  /** What its file was found to take. */
  set(blobId: BlobId, bytes: number): void {
    const usage = this.#usageOf(blobId);
    this.#bytes += bytes - usage.bytes;
    usage.bytes = bytes;
    this.#enforceLater();
  }

  /** So much was written to its file. */
  grow(blobId: BlobId, bytes: number): void {
    this.set(blobId, this.#usageOf(blobId).bytes + bytes);
  }

  pin(blobId: BlobId): void {
    this.#usageOf(blobId).pins++;
  }

  unpin(blobId: BlobId): void {
    this.#usageOf(blobId).pins--;
  }

  /** Its file is gone. */
  remove(blobId: BlobId): void {
    const usage = this.#usage.get(blobId);
    if (usage === undefined) return;
    this.#bytes -= usage.bytes;
    usage.bytes = 0;
    if (usage.pins === 0) this.#usage.delete(blobId);
  }

  /** Nobody uses it. What has no bytes is forgotten: others name as many blobs as they like. */
  endUse(blobId: BlobId): void {
    const usage = this.#usage.get(blobId);
    if (usage?.bytes === 0 && usage.pins === 0) this.#usage.delete(blobId);
  }

  /** Frees so many bytes, or what can be freed; returns how many. */
  evict(bytes: number): Promise<number> {
    const evicted = this.#evicting.then(() => this.#evict(bytes));
    this.#evicting = evicted;
    return evicted;
  }

  #usageOf(blobId: BlobId): Usage {
    const usage = this.#usage.get(blobId) ?? { bytes: 0, lastUseMs: 0, pins: 0 };
    this.#usage.set(blobId, usage);
    return usage;
  }

  #excess(limitBytes: number): number {
    return this.#bytes + this.#init.otherBytes() - limitBytes;
  }

  #enforceLater(): void {
    if (this.#excess(this.#init.bytesMax) <= 0) return;
    this.#enforcing ??= this.#enforce().finally(() => {
      this.#enforcing = undefined;
    });
  }

  /** Evicts to somewhat below the limit, or until all that is left is pinned. */
  async #enforce(): Promise<void> {
    const { bytesMax, onEvent } = this.#init;
    if (this.#excess(bytesMax) > 0) {
      await this.evict(this.#excess(Math.floor((bytesMax * STORE_LOW_PERCENT) / 100)));
    }
    const isOver = this.#excess(bytesMax) > 0;
    if (isOver && !this.#isOverTold) {
      const message = `the store and the cache take ${bytesMax + this.#excess(bytesMax)} bytes, more than the limit of ${bytesMax}, and no blob of the store can go`;
      onEvent({ kind: 'over-limit', message });
    }
    this.#isOverTold = isOver;
  }

  async #evict(bytes: number): Promise<number> {
    let freed = 0;
    for (const { blobId, usage } of this.#inTurn()) {
      if (freed >= bytes) break;
      // It may have been pinned meanwhile.
      if (usage.pins > 0) continue;
      const before = usage.bytes;
      if (await this.#init.drop(blobId)) freed += before;
    }
    return freed;
  }

  #inTurn(): { readonly blobId: BlobId; readonly usage: Usage }[] {
    return [...this.#usage]
      .filter(([, { pins, bytes }]) => pins === 0 && bytes > 0)
      .map(([blobId, usage]) => ({
        blobId,
        usage,
        isElsewhere: this.#init.isCompleteElsewhere(blobId),
        lastUseMs: usage.lastUseMs,
      }))
      .toSorted(
        (a, b) => Number(b.isElsewhere) - Number(a.isElsewhere) || a.lastUseMs - b.lastUseMs,
      );
  }
}
