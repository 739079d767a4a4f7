/** A block between our peers as the smaller ones that standard clients serve (BEP 3: 16 KiB). */

import type { BlockRequestOptions } from '../blob-wire.ts';
import { STANDARD_BLOCK_BYTES } from '../limits.ts';

/** Cut where standard clients cut; when one fails, the others are cancelled. */
export async function requestInBlocks(
  offset: number,
  length: number,
  { signal, priority }: BlockRequestOptions,
  request: (start: number, length: number, options: BlockRequestOptions) => Promise<Buffer>,
): Promise<Buffer> {
  const failed = new AbortController();
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const blocks: Promise<Buffer>[] = [];
  for (let start = offset; start < offset + length; ) {
    const end = Math.min(start + STANDARD_BLOCK_BYTES, offset + length);
    const cut = end - (end % STANDARD_BLOCK_BYTES);
    const blockEnd = cut > start ? cut : end;
    blocks.push(request(start, blockEnd - start, { signal: either, priority }));
    start = blockEnd;
  }
  try {
    return Buffer.concat(await Promise.all(blocks));
  } catch (error) {
    failed.abort(error);
    throw error;
  }
}
