/**
 * SHA-256 of the pieces of a blob, as homes have told them: what a blob without chunk digests is
 * verified by before all of it is there. 2 KiB for each segment of which one is known.
 */
import { PIECE_BYTES } from '../limits.ts';
import { SEGMENT_PIECES } from './segments.ts';

/** Of SHA-256. */
export const HASH_BYTES = 32;

/** The hashes of one segment, as records keep them. */
export type SegmentHashes = {
  /** Bit n is set when the hash of its piece n is known. */
  readonly known: bigint;
  /** HASH_BYTES for each piece of the segment; zeros where none is known. */
  readonly hashes: Uint8Array;
};

export class PieceHashes {
  /** Pieces of the blob. */
  readonly count: number;
  readonly #segments = new Map<number, { known: bigint; readonly hashes: Buffer }>();

  constructor(sizeBytes: number) {
    this.count = Math.ceil(sizeBytes / PIECE_BYTES);
  }

  /** Undefined when nobody has told it. */
  get(piece: number): Buffer | undefined {
    const { segment, bit, at } = placeOf(piece);
    const known = this.#segments.get(segment);
    if (known === undefined || (known.known & bit) === 0n) return undefined;
    return Buffer.from(known.hashes.subarray(at, at + HASH_BYTES));
  }

  /** 'other': another one was told before, and stays. 'none': not a hash of a piece of this blob. */
  set(piece: number, hash: Uint8Array): 'new' | 'same' | 'other' | 'none' {
    if (!Number.isInteger(piece) || piece < 0 || piece >= this.count) return 'none';
    if (hash.length !== HASH_BYTES) return 'none';
    const before = this.get(piece);
    if (before !== undefined) return before.equals(hash) ? 'same' : 'other';
    const { segment, bit, at } = placeOf(piece);
    const known = this.#segments.get(segment) ?? emptySegment();
    this.#segments.set(segment, known);
    known.known |= bit;
    known.hashes.set(hash, at);
    return 'new';
  }

  segment(segment: number): SegmentHashes {
    return this.#segments.get(segment) ?? emptySegment();
  }

  /** From a record. */
  load(segment: number, { known, hashes }: SegmentHashes): void {
    if (known !== 0n) this.#segments.set(segment, { known, hashes: Buffer.from(hashes) });
  }
}

function placeOf(piece: number): { segment: number; bit: bigint; at: number } {
  const index = piece % SEGMENT_PIECES;
  const segment = (piece - index) / SEGMENT_PIECES;
  return { segment, bit: 1n << BigInt(index), at: index * HASH_BYTES };
}

function emptySegment(): { known: bigint; readonly hashes: Buffer } {
  return { known: 0n, hashes: Buffer.alloc(SEGMENT_PIECES * HASH_BYTES) };
}
