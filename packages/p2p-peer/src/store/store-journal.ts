/**
 * Makes durable what is right: data first, then the records that vouch for it, in batches after a short
 * delay. What a failed sync left behind is given up: the kernel reports a page that it could not write
 * once, then forgets it. Everything that changes records runs here, one after the other.
 */
import { Semaphore } from '@shoal/concurrency';
import type { BlobId } from '@shoal/oci';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { diskBytesOf } from './blob-files.ts';
import type { FlushBatch } from './blob-state.ts';
import { STORE_DURABLE_BYTES_MAX, STORE_DURABLE_DELAY_MS_MAX, STORE_SYNCS_MAX } from './limits.ts';
import type { StoreEventSink } from './store-event.ts';
import { blobKey, type IndexChange, type StoreIndex, segmentKey } from './store-index.ts';
import type { RecordedBlob, StoreParts } from './store-parts.ts';
import { type BlobRecord, encodeBlobRecord, encodeSegmentRecord } from './store-record.ts';

export type StoreJournalInit = {
  readonly index: StoreIndex;
  /** @default STORE_DURABLE_DELAY_MS_MAX */
  readonly delayMs: number | undefined;
  readonly lastUseMsOf: (blobId: BlobId) => number;
  readonly onRecorded: (blobId: BlobId, record: BlobRecord) => void;
  readonly onLost: (blobId: BlobId, ranges: readonly ByteRange[]) => void;
  readonly onEvent: StoreEventSink;
};

type Synced = { readonly entry: RecordedBlob; readonly batch: FlushBatch };
type Recorded = Synced & { readonly record: BlobRecord; readonly changes: readonly IndexChange[] };

export class StoreJournal {
  readonly #parts: StoreParts;
  readonly #init: StoreJournalInit;
  readonly #syncs = new Semaphore(STORE_SYNCS_MAX);
  /** Blobs whose records tell of a file that is gone. */
  readonly #stale = new Set<BlobId>();
  #waiting = new Set<RecordedBlob>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(parts: StoreParts, init: StoreJournalInit) {
    this.#parts = parts;
    this.#init = init;
  }

  /** Something of the blob was written or settled. */
  add(entry: RecordedBlob, bytes: number): void {
    this.#waiting.add(entry);
    this.#bytes += bytes;
    if (this.#bytes >= STORE_DURABLE_BYTES_MAX) void this.flush();
    else {
      const delayMs = this.#init.delayMs ?? STORE_DURABLE_DELAY_MS_MAX;
      this.#timer ??= setTimeout(() => void this.flush(), delayMs).unref();
    }
  }

  /** Nothing may be written while older records could be taken for the new file's. */
  isStale(blobId: BlobId): boolean {
    return this.#stale.has(blobId);
  }

  markStale(blobId: BlobId): void {
    this.#stale.add(blobId);
  }

  /** Resolves when all that was settled so far is durable or given up; true: all of it is durable. */
  flush(): Promise<boolean> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.run(() => this.#flush());
  }

  /** After everything that was begun before. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#running.then(task);
    this.#running = result.catch(() => undefined);
    return result;
  }

  /** Deletes the records of files that are gone, also those that could not be deleted before. */
  async deleteStale(): Promise<boolean> {
    if (this.#stale.size === 0) return true;
    const blobIds = [...this.#stale];
    try {
      await this.#init.index.delete(blobIds);
    } catch (error) {
      this.#tellRecordFailed(error);
      return false;
    }
    for (const blobId of blobIds) this.#stale.delete(blobId);
    return true;
  }

  async #flush(): Promise<boolean> {
    const entries = [...this.#waiting];
    this.#waiting = new Set();
    this.#bytes = 0;
    const isTidy = await this.deleteStale();
    const outcomes = await Promise.all(
      entries.map((entry) => this.#syncs.run(() => this.#sync(entry))),
    );
    const synced = outcomes.filter((outcome) => outcome !== undefined);
    const isRecorded = await this.#record(synced);
    return isTidy && isRecorded && synced.length === outcomes.length;
  }

  /** Undefined when it failed. */
  async #sync(entry: RecordedBlob): Promise<Synced | undefined> {
    const file = entry.takeDirty();
    const batch = entry.state.beginFlush();
    try {
      if (file !== undefined) {
        if (entry.isNew) await this.#parts.files.syncDirectory(entry.blobId);
        await this.#parts.io.sync(file.handle);
        const diskBytes = await diskBytesOf(file.handle);
        if (batch.resets !== entry.state.resets) return { entry, batch };
        entry.markNamed();
        this.#parts.onDiskBytes(entry.blobId, diskBytes);
      }
      return { entry, batch };
    } catch (error) {
      const message = `blob ${entry.blobId}: what was written did not reach the disk and is fetched again`;
      this.#init.onEvent({ kind: 'sync-failed', message, error });
      const lost = entry.state.failFlush(batch);
      this.#parts.counters.bytesLost += lost.reduce((sum, range) => sum + rangeBytes(range), 0);
      if (lost.length > 0) this.#init.onLost(entry.blobId, lost);
      this.add(entry, 0);
      return undefined;
    } finally {
      file?.release();
    }
  }

  async #record(synced: readonly Synced[]): Promise<boolean> {
    const recorded = synced
      .map((each) => this.#recordOf(each))
      .filter((each) => each !== undefined);
    const changes = recorded.flatMap((each) => each.changes);
    try {
      if (changes.length > 0) await this.#init.index.put(changes);
    } catch (error) {
      this.#tellRecordFailed(error);
      for (const { entry, batch } of recorded) {
        entry.state.repeatFlush(batch);
        this.#waiting.add(entry);
      }
      return false;
    }
    for (const { entry, batch, record } of recorded) {
      entry.state.endFlush(batch);
      if (batch.resets !== entry.state.resets) continue;
      this.#init.onRecorded(entry.blobId, record);
      entry.makeHoles();
    }
    return true;
  }

  /** Undefined when there is nothing to record. */
  #recordOf({ entry, batch }: Synced): Recorded | undefined {
    const { blobId, state, file, hashes, sizeBytes, isComplete } = entry;
    if (batch.resets !== state.resets || batch.segments.size === 0) return undefined;
    if (file === undefined) {
      // Hashes of pieces, and no file yet: they are recorded with it.
      state.repeatFlush(batch, false);
      return undefined;
    }
    const { inode, generation } = file;
    const lastUseMs = this.#init.lastUseMsOf(blobId);
    const heldBytes = state.recordableBytes;
    // What is lent may be gone after a restart, and come from somewhere else.
    const isWhole = isComplete && heldBytes === sizeBytes;
    const record = { sizeBytes, inode, generation, heldBytes, lastUseMs, isComplete: isWhole };
    const changes = [...batch.segments].map((segment) => {
      const key = segmentKey(blobId, segment);
      const held = state.recordable(segment);
      const value = encodeSegmentRecord(key, { generation, held, hashes: hashes.segment(segment) });
      return { key, value };
    });
    const key = blobKey(blobId);
    return {
      entry,
      batch,
      record,
      changes: [...changes, { key, value: encodeBlobRecord(key, record) }],
    };
  }

  #tellRecordFailed(error: unknown): void {
    const message =
      'what the store holds could not be recorded: a restart now would fetch it again';
    this.#init.onEvent({ kind: 'record-failed', message, error });
  }
}
