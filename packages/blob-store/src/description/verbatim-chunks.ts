/**
 * The chunks of a blob whose stored bytes lie in the device file just as they are: not compressed, not
 * encrypted, in no batch. From ranges of the stored blob to places in the device file, and back.
 */
import type { BlobDescription } from './blob-description.ts';
import { CHUNK_FLAG } from './blob-description.ts';

/** Of a stored blob; `end` is the first byte behind it. */
export type StoredRange = { readonly start: number; readonly end: number };

/** Bytes that lie together both in the stored blob and in the device file. */
export type VerbatimRun = StoredRange & {
  /** Of the first one, in the device file. */
  readonly position: number;
};

/** Where bytes of the stored blob lie in the device file. */
export type VerbatimPlace = {
  readonly chunk: number;
  /** In the device file. */
  readonly position: number;
  readonly length: number;
};

export class VerbatimChunks {
  readonly #chunks: BlobDescription['chunks'];
  /** Ascending by where they are stored; none has a byte of another one. */
  readonly #sorted: Uint32Array;
  /** One byte for each chunk of the blob. */
  readonly #isOne: Uint8Array;

  /** Without `isBelieved` none of them is: the image is not believed where its chunks are stored. */
  constructor(description: BlobDescription, isBelieved = true) {
    this.#chunks = description.chunks;
    this.#sorted = isBelieved ? sortedOf(description) : new Uint32Array();
    this.#isOne = new Uint8Array(description.chunks.count);
    for (const chunk of this.#sorted) this.#isOne[chunk] = 1;
  }

  get count(): number {
    return this.#sorted.length;
  }

  /** Where those that are wanted are stored, of some chunks or all, ascending; neighbours are one range. */
  rangesOf(isWanted: (chunk: number) => boolean, some?: readonly number[]): StoredRange[] {
    const { storedOffset, size } = this.#chunks;
    const ranges: { start: number; end: number }[] = [];
    for (const chunk of some === undefined ? this.#sorted : this.#sortedOf(some)) {
      if (!isWanted(chunk)) continue;
      const start = storedOffset[chunk] ?? 0;
      const end = start + (size[chunk] ?? 0);
      const last = ranges.at(-1);
      if (last?.end === start) last.end = end;
      else ranges.push({ start, end });
    }
    return ranges;
  }

  /** Those that are wanted, ascending by where they are stored. */
  runsOf(isWanted: (chunk: number) => boolean): VerbatimRun[] {
    const { storedOffset, size, offset } = this.#chunks;
    const runs: { start: number; end: number; position: number }[] = [];
    for (const chunk of this.#sorted) {
      if (!isWanted(chunk)) continue;
      const start = storedOffset[chunk] ?? 0;
      const end = start + (size[chunk] ?? 0);
      const position = offset[chunk] ?? 0;
      const last = runs.at(-1);
      if (last?.end === start && last.position - last.start === position - start) last.end = end;
      else runs.push({ start, end, position });
    }
    return runs;
  }

  /** As much of the range as one chunk has from its first byte on; undefined when none has that. */
  placeOf({ start, end }: StoredRange): VerbatimPlace | undefined {
    const { storedOffset, size, offset } = this.#chunks;
    const chunk = this.#lastStoredAtOrBefore(start);
    if (chunk === undefined) return undefined;
    const inside = start - (storedOffset[chunk] ?? 0);
    const length = Math.min((size[chunk] ?? 0) - inside, end - start);
    return length > 0 ? { chunk, position: (offset[chunk] ?? 0) + inside, length } : undefined;
  }

  #sortedOf(some: readonly number[]): number[] {
    const { storedOffset } = this.#chunks;
    const own = some.filter((chunk) => this.#isOne[chunk] === 1);
    return own.sort((a, b) => (storedOffset[a] ?? 0) - (storedOffset[b] ?? 0));
  }

  #lastStoredAtOrBefore(start: number): number | undefined {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks.storedOffset[this.#sorted[middle] ?? 0] ?? 0) <= start) low = middle + 1;
      else high = middle;
    }
    return this.#sorted[low - 1];
  }
}

function sortedOf(description: BlobDescription): Uint32Array {
  const { chunks, storedBytes } = description;
  const all = Uint32Array.from({ length: chunks.count }, (_, chunk) => chunk);
  const startOf = (chunk: number) => chunks.storedOffset[chunk] ?? 0;
  const verbatim = all.filter((chunk) => isVerbatim(description, chunk));
  verbatim.sort((a, b) => startOf(a) - startOf(b));
  let end = 0;
  // An image may say anything of where its chunks lie.
  return verbatim.filter((chunk) => {
    const chunkEnd = startOf(chunk) + (chunks.size[chunk] ?? 0);
    const isAlone = startOf(chunk) >= end && chunkEnd <= storedBytes;
    if (isAlone) end = chunkEnd;
    return isAlone;
  });
}

function isVerbatim({ chunks, compressor }: BlobDescription, chunk: number): boolean {
  const flags = chunks.flags[chunk] ?? 0;
  if ((flags & (CHUNK_FLAG.encrypted | CHUNK_FLAG.batch)) !== 0) return false;
  const isCompressed = (flags & CHUNK_FLAG.compressed) !== 0 && compressor !== 'none';
  return !isCompressed && chunks.storedSize[chunk] === chunks.size[chunk];
}
