/** Whole streams in memory, bounded. */
import type { Readable } from 'node:stream';
import { ImageLimitError } from '../errors.ts';

/** All bytes of a stream; more than `bytesMax` are an error. `what` names it. */
export async function streamBytes(
  stream: Readable,
  bytesMax: number,
  what: string,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream) {
    if (!(piece instanceof Uint8Array)) throw new TypeError('a stream of bytes is needed');
    length += piece.length;
    if (length > bytesMax) {
      stream.destroy();
      throw new ImageLimitError(`${what} has more than ${bytesMax} bytes`);
    }
    pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
  }
  return Buffer.concat(pieces);
}
