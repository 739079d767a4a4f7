/**
 * Which blobs a session serves, and for how long: a file stays while a mount of ours uses it and
 * until the kernel says that it is closed, which after a lazy unmount is when the last user has gone.
 */
import { createHash } from 'node:crypto';
import type { FlatFile } from '@shoal/linux';
import { DriverRequestError } from '../errors.ts';
import { servedKey } from './image-mount.ts';
import type { DriverBlob } from './mount-driver.ts';

export type ServedFile = {
  flat: FlatFile;
  blob: DriverBlob;
  /** Mounts of ours. */
  mounts: number;
  /** Times it was taken into use: that it was closed then says nothing of now. */
  uses: number;
};

const FIRST_ID = 2;
const ID_HEX_DIGITS = 13;

/** 52 bits of a hash: the same number after every restart, and no two blobs share one. */
export function fileIdOf(key: string): number {
  const digest = createHash('sha256').update(key).digest('hex');
  return Number.parseInt(digest.slice(0, ID_HEX_DIGITS), 16) + FIRST_ID;
}

export class ServedFiles {
  readonly #byId = new Map<number, ServedFile>();
  readonly #byKey = new Map<string, ServedFile>();
  /** Who waits until a file is neither mounted nor open. */
  readonly #waiters = new Map<ServedFile, (() => void)[]>();

  byId(fileId: number): ServedFile | undefined {
    return this.#byId.get(fileId);
  }

  all(): ServedFile[] {
    return [...this.#byId.values()];
  }

  /**
   * Counts one more mount, and tells what the session has to do for it. A file that only a lazily
   * unmounted image still uses goes over to the new blob: the old one may be closed.
   */
  use(blob: DriverBlob): {
    readonly file: ServedFile;
    readonly change: 'none' | 'add' | 'replace';
  } {
    const key = servedKey(blob);
    const known = this.#byKey.get(key);
    if (known === undefined) return { file: this.#add(key, blob), change: 'add' };
    known.mounts += 1;
    known.uses += 1;
    if (known.mounts > 1) return { file: known, change: 'none' };
    const { path, readyMap } = blob;
    known.blob = blob;
    known.flat = { ...known.flat, path, readyMap };
    return { file: known, change: 'replace' };
  }

  #add(key: string, blob: DriverBlob): ServedFile {
    const fileId = fileIdOf(key);
    if (this.#byId.has(fileId)) {
      throw new DriverRequestError(`blob ${blob.blobId}: its file id ${fileId} is taken`);
    }
    const { sizeBytes, path, readyMap } = blob;
    const flat = { fileId, name: key, sizeBytes, path, readyMap };
    const file: ServedFile = { flat, blob, mounts: 1, uses: 1 };
    this.#byId.set(fileId, file);
    this.#byKey.set(key, file);
    return file;
  }

  /** The file was found closed after `uses` uses. True when it was forgotten: stop serving it. */
  forgetIfUnused(file: ServedFile, uses: number): boolean {
    if (file.mounts > 0 || file.uses !== uses) return false;
    const { fileId, name } = file.flat;
    if (this.#byId.get(fileId) !== file) return false;
    this.#byId.delete(fileId);
    this.#byKey.delete(name);
    this.#wake(file);
    return true;
  }

  /** At once when a mount of ours uses the file: its blob serves everybody. */
  async untilUnused(key: string): Promise<void> {
    const file = this.#byKey.get(key);
    if (file === undefined || file.mounts > 0) return;
    await new Promise<void>((resolve) => {
      this.#waiters.set(file, [...(this.#waiters.get(file) ?? []), resolve]);
    });
  }

  clear(): void {
    this.#byId.clear();
    this.#byKey.clear();
    for (const file of [...this.#waiters.keys()]) this.#wake(file);
  }

  #wake(file: ServedFile): void {
    const waiters = this.#waiters.get(file) ?? [];
    this.#waiters.delete(file);
    for (const resolve of waiters) resolve();
  }
}
