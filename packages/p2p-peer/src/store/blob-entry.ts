/**
 * A stored blob that somebody uses: its state, and the reads and writes of its file. Writes never fail a
 * reader: what cannot be written is not kept.
 */
import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Verdict } from '@shoal/blob-store';
import { RunningTasks } from '@shoal/concurrency';
import { errorCode } from '@shoal/errors';
import type { BlobId } from '@shoal/oci';
import { StoreFileError } from '../errors.ts';
import { STORE_READ_BYTES_MAX } from '../limits.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { BlobState } from './blob-state.ts';
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
  isNew = false;
  readonly #parts: StoreParts;
  #file: Generation | undefined;
  #making: Promise<unknown> = Promise.resolve();
  /** Written since the last sync: the descriptor stays open, since it alone hears of a failed write. */
  #dirty: OpenFile | undefined;
  /** The digest of the whole was compared. */
  #isVerified: boolean;
  readonly #writes = new RunningTasks();
  #isUnloaded = false;

  constructor(parts: StoreParts, blobId: BlobId, sizeBytes: number, record?: BlobRecord) {
    this.#parts = parts;
    this.blobId = blobId;
    this.sizeBytes = sizeBytes;
    this.state = new BlobState(sizeBytes);
    this.hashes = new PieceHashes(sizeBytes);
    this.#file = record;
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
    return this.#file;
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
  async write(offset: number, bytes: Uint8Array): Promise<readonly ByteRange[]> {
    if (this.#isUnloaded || !this.#parts.canWrite(this.blobId)) return [];
    const { epoch } = this.state;
    const parts = this.state.claim({ start: offset, end: offset + bytes.length });
    if (parts.length === 0) return [];
    const writing = this.#writeParts(parts, offset, bytes);
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

  /** Held bytes, or undefined. */
  async read(range: ByteRange): Promise<Buffer | undefined> {
    const { state } = this;
    return await this.#readWhile(
      range,
      () => state.held.covers(range),
      () => state.drops,
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
  async withFile<T>(use: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
    if (this.#file === undefined || this.#isUnloaded) return undefined;
    let file: OpenFile;
    try {
      file = await this.#acquire();
    } catch (error) {
      this.#onOpenFailed(error);
      return undefined;
    }
    return await use(file.handle).finally(() => file.release());
  }

  /** The records of these bytes are written again. */
  markChanged(range: ByteRange): void {
    for (const segment of segmentsOf(range)) this.state.markChanged(segment);
  }

  takeDirty(): OpenFile | undefined {
    const file = this.#dirty;
    this.#dirty = undefined;
    return file;
  }

  /** Nobody writes any more. */
  writesEnded(): Promise<void> {
    return this.#writes.ended();
  }

  /** From now on another entry may have the file: this one does not touch it. */
  unload(): void {
    this.#isUnloaded = true;
    this.takeDirty()?.release();
    // Whoever keeps a closed handle does not keep its ranges.
    this.state.reset();
  }

  /** The file is given up; returns what was held. */
  reset(): readonly ByteRange[] {
    this.takeDirty()?.release();
    this.#file = undefined;
    this.#isVerified = false;
    return this.state.reset();
  }

  async #writeParts(
    parts: readonly ByteRange[],
    offset: number,
    bytes: Uint8Array,
  ): Promise<boolean> {
    const { resets } = this.state;
    let file: OpenFile | undefined;
    try {
      file = await this.#acquire();
      for (const { start, end } of parts) {
        await this.#parts.io.write(
          file.handle,
          bytes.subarray(start - offset, end - offset),
          start,
        );
      }
      if (resets !== this.state.resets) return false;
      this.#parts.onWritten(
        this.blobId,
        parts.reduce((sum, part) => sum + rangeBytes(part), 0),
      );
      return true;
    } catch (error) {
      if (file === undefined && this.#isBroken(error)) this.#parts.onDamaged(this.blobId, error);
      else if (resets === this.state.resets) this.#parts.onWriteFailed(error, bytes.length);
      return false;
    } finally {
      // Also after a failure: a part of it may have been written.
      if (file !== undefined && resets === this.state.resets) this.#keepDirty(file);
      file?.release();
    }
  }

  #keepDirty(file: OpenFile): void {
    this.#dirty ??= file.share();
    this.#parts.onChanged(this, 0);
  }

  #acquire(): Promise<OpenFile> {
    return this.#parts.openFiles.acquire(this.blobId, () => {
      const making = this.#making.catch(() => undefined).then(() => this.#open());
      this.#making = making;
      return making;
    });
  }

  async #open(): Promise<FileHandle> {
    const { files } = this.#parts;
    if (this.#file !== undefined) {
      return await files.open(this.blobId, { sizeBytes: this.sizeBytes, inode: this.#file.inode });
    }
    const { resets } = this.state;
    const { file, inode } = await files.make(this.blobId, this.sizeBytes);
    if (resets !== this.state.resets || !this.#parts.canWrite(this.blobId)) {
      await file.close();
      throw new StoreFileError(files.pathOf(this.blobId), 'it was given up');
    }
    this.#file = { inode, generation: randomBytes(8).readBigUInt64BE() };
    this.isNew = true;
    return file;
  }

  async #readWhile(
    range: ByteRange,
    isThere: () => boolean,
    count: () => number,
  ): Promise<Buffer | undefined> {
    if (!this.isInside(range) || rangeBytes(range) > STORE_READ_BYTES_MAX) return undefined;
    while (isThere()) {
      const before = count();
      const bytes = await this.withFile((file) => this.#readFile(file, range));
      if (bytes === undefined) return undefined;
      if (before === count()) {
        this.#parts.onRead(this.blobId, bytes.length);
        return bytes;
      }
    }
    return undefined;
  }

  async #readFile(file: FileHandle, { start, end }: ByteRange): Promise<Buffer | undefined> {
    // Not from Node's pool: its reader may move it to a thread.
    const bytes = Buffer.allocUnsafeSlow(end - start);
    let done = 0;
    try {
      while (done < bytes.length) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
        if (bytesRead === 0) {
          throw new StoreFileError(this.#parts.files.pathOf(this.blobId), 'it was cut off');
        }
        done += bytesRead;
      }
      return bytes;
    } catch (error) {
      this.#parts.onDamaged(this.blobId, error);
      return undefined;
    }
  }

  #onOpenFailed(error: unknown): void {
    if (this.#isBroken(error)) this.#parts.onDamaged(this.blobId, error);
  }

  /** The file itself is not what it must be; too many open files, for one, say nothing of it. */
  #isBroken(error: unknown): boolean {
    if (error instanceof StoreFileError) return this.#file !== undefined;
    const code = errorCode(error);
    return this.#file !== undefined && (code === 'ENOENT' || code === 'ELOOP' || code === 'EIO');
  }
}
