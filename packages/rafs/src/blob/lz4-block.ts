/**
 * Decoder of one raw LZ4 block, for chunk-info arrays that Nydus compressed with lz4_block: small,
 * rare, and needed where no native binding should be. Chunk data goes through the codec pool.
 */
import { RafsCorruptError } from '../errors.ts';

const LENGTH_MASK = 15;
const MATCH_MIN = 4;
const WHERE = 'lz4 block';

/** Exactly `size` bytes, or ERR_RAFS_CORRUPT. */
export function decodeLz4Block(block: Buffer, size: number): Buffer {
  const out = Buffer.alloc(size);
  let from = 0;
  let to = 0;
  const readLength = (nibble: number): number => {
    let length = nibble;
    if (nibble !== LENGTH_MASK) return length;
    for (;;) {
      const byte = block[from++];
      if (byte === undefined) throw new RafsCorruptError(WHERE, 'it ends inside a length');
      length += byte;
      if (byte !== 255) return length;
    }
  };
  while (from < block.length) {
    const token = block[from++] ?? 0;
    const literals = readLength(token >>> 4);
    if (from + literals > block.length || to + literals > size) {
      throw new RafsCorruptError(WHERE, 'its literals do not fit');
    }
    block.copy(out, to, from, from + literals);
    from += literals;
    to += literals;
    if (from === block.length) break;
    if (from + 2 > block.length) throw new RafsCorruptError(WHERE, 'it ends inside an offset');
    const distance = block.readUInt16LE(from);
    from += 2;
    to = copyMatch(out, to, distance, readLength(token & LENGTH_MASK) + MATCH_MIN);
  }
  if (to !== size) throw new RafsCorruptError(WHERE, `${to} bytes instead of ${size}`);
  return out;
}

/** Copies within the output, byte by byte where the match overlaps what it writes. */
function copyMatch(out: Buffer, to: number, distance: number, length: number): number {
  const start = to - distance;
  if (distance === 0 || start < 0 || to + length > out.length) {
    throw new RafsCorruptError(WHERE, 'a match does not fit');
  }
  if (distance >= length) out.copyWithin(to, start, start + length);
  else for (let index = 0; index < length; index++) out[to + index] = out[start + index] ?? 0;
  return to + length;
}
