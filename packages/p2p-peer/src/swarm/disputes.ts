/**
 * What the readers of a blob found wrong, and who sent it: those bytes come from the origin until they are
 * held, and who sent them is left out, for long once the origin has given right ones.
 */
import type { PeerId } from '../identity/peer-id.ts';
import type { PeerCounts } from '../peer-counts.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import type { Bans } from '../select/bans.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import { Accusations, blame, suspect } from './blame.ts';
import { JudgedRead } from './judged-read.ts';

export type DisputesInput = {
  readonly stored: StoredBlob;
  readonly bans: Bans;
  readonly counts: Pick<PeerCounts, 'wrong'>;
  /** By rank. */
  readonly homes: (range: ByteRange) => readonly PeerId[];
  readonly nowMs: () => number;
};

export class Disputes {
  readonly #input: DisputesInput;
  readonly #disputed = new RangeSet();
  readonly #accusations = new Accusations();

  constructor(input: DisputesInput) {
    this.#input = input;
  }

  /** It comes from the origin alone. */
  has(range: ByteRange): boolean {
    return this.#disputed.intersect(range).length > 0;
  }

  /** These are held. */
  end(ranges: readonly ByteRange[]): void {
    for (const range of ranges) this.#disputed.remove(range);
  }

  /** A read whose bytes its reader will judge. */
  openRead(range: ByteRange): JudgedRead {
    const isOfOrigin = this.has(range);
    return new JudgedRead({
      range,
      deposit: this.#input.stored.deposit(),
      onWrong: (wrong, senders) => this.#onWrong(wrong, senders),
      onRight: (right) => {
        if (isOfOrigin) this.#onRight(right);
      },
    });
  }

  /** A piece is not what its home has said. */
  blame(piece: ByteRange, senders: ReadonlySet<PeerId>): void {
    const { bans, counts, homes, nowMs } = this.#input;
    counts.wrong(senders.size > 0 ? 'host' : 'origin', rangeBytes(piece));
    blame(bans, senders, homes(piece), nowMs());
  }

  #onWrong(wrong: ByteRange, senders: ReadonlySet<PeerId>): void {
    const { bans, counts, nowMs } = this.#input;
    this.#disputed.add(wrong);
    counts.wrong(senders.size > 0 ? 'host' : 'origin', rangeBytes(wrong));
    suspect(bans, senders, nowMs());
    this.#accusations.add(wrong, senders);
  }

  #onRight(right: ByteRange): void {
    const { bans, homes, nowMs } = this.#input;
    for (const senders of this.#accusations.take(right)) {
      blame(bans, senders, homes(right), nowMs());
    }
  }
}
