/** One block of a range that is being read: who was asked for it, and what follows when. */
import type { PeerId } from '../identity/peer-id.ts';
import { BLOCK_BYTES_MAX, EXTENT_BYTES, PIECE_BYTES } from '../limits.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import type { AskReason } from './read-action.ts';

export type Ask = {
  readonly peer: PeerId;
  readonly reason: AskReason;
  readonly askedAtMs: number;
  /** When it is given up, though the peer lives. */
  readonly lateAtMs: number;
};

export type BlockState =
  /** The window has not reached it. */
  | { readonly kind: 'new' }
  /** Nobody could be asked; tried again then, or when somebody has it. */
  | { readonly kind: 'waiting'; readonly untilMs: number }
  /** One or two peers, never twice the same; `hedgeAtMs` is infinite after a hedge. */
  | { readonly kind: 'asked'; readonly asks: readonly Ask[]; readonly hedgeAtMs: number }
  | { readonly kind: 'origin' }
  | { readonly kind: 'done' }
  /** The origin has no answer, nor has anybody else. */
  | { readonly kind: 'failed' };

export class Block {
  readonly range: ByteRange;
  state: BlockState = { kind: 'new' };
  /** The home whose turn it is, and since when: patience with it ends. */
  home: { readonly peer: PeerId; readonly sinceMs: number } | undefined;
  /** Homes whose turn is over without an answer. */
  homesPassed = 0;
  hasOriginFailed = false;
  /** When others were first waited for after that. */
  originFailedAtMs: number | undefined;
  wasHedged = false;
  #parts: RangeSet | undefined;

  constructor(range: ByteRange) {
    this.range = range;
  }

  /** Whether all of it is here, now that these bytes are. */
  isCompleteWith(range: ByteRange): boolean {
    const { start, end } = this.range;
    if (range.start <= start && range.end >= end) return true;
    this.#parts ??= new RangeSet();
    this.#parts.add({ start: Math.max(start, range.start), end: Math.min(end, range.end) });
    return this.#parts.covers(this.range);
  }

  /** Those who have been asked and have not answered. */
  get asks(): readonly Ask[] {
    return this.state.kind === 'asked' ? this.state.asks : [];
  }

  /** Part of what the window allows at a time. */
  get isOpen(): boolean {
    return this.state.kind === 'asked' || this.state.kind === 'waiting';
  }

  get isSettled(): boolean {
    return this.state.kind === 'done' || this.state.kind === 'failed';
  }
}

/** A front of its own, if any, then the rest. */
export function splitFront({ start, end }: ByteRange, frontBytes: number): ByteRange[] {
  const at = start + frontBytes;
  return start < at && at < end
    ? [
        { start, end: at },
        { start: at, end },
      ]
    : [{ start, end }];
}

/** Blocks of one piece each: multiples of `blockBytes` of the blob but for both ends. */
export function splitRange({ start, end }: ByteRange, blockBytes = BLOCK_BYTES_MAX): ByteRange[] {
  const blocks: ByteRange[] = [];
  for (let at = start; at < end; ) {
    const piece = Math.floor(at / PIECE_BYTES) * PIECE_BYTES;
    const block = piece + (Math.floor((at - piece) / blockBytes) + 1) * blockBytes;
    const next = Math.min(end, block, piece + PIECE_BYTES);
    blocks.push({ start: at, end: next });
    at = next;
  }
  return blocks;
}

/** Blocks that follow each other become one read of the origin; each extent has reads of its own. */
export function mergeRanges(ranges: readonly ByteRange[]): ByteRange[] {
  const merged: ByteRange[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    const isNext = last?.end === range.start && range.start % EXTENT_BYTES !== 0;
    if (last !== undefined && isNext) merged[merged.length - 1] = { ...last, end: range.end };
    else merged.push(range);
  }
  return merged;
}
