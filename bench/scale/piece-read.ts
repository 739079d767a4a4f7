/** The read of one piece by one host, for itself or as a home for others: single flight. */
import type { ByteRange, PeerId } from '@shoal/p2p-peer';
import {
  BLOCK_BYTES_MAX,
  PIECE_BYTES,
  type RangeRead,
  type ReadCredit,
} from '@shoal/p2p-peer/select';
import type { SimHost } from './sim-host.ts';
import type { SimAsk } from './sim-wire.ts';

export class PieceRead {
  readonly piece: number;
  /** Begun for others, as their home. */
  readonly isHome: boolean;
  readonly range: ByteRange;
  /** Its own programs wait for it. */
  isWanted = false;
  wantedAtMs = 0;
  read: RangeRead | undefined;
  wakeAtMs = Number.POSITIVE_INFINITY;
  readonly asks: SimAsk[] = [];
  readonly credit: ReadCredit;
  /** Who sent so many bytes that count. */
  readonly sent = new Map<PeerId, number>();
  /** Requests of others that wait for blocks, and blocks that may be served: they came from the origin. */
  readonly waiters: SimAsk[] = [];
  readonly served: boolean[] = [];
  readonly arrived: boolean[] = [];
  /** Blocks that somebody sent wrong, with who. */
  readonly wrong = new Map<number, SimHost>();

  constructor(piece: number, isHome: boolean, credit: ReadCredit) {
    this.credit = credit;
    this.piece = piece;
    this.isHome = isHome;
    this.range = { start: piece * PIECE_BYTES, end: (piece + 1) * PIECE_BYTES };
  }

  blockOf({ start }: ByteRange): number {
    return (start - this.range.start) / BLOCK_BYTES_MAX;
  }

  rangeOfBlock(block: number): ByteRange {
    const start = this.range.start + block * BLOCK_BYTES_MAX;
    return { start, end: start + BLOCK_BYTES_MAX };
  }

  waitersOf(block: number): number {
    return this.waiters.filter(({ range }) => this.blockOf(range) === block).length;
  }

  /** Where a read starts again after wrong blocks: from the first of them to the last. */
  get wrongRange(): ByteRange {
    const blocks = [...this.wrong.keys()];
    const first = this.rangeOfBlock(Math.min(...blocks));
    return { start: first.start, end: this.rangeOfBlock(Math.max(...blocks)).end };
  }
}
