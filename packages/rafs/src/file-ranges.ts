/**
 * Which files parts of blobs belong to: from ranges of the blobs' uncompressed address space (what a
 * device file holds) to paths and offsets in files. One walk for all ranges.
 */
import type { Bootstrap } from './bootstrap.ts';
import { type ByteString, childPath, NO_BYTES } from './byte-string.ts';
import type { RafsInode } from './inode.ts';
import { InodeKind } from './inode-kind.ts';
import { BLOCK_SIZE } from './layout.ts';

export type BlobRange = {
  readonly blobIndex: number;
  /** Bytes of the blob's device file. */
  readonly offset: number;
  readonly length: number;
};

export type FileRange = {
  /** Without a slash at its start. Of several files with this content the first one found. */
  readonly path: ByteString;
  /** Bytes of the file. */
  readonly offset: number;
  readonly length: number;
  /** Of the whole file. */
  readonly fileBytes: number;
};

/** A piece of a file as it lies in a blob. */
type Piece = {
  readonly start: number;
  readonly end: number;
  readonly fileOffset: number;
  readonly fileBytes: number;
};
type Wanted = BlobRange & { readonly index: number };
type Found = FileRange & { readonly blobOffset: number };

/**
 * For each range the files in it, in the order of the blob; none for what is no file's content.
 *
 * @throws ERR_RAFS_CORRUPT for a bootstrap that nobody has verified
 */
export function findFileRanges(
  bootstrap: Bootstrap,
  ranges: readonly BlobRange[],
): readonly (readonly FileRange[])[] {
  const wanted = groupByBlob(ranges);
  const found: Map<number, Found>[] = ranges.map(() => new Map());
  for (const [path, inode] of regularFiles(bootstrap)) {
    for (const [number, entry] of bootstrap.chunkEntries(inode).entries()) {
      const sorted = wanted.get(entry.blobIndex);
      if (sorted === undefined) continue;
      const fileOffset = number * bootstrap.chunkSize;
      const start = entry.blockAddress * BLOCK_SIZE;
      const end = start + Math.min(bootstrap.chunkSize, inode.size - fileOffset);
      addPiece(path, { start, end, fileOffset, fileBytes: inode.size }, sorted, found);
    }
  }
  return found.map((files) => joined([...files.values()]));
}

function addPiece(
  path: ByteString,
  { start, end, fileOffset, fileBytes }: Piece,
  sorted: SortedRanges,
  found: readonly Map<number, Found>[],
): void {
  for (const range of sorted.overlapping(start, end)) {
    const from = Math.max(start, range.offset);
    const to = Math.min(end, range.offset + range.length);
    const files = found[range.index];
    // Chunks that several files share are told once.
    if (files === undefined || files.has(from)) continue;
    const offset = fileOffset + (from - start);
    files.set(from, { path, offset, length: to - from, fileBytes, blobOffset: from });
  }
}

/** Neighbouring chunks of one file are one range of it. */
function joined(pieces: readonly Found[]): FileRange[] {
  const ranges: FileRange[] = [];
  for (const { blobOffset: _, ...piece } of pieces.toSorted(
    (a, b) => a.blobOffset - b.blobOffset,
  )) {
    const { path, offset, length } = piece;
    const last = ranges.at(-1);
    if (last?.path === path && last.offset + last.length === offset) {
      ranges[ranges.length - 1] = { ...last, length: last.length + length };
    } else ranges.push(piece);
  }
  return ranges;
}

/** Every regular file once, by the first of its names. */
function* regularFiles(bootstrap: Bootstrap): Generator<[ByteString, RafsInode], void, undefined> {
  const seen = new Set<number>();
  const todo = [{ nid: bootstrap.rootNid, path: NO_BYTES }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (seen.has(next.nid)) continue;
    seen.add(next.nid);
    const inode = bootstrap.inode(next.nid);
    if (inode.kind === InodeKind.regular) yield [next.path, inode];
    if (inode.kind !== InodeKind.directory) continue;
    for (const { name, nid } of [...bootstrap.directory(inode)].toReversed()) {
      todo.push({ nid, path: childPath(next.path, name) });
    }
  }
}

class SortedRanges {
  readonly #ranges: readonly Wanted[];
  /** The longest range: nothing that starts further before can reach a place. */
  readonly #lengthMax: number;

  constructor(ranges: readonly Wanted[]) {
    this.#ranges = ranges.toSorted((a, b) => a.offset - b.offset);
    this.#lengthMax = ranges.reduce((longest, { length }) => Math.max(longest, length), 0);
  }

  *overlapping(start: number, end: number): Generator<Wanted, void, undefined> {
    let low = 0;
    let high = this.#ranges.length;
    const from = start - this.#lengthMax;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.offset ?? 0) <= from) low = middle + 1;
      else high = middle;
    }
    for (let at = low; at < this.#ranges.length; at++) {
      const range = this.#ranges[at];
      if (range === undefined || range.offset >= end) return;
      if (range.offset + range.length > start) yield range;
    }
  }
}

function groupByBlob(ranges: readonly BlobRange[]): ReadonlyMap<number, SortedRanges> {
  const indexed = ranges.map((range, index) => ({ ...range, index }));
  const groups = Map.groupBy(indexed, ({ blobIndex }) => blobIndex);
  return new Map([...groups].map(([blobIndex, group]) => [blobIndex, new SortedRanges(group)]));
}
