/**
 * One file being written beside its final place: under a temporary name first, hashed on the way,
 * then renamed. Whatever fails leaves nothing.
 */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { type Digest, type DigestAlgorithm, finishDigest } from '@shoal/oci';
import { ClosedError } from '../errors.ts';
import { FILE_SYNC_BYTES } from '../limits.ts';
import { hashFile } from '../local/hash-file.ts';
import { fileError } from '../local/regular-file.ts';

export class Ingest {
  readonly #path: string;
  readonly #shownPath: string;
  readonly #handle: FileHandle;
  /** Undefined when the caller keeps the hash. */
  readonly #hash: Hash | undefined;
  #sizeBytes = 0;
  #unsyncedBytes = 0;
  #syncing: Promise<void> | undefined;
  /** What an early sync met: the kernel tells it once. */
  #syncFailure: { readonly error: unknown } | undefined;
  #isOpen = true;

  private constructor(path: string, shownPath: string, handle: FileHandle, isHashed: boolean) {
    this.#path = path;
    this.#shownPath = shownPath;
    this.#handle = handle;
    this.#hash = isHashed ? undefined : createHash('sha256');
  }

  /**
   * Errors name `shownPath`: the user knows no temporary name. With `isHashed` the caller hashes what
   * it writes.
   */
  static async open(path: string, shownPath: string, isHashed = false): Promise<Ingest> {
    try {
      return new Ingest(path, shownPath, await open(path, 'wx', 0o644), isHashed);
    } catch (error) {
      throw fileError(error, `${shownPath} cannot be made`);
    }
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#isOpen) throw new ClosedError(`the writer of ${this.#path}`);
    this.#hash?.update(bytes);
    try {
      let done = 0;
      while (done < bytes.byteLength) {
        done += (await this.#handle.write(bytes, done)).bytesWritten;
      }
    } catch (error) {
      await this.abort();
      throw fileError(error, `${this.#shownPath} cannot be written`);
    }
    this.#sizeBytes += bytes.byteLength;
    this.#unsyncedBytes += bytes.byteLength;
    if (this.#unsyncedBytes >= FILE_SYNC_BYTES) this.#syncEarly();
  }

  /** One at a time, beside the writing. */
  #syncEarly(): void {
    if (this.#syncing !== undefined) return;
    this.#unsyncedBytes = 0;
    this.#syncing = this.#handle.datasync().then(
      () => {
        this.#syncing = undefined;
      },
      (error: unknown) => {
        this.#syncing = undefined;
        this.#syncFailure ??= { error };
      },
    );
  }

  /**
   * The digest of everything written; nothing can be written afterwards, and it can be asked once.
   * sha256 is hashed on the way, or undefined when the caller did; for another algorithm the file is
   * read again.
   */
  async digest(algorithm: DigestAlgorithm): Promise<Digest | undefined> {
    if (algorithm === 'sha256') return this.#hash && finishDigest('sha256', this.#hash);
    return hashFile(this.#path, algorithm);
  }

  /** Closes the file and gives it its final name. */
  async publish(finalPath: string): Promise<void> {
    if (!this.#isOpen) throw new ClosedError(`the writer of ${this.#path}`);
    try {
      await this.#syncing;
      await this.#handle.datasync();
      if (this.#syncFailure !== undefined) throw this.#syncFailure.error;
      this.#isOpen = false;
      await this.#handle.close();
      await rename(this.#path, finalPath);
    } catch (error) {
      await this.abort();
      await rm(this.#path, { force: true });
      throw fileError(error, `${this.#shownPath} cannot be written`);
    }
  }

  /** Closes and removes the file; idempotent, harmless after `publish`. */
  async abort(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close();
    await rm(this.#path, { force: true });
  }
}

/** Replaces a small file atomically. */
export async function replaceFile(
  finalPath: string,
  bytes: Uint8Array,
  temporaryPath: string,
): Promise<void> {
  const ingest = await Ingest.open(temporaryPath, finalPath);
  try {
    await ingest.write(bytes);
    await ingest.publish(finalPath);
  } finally {
    await ingest.abort();
  }
}
