/** How often the chunks of an image repeat: what deduplication saves. */
import type { Bootstrap } from '@shoal/rafs';
import { EntryKind } from '../layer/layer-entry.ts';

export type ContentStatistics = {
  readonly largestFileBytes: number;
  /** Different chunks that files refer to. */
  readonly chunksDistinct: number;
  /** Bytes of these; all files together are larger by what deduplication saves. */
  readonly distinctBytes: number;
  /** Components of the deepest path. */
  readonly depth: number;
};

type Counts = { -readonly [Key in keyof ContentStatistics]: number };

/** Walks the tree. The bootstrap has been verified: there are no cycles. */
export function countContent(bootstrap: Bootstrap): ContentStatistics {
  const counts: Counts = { largestFileBytes: 0, chunksDistinct: 0, distinctBytes: 0, depth: 0 };
  const used = bootstrap.blobs.map(({ chunkCount }) => new Uint8Array(chunkCount));
  const todo = [{ nid: bootstrap.rootNid, depth: 0 }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { nid, depth } = next;
    counts.depth = Math.max(counts.depth, depth);
    const inode = bootstrap.inode(nid);
    if (inode.kind === EntryKind.directory) {
      for (const child of bootstrap.directory(inode))
        todo.push({ nid: child.nid, depth: depth + 1 });
    } else if (inode.kind === EntryKind.regular) countFile(bootstrap, nid, used, counts);
  }
  return counts;
}

/** A file with several names is counted several times; its chunks are new only once. */
function countFile(
  bootstrap: Bootstrap,
  nid: number,
  used: readonly Uint8Array[],
  counts: Counts,
): void {
  const inode = bootstrap.inode(nid);
  counts.largestFileBytes = Math.max(counts.largestFileBytes, inode.size);
  for (const [index, { blobIndex, chunkIndex }] of bootstrap.chunkEntries(inode).entries()) {
    const flags = used[blobIndex];
    if (flags === undefined || flags[chunkIndex] === 1) continue;
    flags[chunkIndex] = 1;
    counts.chunksDistinct += 1;
    counts.distinctBytes += Math.min(bootstrap.chunkSize, inode.size - index * bootstrap.chunkSize);
  }
}
