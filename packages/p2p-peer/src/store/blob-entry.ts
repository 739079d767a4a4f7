/**
 * A stored blob that somebody uses: the state of its bytes, and the reads, writes and verdicts that go by
 * it.
 */
import type { FileHandle } from 'node:fs/promises';
import type { Verdict } from '@shoal/blob-store';
import { RunningTasks } from '@shoal/concurrency';
import type { BlobId } from '@shoal/oci';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import { BlobBytes } from './blob-bytes.ts';
import { BlobFile } from './blob-file.ts';
import { BlobState } from './blob-state.ts';
import { STORE_READ_BYTES_MAX } from './limits.ts';
import type { OpenFile } from './open-files.ts';
import { PieceHashes } from './piece-hashes.ts';
import { segmentsOf } from './segments.ts';
import type { Generation, RecordedBlob, StoreParts } from './store-parts.ts';
import type { BlobRecord } from './store-record.ts';

/** What a reader has written and nobody has judged. */
export type UnjudgedBytes = {
  /** Somebody else has judged these. */
  forget(range: ByteRange): void;
  close(): void;
};

export class BlobEntry implements RecordedBlob {
  readonly blobId: BlobId;
  readonly sizeBytes: number;
  readonly state: BlobState;
  readonly hashes: PieceHashes;
  readonly deposits = new Set<UnjudgedBytes>();
  /** Handles that are open. */
  users = 0;
  readonly #parts: StoreParts;
  readonly #file: BlobFile;
  readonly #bytes: BlobBytes;
  /** The digest of the whole was compared. */
  #isVerified: boolean;
  /** Writes, and holes that are being made. */
  readonly #writes = new RunningTasks();
  #isUnloaded = false;

