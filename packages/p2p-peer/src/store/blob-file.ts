/**
 * The file of one stored blob: made with the first write, opened when it is used, kept open from a write to
 * its sync. Errors end here: what cannot be written is not kept, what cannot be read is not there.
 */
import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { SizedBlob } from '@shoal/blob-store';
import { readCached } from '@shoal/blob-store/disk-io';
import { errorCode } from '@shoal/errors';
import { StoreFileError } from '../errors.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { CACHED_READ_BYTES_MAX } from './limits.ts';
import type { OpenFile } from './open-files.ts';
import { sizeOf, sliceOf } from './scattered-bytes.ts';
import type { Generation, StoreParts } from './store-parts.ts';

/** The file itself is not what it must be; too many open files, for one, say nothing of it. */
const BROKEN: readonly (string | undefined)[] = ['ENOENT', 'ELOOP', 'EIO'];

export type BlobFileInit = SizedBlob & {
  readonly parts: StoreParts;
  /** The file that is there already. */
  readonly generation: Generation | undefined;
  /** There is something to sync. */
  readonly onDirty: () => void;
};

export class BlobFile {
  readonly #init: BlobFileInit;
  #generation: Generation | undefined;
  #isNew = false;
  /** What is open under the blob's name is the file of an entry before this one. */
  #isOtherOpen = true;
  #isClosed = false;
  /** Counts the files that were given up. */
  #resets = 0;
  #making: Promise<unknown> = Promise.resolve();
  /** Written since the last sync: its descriptor alone hears of a write that fails later. */
  #dirty: OpenFile | undefined;

  constructor(init: BlobFileInit) {
    this.#init = init;
    this.#generation = init.generation;
  }

  /** Undefined when there is none. */
  get generation(): Generation | undefined {
    return this.#generation;
  }

  /** Its name is not on the disk yet. */
  get isNew(): boolean {
    return this.#isNew;
  }

  markNamed(): void {
    this.#isNew = false;
  }

  /** Writes parts of what lies in `buffers`, which start at `offset` of the blob. Never rejects. */
  async write(
    parts: readonly ByteRange[],
    offset: number,
    buffers: readonly Uint8Array[],
  ): Promise<boolean> {
    const { io, onWritten, onDamaged, onWriteFailed } = this.#init.parts;
    const { blobId } = this.#init;
    const resets = this.#resets;
    let file: OpenFile | undefined;
    try {
      file = await this.#acquire();
      for (const { start, end } of parts) {
        await io.write(file.handle, sliceOf(buffers, start - offset, end - offset), start);
      }
      if (resets !== this.#resets) return false;
      onWritten(
        blobId,
        parts.reduce((sum, part) => sum + rangeBytes(part), 0),
      );
      return true;
    } catch (error) {
      if (resets !== this.#resets) return false;
      if (file === undefined && this.#isBroken(error)) onDamaged(blobId, error);
      else onWriteFailed(error, sizeOf(buffers));
      return false;
    } finally {
      // Also after a failure: a part of it may have been written.
      if (file !== undefined && resets === this.#resets) this.#keepDirty(file);
      file?.release();
    }
  }

  /** The bytes of a range, in `memory` where it is given; undefined when they cannot be read. */
  async read(range: ByteRange, memory?: Buffer): Promise<Buffer | undefined> {
    const resets = this.#resets;
    try {
      return await this.use((file) => this.#readAll(file, range, memory));
    } catch (error) {
      if (resets === this.#resets) this.#init.parts.onDamaged(this.#init.blobId, error);
      return undefined;
    }
  }

  /** Undefined when the file cannot be used. Rejects as `task` does. */
  async use<T>(task: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
    if (this.#generation === undefined || this.#isClosed) return undefined;
    const resets = this.#resets;
    let file: OpenFile;
    try {
      file = await this.#acquire();
    } catch (error) {
      const isBroken = resets === this.#resets && this.#isBroken(error);
      if (isBroken) this.#init.parts.onDamaged(this.#init.blobId, error);
      return undefined;
    }
    return await task(file.handle).finally(() => file.release());
  }

  /** What was written since the last time; the caller syncs and releases it. */
  takeDirty(): OpenFile | undefined {
    const file = this.#dirty;
    this.#dirty = undefined;
    return file;
  }

  /** It is given up: the next write makes another one. */
  reset(): void {
    this.#resets++;
    this.#generation = undefined;
    this.#isOtherOpen = true;
    this.takeDirty()?.release();
  }

  /** Not touched any more. */
  close(): void {
    this.#isClosed = true;
    this.takeDirty()?.release();
  }

  #keepDirty(file: OpenFile): void {
    this.#dirty ??= file.share();
    this.#init.onDirty();
  }

  #acquire(): Promise<OpenFile> {
    const { parts, blobId } = this.#init;
    // Written bytes would go there, and be missed in the file that is made when that one is closed.
    if (this.#isOtherOpen && this.#generation === undefined) parts.openFiles.forget(blobId);
    this.#isOtherOpen = false;
    return parts.openFiles.acquire(blobId, () => {
      // One after the other: a slow one must not take the name from a later one.
      const making = this.#making.catch(() => undefined).then(() => this.#open());
      this.#making = making;
      return making;
    });
  }

  async #open(): Promise<FileHandle> {
    const { parts, blobId, sizeBytes } = this.#init;
    const { files, canWrite } = parts;
    if (this.#generation !== undefined) {
      return await files.open(blobId, { sizeBytes, inode: this.#generation.inode });
    }
    const resets = this.#resets;
    const { file, inode } = await files.make(blobId, sizeBytes);
    if (resets !== this.#resets || !canWrite(blobId)) {
      await file.close();
      throw new StoreFileError(files.pathOf(blobId), 'it was given up');
    }
    this.#generation = { inode, generation: randomBytes(8).readBigUInt64BE() };
    this.#isNew = true;
    return file;
  }

  async #readAll(file: FileHandle, { start, end }: ByteRange, memory?: Buffer): Promise<Buffer> {
    // Not from Node's pool: its reader may move it to a thread.
    const bytes = memory ?? Buffer.allocUnsafeSlow(end - start);
    let done = bytes.length > CACHED_READ_BYTES_MAX ? 0 : readCached(file, bytes, start);
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
      if (bytesRead === 0) {
        const { parts, blobId } = this.#init;
        throw new StoreFileError(parts.files.pathOf(blobId), 'it was cut off');
      }
      done += bytesRead;
    }
    return bytes;
  }

  #isBroken(error: unknown): boolean {
    if (this.#generation === undefined) return false;
    return error instanceof StoreFileError || BROKEN.includes(errorCode(error));
  }
}
