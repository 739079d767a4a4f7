/**
 * The blobs of a store: those that records tell of, those that are in use, and how one is given up. Its
 * parts tell it what happens; it tells the journal and the space.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { SizedBlob } from '@shoal/blob-store';
import { DiskState, isDiskFull } from '@shoal/blob-store/disk-state';
import type { BlobId } from '@shoal/oci';
import { StoredBlobSizeError, StoreRecordError } from '../errors.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import { BlobEntry } from './blob-entry.ts';
import type { BlobFiles } from './blob-files.ts';
import { Deposit } from './deposit.ts';
import { HoleMaker } from './hole-maker.ts';
import { STORE_FULL_EVICT_BYTES, STORE_SEGMENTS_PER_TURN } from './limits.ts';
import type { OpenFiles } from './open-files.ts';
import type { RestoredBlob } from './restored-blobs.ts';
import { segmentCount, segmentRange } from './segments.ts';
import { blobKey, type StoreIndex, segmentKey } from './store-index.ts';
import { StoreJournal } from './store-journal.ts';
import type { StoreOutside } from './store-outside.ts';
import type { RecordedBlob, StoreCounters, StoreParts } from './store-parts.ts';
import { type BlobRecord, decodeSegmentRecord, encodeBlobRecord } from './store-record.ts';
import { StoreSpace } from './store-space.ts';

export type StoreCoreInit = StoreOutside & {
  readonly directory: string;
  readonly files: BlobFiles;
  readonly openFiles: OpenFiles;
  readonly index: StoreIndex;
  readonly restored: ReadonlyMap<BlobId, RestoredBlob>;
  readonly counters: StoreCounters;
  readonly bytesMax: number;
  readonly durableDelayMs: number | undefined;
};

/** With what its users have written in common. */
export type OpenEntry = { readonly entry: BlobEntry; readonly common: Deposit };

export class StoreCore {
  readonly #init: StoreCoreInit;
  readonly #parts: StoreParts;
  readonly #disk: DiskState;
  readonly records: Map<BlobId, BlobRecord>;
  readonly entries = new Map<BlobId, OpenEntry>();
  readonly journal: StoreJournal;
  readonly space: StoreSpace;
  /** Blobs whose files are being removed. */
  readonly #dropping = new Map<BlobId, Promise<boolean>>();
  #makingRoom: Promise<unknown> | undefined;
  readonly #endLending: () => void;
  #isClosed = false;

