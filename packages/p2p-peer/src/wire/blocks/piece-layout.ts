/** A blob cut into pieces: where the blocks of the wire lie in it, and the other way round. */
import type { ByteRange } from '../../ranges/byte-range.ts';
import { WireLimitError, WireProtocolError, WireRequestError } from '../errors.ts';
import { bitfieldBytes } from '../messages/message-sizes.ts';
import type { WireBlock } from '../wire-block.ts';

export type PlacedBlock = WireBlock & {
  /** In the blob. */
  readonly start: number;
};

export class PieceLayout {
  readonly blobBytes: number;
  readonly pieceBytes: number;
  readonly pieceCount: number;
  readonly #blockBytesMax: number;

  /** Throws a RangeError for sizes that no blob has. */
  constructor(blobBytes: number, pieceBytes: number, blockBytesMax: number) {
    this.blobBytes = blobBytes;
    this.pieceBytes = pieceBytes;
    this.pieceCount = Math.ceil(blobBytes / pieceBytes);
    this.#blockBytesMax = blockBytesMax;
    if (!Number.isSafeInteger(blobBytes) || blobBytes < 0 || this.pieceCount > 0xffff_ffff) {
      throw new RangeError(`no blob has ${blobBytes} bytes in pieces of ${pieceBytes}`);
    }
  }

  /** One of ours. Throws `ERR_P2P_WIRE_REQUEST`. */
  blockAt(start: number, length: number): PlacedBlock {
    const isInside = Number.isSafeInteger(start) && start >= 0 && start + length <= this.blobBytes;
    if (!isInside) throw new WireRequestError(start, length, 'it lies outside the blob');
    if (!Number.isInteger(length) || length < 1 || length > this.#blockBytesMax) {
      throw new WireRequestError(start, length, 'its length is none of a block');
    }
    const index = Math.floor(start / this.pieceBytes);
    const offset = start - index * this.pieceBytes;
    if (offset + length > this.pieceBytes) {
      throw new WireRequestError(start, length, 'it lies in two pieces');
    }
    return { index, offset, length, start };
  }

  /** One of the other side's. Throws `ERR_P2P_WIRE_PROTOCOL`, `ERR_P2P_WIRE_LIMIT`. */
  checkBlock({ index, offset, length }: WireBlock): PlacedBlock {
    if (length > this.#blockBytesMax) {
      throw new WireLimitError('the length of a request', length, this.#blockBytesMax);
    }
    const start = index * this.pieceBytes + offset;
    const isInside = offset + length <= this.pieceBytes && start + length <= this.blobBytes;
    if (length < 1 || !isInside) {
      throw new WireProtocolError(
        `it asks for ${length} bytes at ${offset} of piece ${index}, which lie outside the blob`,
      );
    }
    return { index, offset, length, start };
  }

  /** Throws `ERR_P2P_WIRE_PROTOCOL`. */
  pieceRange(index: number): ByteRange {
    if (index >= this.pieceCount) throw new WireProtocolError(`there is no piece ${index}`);
    const start = index * this.pieceBytes;
    return { start, end: Math.min(start + this.pieceBytes, this.blobBytes) };
  }

  /** Neighbouring pieces become one range. Throws `ERR_P2P_WIRE_PROTOCOL`. */
  rangesOfBitfield(bits: Buffer): ByteRange[] {
    if (bits.length !== bitfieldBytes(this.pieceCount)) {
      throw new WireProtocolError(`a bitfield has ${bits.length} bytes`);
    }
    const ranges: ByteRange[] = [];
    let from: number | undefined;
    for (let index = 0; index <= bits.length * 8; index++) {
      const isSet = ((bits[index >>> 3] ?? 0) & (0x80 >>> (index & 7))) !== 0;
      if (isSet && index >= this.pieceCount) {
        throw new WireProtocolError('a bitfield has pieces behind the end of the blob');
      }
      if (isSet) from ??= index;
      else if (from !== undefined) {
        const end = this.pieceRange(index - 1).end;
        ranges.push({ start: from * this.pieceBytes, end });
        from = undefined;
      }
    }
    return ranges;
  }
}
