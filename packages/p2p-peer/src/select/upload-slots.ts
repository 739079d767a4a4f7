/**
 * What a host has promised to send. The queue is short: above its horizon a request is refused at
 * once, and its peer asks somebody else, which is all the flow control there is. The horizon is so
 * many bytes, and on a slow link so much time, or those who were accepted wait for seconds.
 */
import type { Priority } from '@shoal/blob-store';
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
  readonly bytes: number;
  readonly priority: Priority;
};

/** Demand may fill the whole queue, others less: a reader that comes late is not refused for them. */
const SHARE: Readonly<Record<Priority, number>> = { demand: 1, prefetch: 0.75, background: 0.5 };
const ORDER: readonly Priority[] = ['demand', 'prefetch', 'background'];
/** Newest measurement against all before. */
const RATE_WEIGHT = 0.1;

export class UploadSlots {
  readonly #bytesMax: number;
  readonly #wireBytesMax: number;
  readonly #horizonMs: number;
  readonly #queues: Readonly<Record<Priority, Upload[]>> = {
    demand: [],
    prefetch: [],
    background: [],
  };
  readonly #wireBytes = new Map<PeerId, number>();
  #bytes = 0;
  #bytesPerMs: number | undefined;

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
  hasRoom(peer: PeerId, bytes: number, priority: Priority): boolean {
    if (this.#bytes === 0) return true;
    const onWire = (this.#wireBytes.get(peer) ?? 0) + bytes;
    return (
      onWire <= this.#wireBytesMax && this.#bytes + bytes <= this.#horizonBytes() * SHARE[priority]
    );
  }

  /** It is promised: `next` gives it some time, unless it is cancelled. */
  admit(upload: Upload): void {
    this.#queues[upload.priority].push(upload);
    this.#count(upload, 1);
  }

  /** Demand first; of one kind the oldest. It stays promised until it is `sent`. */
  next(): Upload | undefined {
    for (const priority of ORDER) {
      const upload = this.#queues[priority].shift();
      if (upload !== undefined) return upload;
    }
    return undefined;
  }

  /** On the wire, after so long of nothing else; 0 where that is unknown. */
  sent(upload: Upload, tookMs: number): void {
    this.#count(upload, -1);
    if (tookMs <= 0) return;
    const rate = upload.bytes / tookMs;
    const before = this.#bytesPerMs ?? rate;
    this.#bytesPerMs = before + (rate - before) * RATE_WEIGHT;
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

  #horizonBytes(): number {
    const rate = this.#bytesPerMs ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#bytesMax, rate * this.#horizonMs);
  }

  #count({ peer, bytes }: Upload, sign: 1 | -1): void {
    this.#bytes += sign * bytes;
    const onWire = (this.#wireBytes.get(peer) ?? 0) + sign * bytes;
    if (onWire > 0) this.#wireBytes.set(peer, onWire);
    else this.#wireBytes.delete(peer);
  }
}
