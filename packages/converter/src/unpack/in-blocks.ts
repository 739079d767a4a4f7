/** Joins small pieces into large ones: each step of a stream costs more than copying it. */

const BLOCK_BYTES = 512 * 1024;

/** The same bytes in pieces of half a MiB, the last one shorter. Each piece is a buffer of its own. */
export async function* inBlocks(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let fill = 0;
  for await (const piece of pieces) {
    let at = 0;
    while (at < piece.length) {
      const copied = piece.copy(block, fill, at);
      at += copied;
      fill += copied;
      if (fill < BLOCK_BYTES) continue;
      yield block;
      block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      fill = 0;
    }
  }
  if (fill > 0) yield block.subarray(0, fill);
}
