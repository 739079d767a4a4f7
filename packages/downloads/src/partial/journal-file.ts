/** The journal of an unfinished file, beside it; the next one takes the place of the last in one step. */
import { constants } from 'node:fs';
import { open, rename, rm, unlink } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';
import { JOURNAL_BYTES_MAX } from '../limits.ts';
import { decodeJournal, encodeJournal, type Journal } from './journal.ts';
import { type PartialPlace, pathOf } from './partial-place.ts';

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class JournalFile {
  readonly #place: PartialPlace;

  constructor(place: PartialPlace) {
    this.#place = place;
  }

  /** Undefined when there is none, or none that makes sense. */
  async read(): Promise<Journal | undefined> {
    try {
      await using file = await open(pathOf(this.#place, 'journal'), FLAGS);
      const buffer = Buffer.alloc(JOURNAL_BYTES_MAX + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      return decodeJournal(buffer.subarray(0, bytesRead));
    } catch {
      return undefined;
    }
  }

  /** What it says must be on the disk before. */
  async write(journal: Journal): Promise<void> {
    const next = pathOf(this.#place, 'next');
    await rm(next, { force: true });
    {
      await using file = await open(next, 'wx', 0o600);
      await file.writeFile(encodeJournal(journal));
      await file.datasync();
    }
    await rename(next, pathOf(this.#place, 'journal'));
  }

  /**
   * Before the first byte of something else is written: the journal would say that these are the bytes
   * of what it is of, after whatever kills this download before it writes its own.
   */
  async forget(hasBytes: boolean): Promise<void> {
    const wasThere = await unlink(pathOf(this.#place, 'journal')).then(
      () => true,
      (error: unknown) => {
        if (errorCode(error) === 'ENOENT') return false;
        throw error;
      },
    );
    if (wasThere || hasBytes) await this.#place.directory.sync();
  }

  /** With what a crash in the middle of `write` has left. */
  async remove(): Promise<void> {
    await rm(pathOf(this.#place, 'journal'), { force: true });
    await rm(pathOf(this.#place, 'next'), { force: true });
  }
}