  constructor(init: StoreCoreInit) {
    this.#init = init;
    this.#endLending = init.lender.watch((blob, more) => this.#lentChanged(blob, more));
    this.#disk = new DiskState(
      `store ${init.directory}`,
      'reads go on, nothing new is kept',
      init.onEvent,
    );
    this.records = new Map([...init.restored].map(([blobId, { record }]) => [blobId, record]));
    this.space = new StoreSpace({
      ...init,
      drop: (blobId) => this.#evict(blobId),
    });
    for (const [blobId, { record, diskBytes }] of init.restored) {
      this.space.load(blobId, diskBytes, record.lastUseMs);
    }
    this.#parts = this.#makeParts();
    this.journal = new StoreJournal(this.#parts, {
      index: init.index,
      delayMs: init.durableDelayMs,
      lastUseMsOf: (blobId) => this.space.lastUseMsOf(blobId),
      onRecorded: (blobId, record) => this.records.set(blobId, record),
      onLost: init.onLost,
      onEvent: init.onEvent,
    });
  }

  /** One at a time for each blob. Throws `ERR_P2P_STORED_BLOB_SIZE`, or what the index throws. */
  async open(blobId: BlobId, sizeBytes: number): Promise<OpenEntry> {
    const known = this.entries.get(blobId)?.entry ?? this.records.get(blobId);
    if (known !== undefined && known.sizeBytes !== sizeBytes) {
      if (this.entries.has(blobId) || known.isComplete) {
        throw new StoredBlobSizeError(blobId, sizeBytes, `it has ${known.sizeBytes}`);
      }
      await this.#drop(blobId);
    }
    return this.entries.get(blobId) ?? (await this.#load(blobId, sizeBytes));
  }

  /** Resolves when all that was settled so far is durable or given up; true: all of it is durable. */
  async flush(): Promise<boolean> {
    await Promise.all(this.#dropping.values());
    return await this.journal.flush();
  }

  /** After its last user: what cannot be recorded now stays in memory. */
  async unload(entry: BlobEntry): Promise<void> {
    const open = this.entries.get(entry.blobId);
    if (open?.entry !== entry || entry.users > 0) return;
    for (const deposit of [...entry.deposits]) if (deposit !== open.common) deposit.close();
    await entry.writesEnded();
    if (!(await this.journal.flush())) return;
    await entry.writesEnded();
    const hasBytes = entry.state.recordableBytes > 0 || this.space.bytesOf(entry.blobId) > 0;
    // A record without bytes would never be evicted, and bytes without a record never be found.
    if (hasBytes !== this.records.has(entry.blobId)) await this.#drop(entry.blobId);
    entry.unload();
    open.common.close();
    this.entries.delete(entry.blobId);
    if (!this.records.has(entry.blobId)) this.space.endUse(entry.blobId);
  }

  /** Records when blobs were used last; writes nothing afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#endLending();
    await this.journal.flush();
    const changes = [...this.records].map(([blobId, record]) => {
      const lastUseMs = this.space.lastUseMsOf(blobId);
      const key = blobKey(blobId);
      return { key, value: encodeBlobRecord(key, { ...record, lastUseMs }) };
    });
    // It decides only which blob goes first.
    await this.journal.run(() => this.#init.index.putLoosely(changes)).catch(() => undefined);
  }

  async #load(blobId: BlobId, sizeBytes: number): Promise<OpenEntry> {
    const record = this.records.get(blobId);
    let entry = new BlobEntry(this.#parts, blobId, sizeBytes, record);
    if (record !== undefined) await this.#loadSegments(entry, record);
    // Evicted meanwhile.
    if (record !== this.records.get(blobId)) entry = new BlobEntry(this.#parts, blobId, sizeBytes);
    const common = new Deposit(entry);
    entry.deposits.add(common);
    const open = { entry, common };
    this.entries.set(blobId, open);
    entry.lend(this.#init.lender.rangesOf(entry));
    return open;
  }

  #lentChanged(blob: SizedBlob, more: readonly ByteRange[] | undefined): void {
    const entry = this.entries.get(blob.blobId)?.entry;
    if (entry?.sizeBytes !== blob.sizeBytes) return;
    if (more === undefined) entry.lendOnly(this.#init.lender.rangesOf(blob));
    else entry.lend(more);
  }

  async #loadSegments(entry: BlobEntry, { generation }: BlobRecord): Promise<void> {
    const { blobId, sizeBytes } = entry;
    const { index, counters, onEvent } = this.#init;
    for (const [segment, bytes] of await this.journal.run(() => index.segments(blobId))) {
      if (segment % STORE_SEGMENTS_PER_TURN === 0) await turn();
      try {
        if (segment >= segmentCount(sizeBytes)) continue;
        const record = decodeSegmentRecord(segmentKey(blobId, segment), bytes);
        if (record.generation !== generation) continue;
        loadSegment(entry, segment, record);
      } catch (error) {
        if (!(error instanceof StoreRecordError)) throw error;
        counters.recordsDamaged++;
        const message = `blob ${blobId}: the record of segment ${segment} is damaged`;
        onEvent({ kind: 'damaged-record', message, error });
        entry.markChanged(segmentRange(segment, sizeBytes));
      }
    }
  }

  /** The blob is not in the store any more; false when its file could not be removed. */
  #drop(blobId: BlobId): Promise<boolean> {
    const dropping = this.#dropping.get(blobId) ?? this.#dropNow(blobId);
    this.#dropping.set(blobId, dropping);
    return dropping.finally(() => this.#dropping.delete(blobId));
  }

  async #dropNow(blobId: BlobId): Promise<boolean> {
    const { files, openFiles, onLost, onEvent } = this.#init;
    const lost = this.entries.get(blobId)?.entry.reset() ?? [];
    openFiles.forget(blobId);
    this.records.delete(blobId);
    this.journal.markStale(blobId);
    if (lost.length > 0) onLost(blobId, lost);
    // First the file: a full disk may have no room for the change of records.
    const isRemoved = await files.remove(blobId).then(
      () => true,
      (error: unknown) => {
        onEvent({ kind: 'evict-failed', message: `blob ${blobId} cannot be removed`, error });
        return false;
      },
    );
    if (isRemoved) this.space.remove(blobId);
    await this.journal.run(() => this.journal.deleteStale());
    return isRemoved;
  }

  async #evict(blobId: BlobId): Promise<boolean> {
    const freed = this.space.bytesOf(blobId);
    if (!(await this.#drop(blobId))) return false;
    this.#init.counters.bytesEvicted += freed;
    const message = `store ${this.#init.directory}: blob ${blobId} evicted, ${freed} bytes freed`;
    this.#init.onEvent({ kind: 'evicted', message, bytes: freed });
    return true;
  }

  #makeParts(): StoreParts {
    const { files, openFiles, counters, onHeld, now } = this.#init;
    return {
      files,
      openFiles,
      ...{ io: this.#init.io, lender: this.#init.lender },
      counters,
      holes: new HoleMaker(this.#init.io, this.#init.onEvent),
      onDiskBytes: (blobId, bytes) => this.space.set(blobId, bytes),
      canWrite: (blobId) =>
        !this.#isClosed && !this.#dropping.has(blobId) && !this.journal.isStale(blobId),
      onWritten: (blobId, bytes) => {
        counters.bytesWritten += bytes;
        this.#disk.onWritten();
        this.space.use(blobId, now());
        this.space.grow(blobId, bytes);
      },
      onWriteFailed: (error, bytes) => this.#onWriteFailed(error, bytes),
      onRead: (blobId, bytes) => {
        counters.bytesRead += bytes;
        this.space.use(blobId, now());
      },
      onChanged: (blob, bytes) => this.journal.add(blob, bytes),
      onHeld,
      onRefuted: (blob, ranges) => this.#onRefuted(blob, ranges),
      onLentNoMore: (blob, ranges) => {
        this.#init.onLost(blob.blobId, ranges);
        this.journal.add(blob, 0);
      },
      onDamaged: (blobId, error) => this.#onDamaged(blobId, error),
    };
  }

  #onWriteFailed(error: unknown, bytes: number): void {
    this.#disk.onWriteFailed(error);
    if (!isDiskFull(error)) return;
    this.#makingRoom ??= this.space.evict(Math.max(bytes, STORE_FULL_EVICT_BYTES)).finally(() => {
      this.#makingRoom = undefined;
    });
  }

  #onRefuted(blob: RecordedBlob, ranges: readonly ByteRange[]): void {
    const { blobId } = blob;
    const message = `blob ${blobId}: bytes that were held are wrong and fetched again`;
    this.#init.onEvent({ kind: 'wrong-bytes', message });
    this.#init.onLost(blobId, ranges);
    this.journal.add(blob, 0);
    // Not after a delay: until then a crash would bring them back.
    void this.journal.flush();
  }

  #onDamaged(blobId: BlobId, error: unknown): void {
    this.#init.counters.filesDamaged++;
    const message = `blob ${blobId}: its file is not usable`;
    this.#init.onEvent({ kind: 'damaged-file', message, error });
    void this.#drop(blobId);
  }
}

function loadSegment(
  { state, hashes, sizeBytes }: BlobEntry,
  segment: number,
  record: ReturnType<typeof decodeSegmentRecord>,
): void {
  const { start, end } = segmentRange(segment, sizeBytes);
  hashes.load(segment, record.hashes);
  for (const range of record.held) {
    if (start + range.end > end) continue;
    state.load({ start: start + range.start, end: start + range.end });
  }
}
