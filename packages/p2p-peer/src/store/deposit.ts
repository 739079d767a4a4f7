/**
 * What one reader has written of a blob and nobody has judged yet. A verdict of that reader reaches only
 * the bytes of this deposit, so that what another one wrote at the same place is never taken for it.
 */
import type { Verdict } from '@shoal/blob-store';
import { RANGES_MAX } from '../limits.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import type { BlobEntry } from './blob-entry.ts';
import { sizeOf } from './scattered-bytes.ts';

export class Deposit {
  readonly #entry: BlobEntry;
  readonly #onUse: (deposit: Deposit) => void;
  #written = new RangeSet();
  #epoch: number;
  #isClosed = false;

  /** `onUse` hears of each write. */
  constructor(entry: BlobEntry, onUse: (deposit: Deposit) => void = () => {}) {
    this.#entry = entry;
    this.#epoch = entry.state.epoch;
    this.#onUse = onUse;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Keeps bytes that nobody has judged, be they in several buffers. They must neither change nor move to a
   * thread before it resolves: false when some were not kept, because the disk is full or somebody else's
   * bytes lie there. Never rejects.
   */
  async write(offset: number, ...buffers: readonly Uint8Array[]): Promise<boolean> {
    this.#onUse(this);
    const range = { start: offset, end: offset + sizeOf(buffers) };
    if (this.#isClosed || !this.#entry.isInside(range)) {
      return this.#entry.refuse(rangeBytes(range));
    }
    const taken = await this.#entry.write(range, buffers);
    this.#keep(taken);
    const isKept = this.#entry.state.held.missing(range).every((gap) => this.#written.covers(gap));
    return isKept || this.#entry.refuse(rangeBytes(range));
  }

  /** All of it was written here, lies in the file, and has no verdict yet. */
  covers(range: ByteRange): boolean {
    this.#forgetStale();
    return this.#written.covers(range);
  }

  /** Of what was written here; returns the bytes that are held now, or given up. */
  settle(offset: number, length: number, verdict: Verdict): number {
    const range = { start: offset, end: offset + length };
    if (!this.#entry.isInside(range)) return 0;
    this.#forgetStale();
    const own = this.#written.intersect(range);
    if (own.length === 0) return 0;
    this.#take(range);
    return own.reduce((sum, part) => sum + this.#entry.judge(part, verdict), 0);
  }

  /** Somebody else has judged these bytes. */
  forget(range: ByteRange): void {
    this.#forgetStale();
    if (this.#written.intersect(range).length > 0) this.#take(range);
  }

  /** What was not judged is given up. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#giveUp();
    this.#entry.deposits.delete(this);
    this.#onUse(this);
  }

  #keep(taken: readonly ByteRange[]): void {
    this.#forgetStale();
    const hasRoom = !this.#isClosed && this.#written.count + taken.length <= RANGES_MAX;
    for (const part of taken) {
      if (hasRoom) this.#written.add(part);
      else this.#entry.state.release(part);
    }
  }

  #take(range: ByteRange): void {
    if (this.#written.count < RANGES_MAX) this.#written.remove(range);
    else this.#giveUp();
  }

  #giveUp(): void {
    this.#forgetStale();
    for (const part of this.#written) this.#entry.state.release(part);
    this.#written = new RangeSet();
  }

  /** All that was written and not judged was given up behind our back. */
  #forgetStale(): void {
    if (this.#epoch === this.#entry.state.epoch) return;
    this.#epoch = this.#entry.state.epoch;
    this.#written = new RangeSet();
  }
}
