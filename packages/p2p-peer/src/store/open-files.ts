/**
 * Open files, a bounded number: who needs one more than there may be waits until one is free. A file that
 * nobody uses stays open until its place is wanted, the one unused for longest first.
 */
import type { FileHandle } from 'node:fs/promises';

/** A file in use; to be released once. */
export class OpenFile {
  readonly handle: FileHandle;
  readonly #entry: Entry;
  readonly #onRelease: (entry: Entry) => void;
  #isReleased = false;

  constructor(entry: Entry, handle: FileHandle, onRelease: (entry: Entry) => void) {
    this.handle = handle;
    this.#entry = entry;
    this.#onRelease = onRelease;
  }

  /** The same file for somebody else, to be released by itself. */
  share(): OpenFile {
    this.#entry.users++;
    return new OpenFile(this.#entry, this.handle, this.#onRelease);
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#onRelease(this.#entry);
  }
}

type Entry = {
  readonly key: string;
  readonly opening: Promise<FileHandle>;
  users: number;
  /** The next one who asks for the key gets another file. */
  isForgotten: boolean;
};

export class OpenFiles {
  readonly #filesMax: number;
  readonly #onFull: () => void;
  /** In the order of their last use. */
  readonly #files = new Map<string, Entry>();
  readonly #waiting: (() => void)[] = [];
  readonly #closing = new Set<Promise<void>>();
  #count = 0;
  #isClosed = false;

  /** `onFull`: somebody waits, and all of them are in use. */
  constructor(filesMax: number, onFull: () => void = () => {}) {
    this.#filesMax = filesMax;
    this.#onFull = onFull;
  }

  /** Files that are open, opened or closed at this moment. */
  get count(): number {
    return this.#count;
  }

  /** The file of this key: the open one, or what `open` opens. Rejects as `open` does. */
  async acquire(key: string, open: () => Promise<FileHandle>): Promise<OpenFile> {
    for (let hasWaited = false; ; hasWaited = true) {
      if (this.#isClosed) throw new Error('the files are closed');
      const known = this.#files.get(key);
      // Whoever was woken and needs no place passes it on.
      if (known !== undefined && hasWaited) this.#waiting.shift()?.();
      if (known !== undefined) return this.#use(known);
      if (this.#count < this.#filesMax) break;
      if (this.#closeIdle()) await Promise.race(this.#closing);
      else {
        const changed = this.#change();
        this.#onFull();
        await changed;
      }
    }
    this.#count++;
    const entry = { key, opening: open(), users: 0, isForgotten: false };
    this.#files.set(key, entry);
    return this.#use(entry);
  }

  /** Those who use it go on with it; it is closed after the last of them. */
  forget(key: string): void {
    const entry = this.#files.get(key);
    if (entry === undefined) return;
    this.#files.delete(key);
    entry.isForgotten = true;
    if (entry.users === 0) this.#close(entry);
  }

  /** Resolves when everybody has released theirs and all are closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const key of [...this.#files.keys()]) this.forget(key);
    while (this.#count > 0) await this.#change();
  }

  async #use(entry: Entry): Promise<OpenFile> {
    entry.users++;
    try {
      const handle = await entry.opening;
      return new OpenFile(entry, handle, (each) => this.#release(each));
    } catch (error) {
      entry.users--;
      this.#dropFailed(entry);
      throw error;
    }
  }

  #release(entry: Entry): void {
    entry.users--;
    if (entry.users > 0) {
      if (this.#waiting.length > 0) this.#onFull();
      return;
    }
    if (entry.isForgotten) {
      this.#close(entry);
      return;
    }
    this.#files.delete(entry.key);
    this.#files.set(entry.key, entry);
    this.#waiting.shift()?.();
  }

  #dropFailed(entry: Entry): void {
    if (entry.users > 0) return;
    if (this.#files.get(entry.key) === entry) this.#files.delete(entry.key);
    this.#count--;
    this.#waiting.shift()?.();
  }

  #closeIdle(): boolean {
    for (const entry of this.#files.values()) {
      if (entry.users > 0) continue;
      this.#files.delete(entry.key);
      this.#close(entry);
      return true;
    }
    return false;
  }

  #close(entry: Entry): void {
    const closing = entry.opening
      .then((handle) => handle.close())
      .catch(() => undefined)
      .then(() => {
        this.#count--;
        this.#closing.delete(closing);
        this.#waiting.shift()?.();
      });
    this.#closing.add(closing);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
