/**
 * What a host has promised to send, which is little: above its horizon a request is refused at once, and
 * its peer asks somebody else, which is all the flow control there is. The horizon is so many bytes, and
 * on a slow link so much time, or those who were accepted wait for seconds; the link is measured while it
 * has something to send. Whoever was promised a block of a piece is promised its other blocks too: a
 * thousand peers with one block each have nothing that they could pass on. Alone a peer may have all of
 * it; while somebody who has none of it was refused lately, each begins no more than its share.
 */
import type { Priority } from '@shoal/blob-store';
import type { PeerId } from '../identity/peer-id.ts';
import { PIECE_BYTES } from '../limits.ts';
import {
  UPLOAD_ASKED_AGAIN_MS,
  UPLOAD_BYTES_MAX,
  UPLOAD_BYTES_PER_WIRE_MAX,
  UPLOAD_HORIZON_MS,
} from './limits.ts';

export type UploadSlotsOptions = {
  /** @default UPLOAD_BYTES_MAX */
  readonly bytesMax?: number;
  /** Of one peer, when nobody else is short of anything. @default UPLOAD_BYTES_PER_WIRE_MAX */
  readonly wireBytesMax?: number;
  /** What the link is expected to send in so long is accepted. @default UPLOAD_HORIZON_MS */
  readonly horizonMs?: number;
};

export type Upload = {
  readonly peer: PeerId;
  /** Number of the piece that the block is of. */
  readonly piece: number;
  readonly bytes: number;
  readonly priority: Priority;
};

/** Demand may fill all of the horizon, others less: a reader that comes late is not refused for them. */
const SHARE: Readonly<Record<Priority, number>> = {
  ...{ demand: 1, preheat: 0.9, prefetch: 0.75, background: 0.5 },
};
/** Newest measurement against all before. */
const RATE_WEIGHT = 0.25;
/** What leaves in less says nothing of the link: a socket takes a few blocks at once. */
const RATE_PERIOD_MS = 20;

export class UploadSlots {
  readonly #bytesMax: number;
  readonly #wireBytesMax: number;
  readonly #horizonMs: number;
  readonly #wireBytes = new Map<PeerId, number>();
  /** Bytes promised of one piece to one peer. */
  readonly #pieceBytes = new Map<string, number>();
  /** Pieces of which something is promised to a peer. */
  readonly #pieces = new Map<PeerId, number>();
  /** Peers that have nothing promised, and when they were refused; the oldest first. */
  readonly #refusedAtMs = new Map<PeerId, number>();
  #bytes = 0;
  /** Measured while it sends; unknown before. */
  #bytesPerMs: number | undefined;
  /** Since when it has been sending without a pause, or since the last measurement. */
  #sendingSinceMs = 0;
  #sentBytes = 0;

  constructor(options: UploadSlotsOptions = {}) {
    this.#bytesMax = options.bytesMax ?? UPLOAD_BYTES_MAX;
    this.#wireBytesMax = options.wireBytesMax ?? UPLOAD_BYTES_PER_WIRE_MAX;
    this.#horizonMs = options.horizonMs ?? UPLOAD_HORIZON_MS;
  }

  /** Promised and not sent yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether one more is accepted. An idle host refuses nothing. */
  hasRoom(upload: Upload, nowMs: number): boolean {
    const { peer, bytes, priority } = upload;
    if (this.#bytes === 0) return true;
    const onWire = (this.#wireBytes.get(peer) ?? 0) + bytes;
    if (onWire > this.#wireBytesMax) return false;
    const isBegun = this.#pieceBytes.has(keyOf(upload));
    const pieces = (this.#pieces.get(peer) ?? 0) + (isBegun ? 0 : 1);
    if (this.#isShort(nowMs)) {
      // What is asked for twice is no part of a piece.
      if (onWire > pieces * PIECE_BYTES) return false;
      if (!isBegun && pieces * PIECE_BYTES > this.#shareBytes()) return false;
    }
    return isBegun || this.#bytes + bytes <= this.#horizonBytes() * SHARE[priority];
  }

  /** It was told so; what it has been promised already comes all the same. */
  refused({ peer }: Upload, nowMs: number): void {
    if (this.#wireBytes.has(peer)) return;
    this.#refusedAtMs.delete(peer);
    this.#refusedAtMs.set(peer, nowMs);
  }

  /** It is promised, until it is `sent` or `dropped`; in which order is up to who sends. */
  admit(upload: Upload, nowMs: number): void {
    if (this.#bytes === 0) this.#measureFrom(nowMs);
    this.#refusedAtMs.delete(upload.peer);
    this.#count(upload, 1);
  }

  /** It has left. */
  sent(upload: Upload, nowMs: number): void {
    this.#count(upload, -1);
    this.#sentBytes += upload.bytes;
    const tookMs = nowMs - this.#sendingSinceMs;
    if (tookMs < RATE_PERIOD_MS) return;
    const rate = this.#sentBytes / tookMs;
    const before = this.#bytesPerMs ?? rate;
    this.#bytesPerMs = before + (rate - before) * RATE_WEIGHT;
    this.#measureFrom(nowMs);
  }

  /** It does not go out: nobody wants it any more, or it could not be read. */
  dropped(upload: Upload): void {
    this.#count(upload, -1);
  }

  #measureFrom(nowMs: number): void {
    this.#sendingSinceMs = nowMs;
    this.#sentBytes = 0;
  }

  /** Somebody wants something, and has nothing. */
  #isShort(nowMs: number): boolean {
    for (const [peer, atMs] of this.#refusedAtMs) {
      if (nowMs - atMs < UPLOAD_ASKED_AGAIN_MS) return true;
      this.#refusedAtMs.delete(peer);
    }
    return false;
  }

  /** Of the horizon, for each that has or wants something; never less than a piece. */
  #shareBytes(): number {
    const peers = this.#wireBytes.size + this.#refusedAtMs.size;
    return Math.max(this.#horizonBytes() / peers, PIECE_BYTES);
  }

  #horizonBytes(): number {
    const rate = this.#bytesPerMs ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#bytesMax, rate * this.#horizonMs);
  }

  #count(upload: Upload, sign: 1 | -1): void {
    const bytes = sign * upload.bytes;
    this.#bytes += bytes;
    addTo(this.#wireBytes, upload.peer, bytes);
    const key = keyOf(upload);
    const wasBegun = this.#pieceBytes.has(key);
    addTo(this.#pieceBytes, key, bytes);
    const isBegun = this.#pieceBytes.has(key);
    if (isBegun !== wasBegun) addTo(this.#pieces, upload.peer, sign);
  }
}

function keyOf({ peer, piece }: Upload): string {
  return `${peer} ${piece}`;
}

function addTo<Key>(sums: Map<Key, number>, key: Key, amount: number): void {
  const sum = (sums.get(key) ?? 0) + amount;
  if (sum > 0) sums.set(key, sum);
  else sums.delete(key);
}
