/**
 * What a host has promised to send. The queue is short: above its horizon a request is refused at
 * once, and its peer asks somebody else, which is all the flow control there is. The horizon is so
 * many bytes, and on a slow link so much time, or those who were accepted wait for seconds; the link is
 * measured while it has something to send. Whoever was promised a block of a piece is promised its other
 * blocks too: a thousand peers with one block each have nothing that they could pass on.
 */
import { PRIORITIES, type Priority } from '@shoal/blob-store';
import type { PeerId } from '../identity/peer-id.ts';
import { PIECE_BYTES } from '../limits.ts';

export type UploadSlotsOptions = {
  /** @default four pieces */
  readonly bytesMax?: number;
  /** Of one wire. @default four pieces */
  readonly wireBytesMax?: number;
  /** What the link is expected to send in so long is accepted. */
  readonly horizonMs?: number;
};

export type Upload = {
  readonly peer: PeerId;
  /** Number of the piece that the block is of. */
  readonly piece: number;
  readonly bytes: number;
  readonly priority: Priority;
};

/** Demand may fill the whole queue, others less: a reader that comes late is not refused for them. */
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
  readonly #queues: Readonly<Record<Priority, Upload[]>> = {
    demand: [],
    preheat: [],
    prefetch: [],
    background: [],
  };
  readonly #wireBytes = new Map<PeerId, number>();
  /** Bytes promised of one piece to one peer. */
  readonly #pieceBytes = new Map<string, number>();
  #bytes = 0;
  #bytesPerMs: number | undefined;
  /** Since when it has been sending without a pause, or since the last measurement. */
  #sendingSinceMs = 0;
  #sentBytes = 0;

  constructor(options: UploadSlotsOptions = {}) {
    this.#bytesMax = options.bytesMax ?? 4 * PIECE_BYTES;
    this.#wireBytesMax = options.wireBytesMax ?? 4 * PIECE_BYTES;
    this.#horizonMs = options.horizonMs ?? 200;
  }

  /** Promised and not sent yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Measured while it sends; unknown before. */
  get bytesPerMs(): number | undefined {
    return this.#bytesPerMs;
  }

  /** Whether one more is accepted. An idle host refuses nothing. */
  hasRoom(upload: Upload): boolean {
    const { peer, bytes, priority } = upload;
    if (this.#bytes === 0) return true;
    const onWire = (this.#wireBytes.get(peer) ?? 0) + bytes;
    if (onWire > this.#wireBytesMax) return false;
    if (this.#pieceBytes.has(keyOf(upload))) return true;
    return this.#bytes + bytes <= this.#horizonBytes() * SHARE[priority];
  }

  /** It is promised: `next` gives it some time, unless it is cancelled. */
  admit(upload: Upload, nowMs: number): void {
    if (this.#bytes === 0) this.#measureFrom(nowMs);
    this.#queues[upload.priority].push(upload);
    this.#count(upload, 1);
  }

  /** Demand first; of one kind the oldest. It stays promised until it is `sent`. */
  next(): Upload | undefined {
    for (const priority of PRIORITIES) {
      const upload = this.#queues[priority].shift();
      if (upload !== undefined) return upload;
    }
    return undefined;
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

  /** It has left the queue, and nobody wants it any more. */
  dropped(upload: Upload): void {
    this.#count(upload, -1);
  }

  /** False when it has left the queue already. */
  cancel(upload: Upload): boolean {
    const queue = this.#queues[upload.priority];
    const index = queue.indexOf(upload);
    if (index === -1) return false;
    queue.splice(index, 1);
    this.#count(upload, -1);
    return true;
  }

  #measureFrom(nowMs: number): void {
    this.#sendingSinceMs = nowMs;
    this.#sentBytes = 0;
  }

  #horizonBytes(): number {
    const rate = this.#bytesPerMs ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#bytesMax, rate * this.#horizonMs);
  }

  #count(upload: Upload, sign: 1 | -1): void {
    const bytes = sign * upload.bytes;
    this.#bytes += bytes;
    addTo(this.#wireBytes, upload.peer, bytes);
    addTo(this.#pieceBytes, keyOf(upload), bytes);
  }
}

function keyOf({ peer, piece }: Upload): string {
  return `${peer} ${piece}`;
}

function addTo<Key>(sums: Map<Key, number>, key: Key, bytes: number): void {
  const sum = (sums.get(key) ?? 0) + bytes;
  if (sum > 0) sums.set(key, sum);
  else sums.delete(key);
}
