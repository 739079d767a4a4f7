/**
 * Blobs that nobody has open any more while their device files are still there: what lies in these just as
 * it is stored. Until somebody opens or removes such a file nobody writes to it.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { StoredRange, VerbatimRun } from '../description/verbatim-chunks.ts';
import { VERBATIM_RUNS_LEFT_MAX } from '../limits.ts';
import type { SizedBlob } from '../source/blob-source.ts';

export type LeftBlob = {
  readonly blob: SizedBlob;
  /** The device file. */
  readonly path: string;
  /** Ascending by where they are stored. */
  readonly runs: readonly VerbatimRun[];
};

const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW;

export class LeftBlobs {
  /** By the key of their files, the one left for longest first. */
  readonly #blobs = new Map<string, LeftBlob>();
  #runs = 0;

  /** Returns those that are forgotten for it. */
  add(key: string, left: LeftBlob): readonly LeftBlob[] {
    this.remove(key);
    this.#blobs.set(key, left);
    this.#runs += left.runs.length;
    const forgotten: LeftBlob[] = [];
    for (const oldest of [...this.#blobs.keys()]) {
      if (this.#runs <= VERBATIM_RUNS_LEFT_MAX) break;
      forgotten.push(...this.remove(oldest));
    }
    return forgotten;
  }

  /** Somebody is about to open its file, or to remove it. Returns it, where it was one. */
  remove(key: string): readonly LeftBlob[] {
    const left = this.#blobs.get(key);
    if (left === undefined) return [];
    this.#blobs.delete(key);
    this.#runs -= left.runs.length;
    return [left];
  }

  rangesOf(blob: SizedBlob): StoredRange[] {
    return this.#of(blob).flatMap(([, { runs }]) => runs.map(({ start, end }) => ({ start, end })));
  }

  /** As much of the range as lies together from its first byte on; undefined when nobody has that. */
  async readPart(blob: SizedBlob, range: StoredRange): Promise<Buffer | undefined> {
    for (const [key, left] of this.#of(blob)) {
      const run = runAt(left.runs, range.start);
      if (run === undefined) continue;
      const length = Math.min(run.end, range.end) - range.start;
      const position = run.position + range.start - run.start;
      const bytes = await readFile(left.path, position, length).catch(() => undefined);
      // Somebody may write to it since.
      if (bytes !== undefined && this.#blobs.get(key) === left) return bytes;
    }
    return undefined;
  }

  #of({ blobId, sizeBytes }: SizedBlob): [string, LeftBlob][] {
    return [...this.#blobs].filter(
      ([, { blob }]) => blob.blobId === blobId && blob.sizeBytes === sizeBytes,
    );
  }
}

function runAt(runs: readonly VerbatimRun[], at: number): VerbatimRun | undefined {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((runs[middle]?.end ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  const run = runs[low];
  return run !== undefined && run.start <= at ? run : undefined;
}

async function readFile(path: string, position: number, length: number): Promise<Buffer> {
  await using file = await open(path, OPEN_FLAGS);
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw new RangeError('the device file is shorter than its blob');
    done += bytesRead;
  }
  return bytes;
}
