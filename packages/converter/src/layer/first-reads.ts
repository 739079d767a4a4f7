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

type Part = { readonly rank: number; readonly start: number; readonly end: number };

/** `whole` is the rank of the path as a whole, Infinity when only parts are listed. */
type Listed = { whole: number; readonly parts: Part[] };

export class FirstReads {
  readonly #listed: ReadonlyMap<ByteString, Listed>;
  /** Components of the deepest path in the list: whatever lies deeper need not be looked up. */
  readonly #depth: number;

  /** The root alone tells nothing of an order: it is left out. */
  constructor(patterns: readonly PrefetchPattern[]) {
    const all = new Map<ByteString, Listed>();
    let depth = 0;
    for (const [rank, { path, part }] of patterns.entries()) {
      const components = cleanComponents(byteStringFromText(path));
      depth = Math.max(depth, components.length);
      const cleaned = joinPath(components);
      const listed = all.get(cleaned) ?? { whole: Infinity, parts: [] };
      all.set(cleaned, listed);
      if (part === undefined) listed.whole = Math.min(listed.whole, rank);
      else listed.parts.push({ rank, start: part.offset, end: part.offset + part.length });
    }
    this.#listed = new Map(
      [...all].map(([path, { whole, parts }]) => [path, { whole, parts: disjointParts(parts) }]),
    );
    this.#depth = depth;
  }

  /** For the file at a path of the archive; undefined when nothing of it is listed. */
  ranksOf(path: ByteString): RankOfPart | undefined {
    if (this.#listed.size === 0) return undefined;
    const components = cleanComponents(path);
    let whole = Infinity;
    let parts: readonly Part[] = [];
    for (let depth = Math.min(components.length, this.#depth); depth > 0; depth--) {
      const listed = this.#listed.get(joinPath(components.slice(0, depth)));
      if (listed === undefined) continue;
      whole = Math.min(whole, listed.whole);
      if (depth === components.length) parts = listed.parts;
    }
    if (whole === Infinity && parts.length === 0) return undefined;
    return (offset, length) => {
      const rank = Math.min(whole, lowestRank(parts, offset, offset + length));
      return rank === Infinity ? undefined : rank;
    };
  }
}

export const NO_FIRST_READS = new FirstReads([]);

/**
 * The same parts without overlaps, ascending, each with its lowest rank: a list that names a byte
 * thousands of times costs each chunk no more than one that names it once.
 */
function disjointParts(parts: readonly Part[]): Part[] {
  const edges = [...new Set(parts.flatMap(({ start, end }) => [start, end]))].sort((a, b) => a - b);
  const at = new Map(edges.map((edge, index) => [edge, index]));
  /** Of the piece between two edges; and the next piece that has none yet, found by halving ways. */
  const ranks: (number | undefined)[] = [];
  const next = edges.map((_, index) => index);
  const free = (from: number): number => {
    let piece = from;
    for (let step = next[piece] ?? piece; step !== piece; step = next[piece] ?? piece) {
      next[piece] = next[step] ?? step;
      piece = step;
    }
    return piece;
  };
  // By rank, as they come: the first to take a piece has the lowest.
  for (const { rank, start, end } of parts) {
    const last = at.get(end) ?? 0;
    for (let piece = free(at.get(start) ?? last); piece < last; piece = free(piece)) {
      ranks[piece] = rank;
      next[piece] = piece + 1;
    }
  }
  return edges.flatMap((start, piece) => {
    const rank = ranks[piece];
    const end = edges[piece + 1];
    return rank === undefined || end === undefined ? [] : [{ rank, start, end }];
  });
}

/** Infinity when nothing between `start` and `end` is listed. */
function lowestRank(parts: readonly Part[], start: number, end: number): number {
  let low = 0;
  for (let high = parts.length; low < high; ) {
    const middle = (low + high) >> 1;
    if ((parts[middle]?.end ?? Infinity) <= start) low = middle + 1;
    else high = middle;
  }
  let lowest = Infinity;
  for (let part = parts[low]; part !== undefined && part.start < end; part = parts[++low]) {
    lowest = Math.min(lowest, part.rank);
  }
  return lowest;
}
