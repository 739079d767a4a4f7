/**
 * What the user expects a program to read first: which chunks of a layer's files belong to it, and in
 * which order. A *rank* is the position in the list; a directory stands for everything below it.
 */
import type { ByteString } from '@shoal/rafs';
import { byteStringFromText, joinPath } from '@shoal/rafs';
import type { RankOfPart } from '../chunk/chunk-cutter.ts';
import { cleanComponents } from './path.ts';

/** One line of a list: a whole file or directory, or a part of a file. */
export type PrefetchPattern = {
  /** Absolute, as in the image. */
  readonly path: string;
  /** Bytes of the file; undefined for all of it. */
  readonly part: { readonly offset: number; readonly length: number } | undefined;
};

type Listed = { readonly rank: number; readonly start: number; readonly end: number };

export class FirstReads {
  readonly #listed: ReadonlyMap<ByteString, readonly Listed[]>;

  /** The root alone tells nothing of an order: it is left out. */
  constructor(patterns: readonly PrefetchPattern[]) {
    const listed = new Map<ByteString, Listed[]>();
    for (const [rank, { path, part }] of patterns.entries()) {
      const cleaned = joinPath(cleanComponents(byteStringFromText(path)));
      const start = part?.offset ?? 0;
      const end = part === undefined ? Infinity : start + part.length;
      const parts = listed.get(cleaned);
      if (parts === undefined) listed.set(cleaned, [{ rank, start, end }]);
      else parts.push({ rank, start, end });
    }
    this.#listed = listed;
  }

  /** For the file at a path of the archive; undefined when nothing of it is listed. */
  ranksOf(path: ByteString): RankOfPart | undefined {
    if (this.#listed.size === 0) return undefined;
    const found: Listed[] = [];
    const components = cleanComponents(path);
    for (let depth = components.length; depth > 0; depth--) {
      const parts = this.#listed.get(joinPath(components.slice(0, depth))) ?? [];
      found.push(...parts.filter(({ end }) => depth === components.length || end === Infinity));
    }
    return found.length === 0 ? undefined : (offset, length) => lowestRank(found, offset, length);
  }
}

export const NO_FIRST_READS = new FirstReads([]);

function lowestRank(listed: readonly Listed[], offset: number, length: number): number | undefined {
  let lowest: number | undefined;
  for (const { rank, start, end } of listed) {
    if (start >= offset + length || end <= offset) continue;
    if (lowest === undefined || rank < lowest) lowest = rank;
  }
  return lowest;
}
