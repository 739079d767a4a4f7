/**
 * What an image asks to have fetched first, as parts of its blobs: those that its builder set apart as
 * first reads, and what its prefetch table names: whole files, and everything below a directory.
 */
import type { Bootstrap } from './bootstrap.ts';
import type { BlobRange } from './file-ranges.ts';
import type { RafsInode } from './inode.ts';
import { InodeKind } from './inode-kind.ts';
import { BLOCK_SIZE } from './layout.ts';
import { PREFETCH_CHUNKS_MAX, PREFETCH_INODES_MAX } from './limits.ts';

export type PrefetchLimits = {
  /** @default PREFETCH_CHUNKS_MAX */
  readonly chunksMax?: number;
};

/** At most one part of each blob. */
export function firstReadRanges({ blobs }: Bootstrap): BlobRange[] {
  return blobs.flatMap(({ firstReads }, blobIndex) => {
    if (firstReads === undefined) return [];
    const { block, blocks } = firstReads;
    return [{ blobIndex, offset: block * BLOCK_SIZE, length: blocks * BLOCK_SIZE }];
  });
}

/**
 * What the prefetch table names and no first reads hold, in the order of the table. Neighbours there
 * that are neighbours in a blob are one range. The list ends where it has led to too many chunks.
 *
 * @throws ERR_RAFS_CORRUPT for a bootstrap that nobody has verified
 */
export function* prefetchRanges(
  bootstrap: Bootstrap,
  limits: PrefetchLimits = {},
): Generator<BlobRange, void, undefined> {
  const setApart = new Map(firstReadRanges(bootstrap).map((range) => [range.blobIndex, range]));
  let last: BlobRange | undefined;
  const chunks = prefetchedFiles(bootstrap).flatMap((inode) => rangesOf(bootstrap, inode));
  for (const range of chunks.take(limits.chunksMax ?? PREFETCH_CHUNKS_MAX)) {
    if (isWithin(range, setApart.get(range.blobIndex))) continue;
    if (last !== undefined && isNext(last, range)) {
      last = { ...last, length: range.offset + range.length - last.offset };
      continue;
    }
    if (last !== undefined) yield last;
    last = range;
  }
  if (last !== undefined) yield last;
}

function isWithin({ offset, length }: BlobRange, outer: BlobRange | undefined): boolean {
  if (outer === undefined) return false;
  return offset >= outer.offset && offset + length <= outer.offset + outer.length;
}

/** Regular files, each once; the list ends where it has led to too many inodes. */
function* prefetchedFiles(bootstrap: Bootstrap): Generator<RafsInode, void, undefined> {
  const seen = new Set<number>();
  const todo = bootstrap.prefetchNids.toReversed();
  for (let nid = todo.pop(); nid !== undefined; nid = todo.pop()) {
    if (seen.has(nid)) continue;
    if (seen.size >= PREFETCH_INODES_MAX) return;
    seen.add(nid);
    const inode = bootstrap.inode(nid);
    if (inode.kind === InodeKind.regular) yield inode;
    if (inode.kind !== InodeKind.directory) continue;
    for (const entry of [...bootstrap.directory(inode)].toReversed()) todo.push(entry.nid);
  }
}

function* rangesOf(bootstrap: Bootstrap, inode: RafsInode): Generator<BlobRange, void, undefined> {
  for (let number = 0; number < bootstrap.chunkCount(inode); number++) {
    const { blobIndex, blockAddress } = bootstrap.chunkEntry(inode, number);
    const length = Math.min(bootstrap.chunkSize, inode.size - number * bootstrap.chunkSize);
    yield { blobIndex, offset: blockAddress * BLOCK_SIZE, length };
  }
}

/** The rest of a chunk's last block belongs to nobody. */
function isNext(last: BlobRange, { blobIndex, offset }: BlobRange): boolean {
  const end = Math.ceil((last.offset + last.length) / BLOCK_SIZE) * BLOCK_SIZE;
  return last.blobIndex === blobIndex && end === offset;
}
