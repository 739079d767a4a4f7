/** How the other side of a wire hears what is held here: ranges to our hosts, pieces to standard clients. */
import { type ByteRange, rangeBytes } from '../../ranges/byte-range.ts';
import { RangeSet } from '../../ranges/range-set.ts';
import { encodeHaveRanges } from '../extension/have-ranges.ts';
import { SHOAL_EXTENSION } from '../extension/message-type.ts';
import { HAVE_RANGES_MAX } from '../limits.ts';
import { bitfieldBytes } from '../messages/message-sizes.ts';
import type { PeerWire } from '../messages/peer-wire.ts';
import type { PieceLayout } from './piece-layout.ts';

export interface HeldTeller {
  tell(ranges: Iterable<ByteRange>): void;
}

export class RangeTeller implements HeldTeller {
  readonly #peer: PeerWire;

  constructor(peer: PeerWire) {
    this.#peer = peer;
  }

  tell(ranges: Iterable<ByteRange>): void {
    const sorted = [...RangeSet.from(ranges)];
    for (let at = 0; at < sorted.length; at += HAVE_RANGES_MAX) {
      const message = encodeHaveRanges(sorted.slice(at, at + HAVE_RANGES_MAX));
      this.#peer.sendExtension(SHOAL_EXTENSION, message);
    }
  }
}

/** The first call is the message that BEP 6 wants first of all. */
export class PieceTeller implements HeldTeller {
  readonly #peer: PeerWire;
  readonly #layout: PieceLayout;
  readonly #held = new RangeSet();
  readonly #told: Buffer;
  #isBegun = false;

  constructor(peer: PeerWire, layout: PieceLayout) {
    this.#peer = peer;
    this.#layout = layout;
    this.#told = Buffer.alloc(bitfieldBytes(layout.pieceCount));
  }

  tell(ranges: Iterable<ByteRange>): void {
    const pieces: number[] = [];
    for (const range of ranges) {
      this.#held.add(range);
      this.#collect(range, pieces);
    }
    if (this.#isBegun) for (const piece of pieces) this.#peer.have(piece);
    else this.#begin(pieces.length);
    this.#isBegun = true;
  }

  /** Pieces that have become whole by this range. */
  #collect({ start, end }: ByteRange, pieces: number[]): void {
    const { pieceBytes } = this.#layout;
    for (let piece = Math.floor(start / pieceBytes); piece * pieceBytes < end; piece++) {
      const at = piece >>> 3;
      const bit = 0x80 >>> (piece & 7);
      const bits = this.#told[at] ?? 0;
      if ((bits & bit) !== 0 || !this.#held.covers(this.#layout.pieceRange(piece))) continue;
      this.#told[at] = bits | bit;
      pieces.push(piece);
    }
  }

  #begin(pieceCount: number): void {
    const { hasFast } = this.#peer;
    if (hasFast && pieceCount === this.#layout.pieceCount) this.#peer.haveAll();
    else if (pieceCount > 0) this.#peer.bitfield(this.#told);
    else if (hasFast) this.#peer.haveNone();
  }
}

/** Remembers what the other side holds, as far as it fits. */
export function addHeld(held: RangeSet, ranges: readonly ByteRange[]): void {
  for (const range of ranges) {
    try {
      held.add(range);
    } catch {
      // In more parts than one peer may cost in memory: it is asked for the others.
      if (rangeBytes(range) > 0) return;
    }
  }
}