  constructor(parts: StoreParts, blobId: BlobId, sizeBytes: number, record?: BlobRecord) {
    this.#parts = parts;
    this.blobId = blobId;
    this.sizeBytes = sizeBytes;
    this.state = new BlobState(sizeBytes);
    this.hashes = new PieceHashes(sizeBytes);
    this.#file = new BlobFile({
      ...{ parts, blobId, sizeBytes, generation: record },
      onDirty: () => parts.onChanged(this, 0),
    });
    this.#bytes = new BlobBytes({
      ...{ parts, blob: this, state: this.state, file: this.#file },
      onMissed: (range) => {
        this.#endLending(this.state.lent.intersect(range));
        this.lendOnly(parts.lender.rangesOf(this));
      },
    });
    this.#isVerified = record?.isComplete ?? false;
  }

  /** All of it is held, and the digest of the whole was compared. */
  get isComplete(): boolean {
    return this.#isVerified && this.state.held.bytes === this.sizeBytes;
  }

  markVerified(): void {
    this.#isVerified = true;
    this.markChanged({ start: 0, end: 1 });
  }

  get file(): Generation | undefined {
    return this.#file.generation;
  }

  get isNew(): boolean {
    return this.#file.isNew;
  }

  markNamed(): void {
    this.#file.markNamed();
  }

  isInside({ start, end }: ByteRange): boolean {
    const isRange = Number.isSafeInteger(start) && Number.isSafeInteger(end);
    return isRange && start >= 0 && end > start && end <= this.sizeBytes;
  }

  /** Counts bytes that were not kept. */
  refuse(bytes: number): false {
    this.#parts.counters.bytesNotKept += bytes;
    return false;
  }

  /** Writes what is free of the range; returns what was written. Never rejects. */
  async write(range: ByteRange, buffers: readonly Uint8Array[]): Promise<readonly ByteRange[]> {
    if (this.#isUnloaded || !this.#parts.canWrite(this.blobId)) return [];
    const { epoch } = this.state;
    const parts = this.state.claim(range);
    if (parts.length === 0) return [];
    const writing = this.#file.write(parts, range.start, buffers);
    this.#writes.add(writing.then(() => undefined));
    const isWritten = await writing;
    return this.state.endWriting(parts, isWritten && epoch === this.state.epoch);
  }

  /** Taken bytes get their verdict; returns how many. */
  judge(range: ByteRange, verdict: Verdict): number {
    if (verdict === 'wrong') {
      const bytes = this.state.release(range);
      this.#parts.counters.bytesWrong += bytes;
      return bytes;
    }
    const held = this.state.settle(range);
    if (held.length === 0) return 0;
    const bytes = held.reduce((sum, part) => sum + rangeBytes(part), 0);
    this.#parts.counters.bytesSettled += bytes;
    this.#parts.onChanged(this, bytes);
    this.#parts.onHeld(this.blobId, held);
    return bytes;
  }

  /** Whoever wrote them: the bytes in the file were compared with what they must be. */
  judgeStored(range: ByteRange, verdict: Verdict): void {
    for (const deposit of this.deposits) deposit.forget(range);
    this.judge(range, verdict);
  }

  /** Held bytes are wrong after all. */
  refute(range: ByteRange): void {
    const wrong = this.state.refute(range);
    if (wrong.length === 0) return;
    this.#isVerified = false;
    this.#parts.counters.bytesWrong += wrong.reduce((sum, part) => sum + rangeBytes(part), 0);
    this.#parts.onRefuted(this, wrong);
  }

  /** Somebody has these: they are held, and what lies here of them is given up. */
  lend(ranges: readonly ByteRange[]): void {
    const { holes, onChanged, onHeld } = this.#parts;
    const more: ByteRange[] = [];
    for (const range of ranges.filter((each) => this.isInside(each))) {
      // Where what is given up would take its room all the same, it stays.
      for (const part of holes.canMake ? [range] : this.state.held.missing(range)) {
        for (const deposit of this.deposits) deposit.forget(part);
        more.push(...this.state.lend(part));
      }
    }
    if (this.state.isChanged) onChanged(this, 0);
    if (more.length > 0) onHeld(this.blobId, more);
  }

  /** He who lends has these, and no others. */
  lendOnly(ranges: readonly ByteRange[]): void {
    const left = RangeSet.from(ranges, Number.POSITIVE_INFINITY);
    this.#endLending([...this.state.lent].flatMap((part) => left.missing(part)));
  }

  /** Held bytes, or undefined. */
  async read(range: ByteRange, memory?: Buffer): Promise<Buffer | undefined> {
    const { state } = this;
    return await this.#readWhile(
      range,
      () => state.held.covers(range),
      () => state.drops,
      memory,
    );
  }

  /** Bytes in the file, judged or not, or undefined. */
  async readStored(range: ByteRange): Promise<Buffer | undefined> {
    const { state } = this;
    return await this.#readWhile(
      range,
      () => state.isStored(range),
      () => state.releases,
    );
  }

  /** Undefined when the file cannot be used. */
  async withFile<T>(task: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
    return await this.#file.use(task);
  }

  /** The records of these bytes are written again. */
  markChanged(range: ByteRange): void {
    for (const segment of segmentsOf(range)) this.state.markChanged(segment);
  }

  makeHoles(): void {
    // What cannot be a hole only takes its room.
    this.#writes.add(this.#bytes.makeHoles().catch(() => undefined));
  }

  takeDirty(): OpenFile | undefined {
    return this.#file.takeDirty();
  }

  /** Nobody writes any more, nor makes holes. */
  writesEnded(): Promise<void> {
    return this.#writes.ended();
  }

  /** From now on another entry may have the file: this one does not touch it. */
  unload(): void {
    this.#isUnloaded = true;
    this.#file.close();
    // Whoever keeps a closed handle does not keep its ranges.
    this.state.clear();
  }

  /** The file is given up; returns what was held. */
  reset(): readonly ByteRange[] {
    this.#file.reset();
    this.#isVerified = false;
    return this.state.reset();
  }

  #endLending(ranges: readonly ByteRange[]): void {
    const lost = ranges.flatMap((range) => this.state.refute(range));
    if (lost.length === 0) return;
    this.#isVerified = false;
    this.#parts.onLentNoMore(this, lost);
  }

  async #readWhile(
    range: ByteRange,
    isThere: () => boolean,
    count: () => number,
    memory?: Buffer,
  ): Promise<Buffer | undefined> {
    if (!this.isInside(range) || rangeBytes(range) > STORE_READ_BYTES_MAX) return undefined;
    while (isThere()) {
      const before = count();
      const bytes = await this.#bytes.read(range, memory);
      if (bytes === undefined) return undefined;
      if (before === count()) {
        this.#parts.onRead(this.blobId, bytes.length);
        return bytes;
      }
    }
    return undefined;
  }
}
