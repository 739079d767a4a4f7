/** Whole streams in memory, bounded. */
import type { Readable } from 'node:stream';
import { ImageLimitError } from '../errors.ts';

/** All bytes of a stream that is announced as `sizeBytes` long; longer ones are an error. */
export async function streamBytes(stream: Readable, sizeBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream) {
    if (!(piece instanceof Uint8Array)) throw new TypeError('a stream of bytes is needed');
    length += piece.length;
    if (length > sizeBytes) {
      stream.destroy();
      throw new ImageLimitError(`a document is longer than the ${sizeBytes} bytes it announces`);
    }
    pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
  }
  return Buffer.concat(pieces);
}
