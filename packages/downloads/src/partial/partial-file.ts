/**
 * A file that is not whole yet, under a name of its own, with a journal that says how much of it is
 * surely on the disk. It gets its real name when it is whole and right.
 */
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, ShoalError } from '@shoal/errors';
import { FileThereError, TargetPathError, TargetWriteError } from '../errors.ts';
import { JOURNAL_BYTES_MAX, SYNC_BYTES, SYNC_MS } from '../limits.ts';
import type { HeldDirectory } from '../target/held-directory.ts';
import { decodeJournal, encodeJournal, type Journal } from './journal.ts';

export type PartialPlace = { readonly directory: HeldDirectory; readonly name: string };

/** Without `bytes`: of what. */
export type PartialSubject = Omit<Journal, 'bytes'>;

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class PartialFile implements AsyncDisposable {
  readonly handle: FileHandle;
  readonly #place: PartialPlace;
  readonly #subject: PartialSubject;
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
    this.handle = handle;
    this.#bytes = bytes;
    this.#synced = bytes;
  }

  /** With what an earlier download has left, if it was of the same. */
  static async open(place: PartialPlace, subject: PartialSubject): Promise<PartialFile> {
    return await explained(place, async () => {
      const flags = (await dropStrange(place)) ? FLAGS | constants.O_EXCL : FLAGS;
      const handle = await open(pathOf(place, 'partial'), flags, 0o666);
      try {
        const stats = await handle.stat();
        if (!stats.isFile()) {
          throw new TargetPathError(shownOf(place, 'partial'), 'is no unfinished download');
        }
        const bytes = await usableBytes(place, subject, stats.size);
        if (bytes === 0) await forgetJournal(place, stats.size > 0);
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
      await forgetJournal(this.#place, this.#bytes > 0);
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
      await rm(pathOf(this.#place, 'journal'), { force: true });
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
    await writeJournal(this.#place, { ...this.#subject, bytes });
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
  await rm(pathOf(place, 'journal'), { force: true });
  await rm(pathOf(place, 'partial'), { force: true });
}

/**
 * Before the first byte of something else is written: the journal would say that these are the bytes
 * of what it is of, after whatever kills this download before it writes its own.
 */
async function forgetJournal(place: PartialPlace, hasBytes: boolean): Promise<void> {
  const wasThere = await unlink(pathOf(place, 'journal')).then(
    () => true,
    (error: unknown) => {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
  if (wasThere || hasBytes) await place.directory.sync();
}

/**
 * A crash after `link` leaves the whole file under both names: it must not be written any more. What another
 * user has put there would be his when it is whole, and its beginning what he likes. True where it has to be
 * made anew, before he does.
 */
async function dropStrange(place: PartialPlace): Promise<boolean> {
  const path = pathOf(place, 'partial');
  const stats = await lstat(path).catch(() => undefined);
  if (stats?.isFile() === true && stats.nlink > 1) await rm(path);
  if (!(await place.directory.isOfMany())) return false;
  let isThere = false;
  for (const kind of ['journal', 'partial']) {
    const name = pathOf(place, kind);
    const found = await lstat(name).catch(() => undefined);
    const isStrange = found?.isFile() === true && found.uid !== process.geteuid?.();
    if (isStrange) await rm(name);
    isThere = found !== undefined && !isStrange;
  }
  return !isThere;
}

function pathOf({ directory, name }: PartialPlace, kind: string): string {
  return directory.path(`${name}.shoal-${kind}`);
}

function shownOf({ directory, name }: PartialPlace, kind: string): string {
  return join(directory.shown, `${name}.shoal-${kind}`);
}

async function usableBytes(
  place: PartialPlace,
  subject: PartialSubject,
  there: number,
): Promise<number> {
  if (there === 0) return 0;
  const journal = await readJournal(place);
  const isSame =
    journal?.identity === subject.identity &&
    journal.digest === subject.digest &&
    journal.size === subject.size;
  return isSame && journal.bytes <= there ? journal.bytes : 0;
}

/** Undefined when there is none, or none that makes sense. */
async function readJournal(place: PartialPlace): Promise<Journal | undefined> {
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    await using file = await open(pathOf(place, 'journal'), flags);
    const buffer = Buffer.alloc(JOURNAL_BYTES_MAX + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return decodeJournal(buffer.subarray(0, bytesRead));
  } catch {
    return undefined;
  }
}

async function writeJournal(place: PartialPlace, journal: Journal): Promise<void> {
  const next = pathOf(place, 'next');
  await rm(next, { force: true });
  {
    await using file = await open(next, 'wx', 0o600);
    await file.writeFile(encodeJournal(journal));
    await file.datasync();
  }
  await rename(next, pathOf(place, 'journal'));
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
