/**
 * Reads every chunk that a file of a converted image refers to once, in the order the blobs store
 * them, and verifies it. Chunks of dictionaries that no file uses are not read.
 */
import type { BlobDescription } from '@shoal/blob-store';
import { EntryKind } from '../layer/layer-entry.ts';
import type { ConvertedImage } from './converted-image.ts';
import { READ_GAP_BYTES_MAX } from './limits.ts';
import type { ReadWindow } from './read-window.ts';
import { WindowBuilder } from './read-window.ts';

export type ContentProblem = {
  readonly blobIndex: number;
  readonly chunk: number;
  readonly detail: string;
};

export type VerifiedContent = {
  readonly chunks: number;
  readonly problems: readonly ContentProblem[];
};

/** Verifies all referenced chunks. Damaged ones are problems; a store that fails is an error. */
export async function verifyContent(
  image: ConvertedImage,
  signal: AbortSignal,
  onBytes: (bytes: number) => void = () => {},
): Promise<VerifiedContent> {
  const blobs = await image.blobs(signal);
  const problems: ContentProblem[] = [];
  const used = usedChunks(image, blobs, problems);
  let chunks = 0;
  for await (const result of image.readWindows(windowsOfUsed(used, blobs), signal)) {
    chunks += result.window.chunks.length;
    onBytes(result.window.length);
    for (const { chunk, reason } of result.failures) {
      const detail = reason === 'digest' ? 'its digest is another' : 'it does not decompress';
      problems.push({ blobIndex: result.window.blobIndex, chunk, detail });
    }
  }
  return { chunks, problems };
}

/**
 * One flag per chunk of each blob: some file uses it. Addresses are compared on the way: the
 * kernel goes by block address, nydusd by chunk number, and both have to lead to the same bytes.
 */
function usedChunks(
  image: ConvertedImage,
  blobs: readonly BlobDescription[],
  problems: ContentProblem[],
): Uint8Array[] {
  const used = blobs.map(({ chunks }) => new Uint8Array(chunks.count));
  for (const nid of regularNids(image)) {
    for (const entry of image.bootstrap.chunkEntries(image.bootstrap.inode(nid))) {
      const { blobIndex, chunkIndex, blockAddress } = entry;
      const flags = used[blobIndex];
      const address = blobs[blobIndex]?.chunks.offset[chunkIndex];
      if (flags === undefined || address === undefined) {
        problems.push({ blobIndex, chunk: chunkIndex, detail: 'the blob has no such chunk' });
        continue;
      }
      if (flags[chunkIndex] === 0 && address !== blockAddress * 4096) {
        const detail = `block address ${blockAddress} does not fit its place ${address}`;
        problems.push({ blobIndex, chunk: chunkIndex, detail });
      }
      flags[chunkIndex] = 1;
    }
  }
  return used;
}

/** Every regular file once, however many names it has. */
export function* regularNids({ tree, bootstrap }: ConvertedImage): Generator<number, void> {
  const seen = new Set<number>();
  const todo = [tree.root];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    for (const { nid } of bootstrap.directory(bootstrap.inode(next))) {
      const { kind, nlink } = bootstrap.inode(nid);
      if (kind === EntryKind.directory) todo.push(nid);
      if (kind !== EntryKind.regular || seen.has(nid)) continue;
      if (nlink > 1) seen.add(nid);
      yield nid;
    }
  }
}

function* windowsOfUsed(
  used: readonly Uint8Array[],
  blobs: readonly BlobDescription[],
): Generator<ReadWindow, void> {
  for (const [blobIndex, flags] of used.entries()) {
    const blob = blobs[blobIndex];
    if (blob === undefined) continue;
    let builder: WindowBuilder | undefined;
    for (const chunk of storedOrder(blob, flags)) {
      if (builder?.add(chunk) === true) continue;
      if (builder !== undefined) yield builder.build();
      builder = new WindowBuilder(blobIndex, blob, READ_GAP_BYTES_MAX);
      builder.add(chunk);
    }
    if (builder !== undefined) yield builder.build();
  }
}

/** Numbers of the flagged chunks by their place in the stored blob. */
function storedOrder({ chunks }: BlobDescription, flags: Uint8Array): Uint32Array {
  let count = 0;
  for (const flag of flags) count += flag;
  const order = new Uint32Array(count);
  let at = 0;
  for (const [chunk, flag] of flags.entries()) if (flag === 1) order[at++] = chunk;
  const offsetOf = (chunk: number) => chunks.storedOffset[chunk] ?? 0;
  return order.sort((a, b) => offsetOf(a) - offsetOf(b) || a - b);
}
