/**
 * A file that is not whole yet, under a name of its own, with a journal that says how much of it is
 * surely on the disk. It gets its real name when it is whole and right.
 */
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, ShoalError } from '@shoal/errors';
import { FileThereError, TargetPathError, TargetWriteError } from '../errors.ts';
import { SYNC_BYTES, SYNC_MS } from '../limits.ts';
import type { Journal } from './journal.ts';
import { JournalFile } from './journal-file.ts';
import { type PartialPlace, pathOf, shownOf } from './partial-place.ts';
import { dropOfOthers, dropPublished } from './strange-files.ts';

/** Without `bytes`: of what. */
export type PartialSubject = Omit<Journal, 'bytes'>;

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class PartialFile implements AsyncDisposable {
  readonly handle: FileHandle;
  readonly #place: PartialPlace;
  readonly #subject: PartialSubject;
  readonly #journal: JournalFile;
  #bytes: number;
  #synced: number;
  #syncedAtMs = performance.now();
  #isOver = false;

  private constructor(
    place: PartialPlace,
    subject: PartialSubject,
    handle: FileHandle,
    bytes: number,
  ) {
    this.#place = place;
    this.#subject = subject;
    this.#journal = new JournalFile(place);
    this.handle = handle;
    this.#bytes = bytes;
    this.#synced = bytes;
  }

  /** With what an earlier download has left, if it was of the same. */
  static async open(place: PartialPlace, subject: PartialSubject): Promise<PartialFile> {
    return await explained(place, async () => {
      const handle = await open(pathOf(place, 'partial'), await flagsOf(place), 0o666);
      try {
        const stats = await handle.stat();
        if (!stats.isFile()) {
          throw new TargetPathError(shownOf(place, 'partial'), 'is no unfinished download');
        }
        const journal = new JournalFile(place);
        const bytes = await usableBytes(journal, subject, stats.size);
        if (bytes === 0) await journal.forget(stats.size > 0);
        await handle.truncate(bytes);
        return new PartialFile(place, subject, handle, bytes);
      } catch (error) {
        await handle.close();
        throw error;
      }
    });
  }

  /** From the first on. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The next bytes; now and then they are synced. */
  async append(piece: Uint8Array): Promise<void> {
    await explained(this.#place, async () => {
      for (let at = 0; at < piece.byteLength; ) {
        const { bytesWritten } = await this.handle.write(
          piece,
          at,
          piece.byteLength - at,
          this.#bytes,
        );
        at += bytesWritten;
        this.#bytes += bytesWritten;
      }
      const waitedMs = performance.now() - this.#syncedAtMs;
      if (this.#bytes - this.#synced >= SYNC_BYTES || waitedMs >= SYNC_MS) await this.#sync();
    });
  }

  /** What is there was wrong, or is of something else now. */
  async startAgain(): Promise<void> {
    await explained(this.#place, async () => {
      await this.#journal.forget(this.#bytes > 0);
      await this.handle.truncate(0);
      this.#bytes = 0;
      this.#synced = 0;
    });
  }

  /** Makes sure that it can be continued, whatever comes. */
  async keep(): Promise<void> {
    if (this.#isOver || this.#bytes === 0) return;
    await this.#sync();
  }

  /** It is whole and right: the name is its. */
  async publish(replaces: boolean): Promise<void> {
    const { directory, name } = this.#place;
    await explained(this.#place, async () => {
      await this.handle.sync();
      const from = pathOf(this.#place, 'partial');
      if (replaces) await rename(from, directory.path(name));
      else await giveName(this.#place, from);
      this.#isOver = true;
      await this.#journal.remove();
      await directory.sync();
    });
  }

  /** Nothing of it is left. */
  async discard(): Promise<void> {
    this.#isOver = true;
    await removeUnfinished(this.#place);
  }

  async #sync(): Promise<void> {
    const bytes = this.#bytes;
    await this.handle.datasync();
    await this.#journal.write({ ...this.#subject, bytes });
    this.#synced = bytes;
    this.#syncedAtMs = performance.now();
  }

  /** What can be continued stays; what was never begun goes. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#isOver && this.#bytes === 0) await this.discard();
    } finally {
      await this.handle.close();
    }
  }
}

/** What an earlier download of the file has left. */
export async function removeUnfinished(place: PartialPlace): Promise<void> {
  await new JournalFile(place).remove();
  await rm(pathOf(place, 'partial'), { force: true });
}

/** Where many may make files it has to be made here, or be there as one's own: nobody may come before. */
async function flagsOf(place: PartialPlace): Promise<number> {
  await dropPublished(place);
  if (!(await place.directory.isOfMany())) return FLAGS;
  await dropOfOthers(place);
  const isThere = await lstat(pathOf(place, 'partial')).then(
    () => true,
    () => false,
  );
  return isThere ? FLAGS : FLAGS | constants.O_EXCL;
}

async function usableBytes(
  journalFile: JournalFile,
  subject: PartialSubject,
  there: number,
): Promise<number> {
  if (there === 0) return 0;
  const journal = await journalFile.read();
  const isSame =
    journal?.identity === subject.identity &&
    journal.digest === subject.digest &&
    journal.size === subject.size;
  return isSame && journal.bytes <= there ? journal.bytes : 0;
}

/** A second name in one step, which fails where there is a file; not every file system has that. */
async function giveName(place: PartialPlace, from: string): Promise<void> {
  const { directory, name } = place;
  const target = directory.path(name);
  try {
    await link(from, target);
    await rm(from);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST') throw new FileThereError(join(directory.shown, name), 'has appeared');
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    await rename(from, target);
  }
}

async function explained<T>(place: PartialPlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errorCode(error);
    if (error instanceof ShoalError || code === undefined) throw error;
    const shown = shownOf(place, 'partial');
    if (code === 'ELOOP') {
      throw new TargetPathError(shown, 'is a symbolic link, and none is followed there');
    }
    throw new TargetWriteError(shown, code, { cause: error });
  }
}
