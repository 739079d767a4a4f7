/**
 * What the readers of a blob found wrong, and who sent it: until they are held those bytes come from their
 * home, which reads them once for all, and from the origin where that was wrong too. Who sent them is
 * left out, for long once right ones have come.
 */
import type { PeerId } from '../identity/peer-id.ts';
import type { PeerCounts } from '../peer-counts.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import type { Bans } from '../select/bans.ts';
import type { PeerCredits } from '../select/credits.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import { Accusations, blame, suspect } from './blame.ts';
import { JudgedRead } from './judged-read.ts';
import type { FetchMode } from './swarm-fetches.ts';

export type DisputesInput = {
  readonly stored: StoredBlob;
  readonly bans: Bans;
  readonly credits: PeerCredits;
  readonly counts: Pick<PeerCounts, 'wrong'>;
  /** By rank. */
  readonly homes: (range: ByteRange) => readonly PeerId[];
  readonly nowMs: () => number;
};

export class Disputes {
  readonly #input: DisputesInput;
  readonly #disputed = new RangeSet();
  /** Of those, what was wrong although homes alone had sent it, or the origin. */
  readonly #ofOrigin = new RangeSet();
  readonly #accusations = new Accusations();

  constructor(input: DisputesInput) {
    this.#input = input;
  }

  /** Who may be asked for it. */
  mode(range: ByteRange): FetchMode {
    if (this.#ofOrigin.intersect(range).length > 0) return 'origin-only';
    return this.#disputed.intersect(range).length > 0 ? 'believing' : 'verifying';
  }

  /** These are held. */
  end(ranges: readonly ByteRange[]): void {
    for (const range of ranges) {
      this.#disputed.remove(range);
      this.#ofOrigin.remove(range);
    }
  }

  /** A read whose bytes its reader will judge. */
  openRead(range: ByteRange): JudgedRead {
    const mode = this.mode(range);
    return new JudgedRead({
      range,
      deposit: this.#input.stored.deposit(),
      credit: this.#input.credits.openRead(),
      onWrong: (wrong, senders) => this.#onWrong(wrong, senders, mode),
      onRight: (right) => this.#onRight(right),
    });
  }

  /** A piece is not what its home has said. */
  blame(piece: ByteRange, senders: ReadonlySet<PeerId>): void {
    const { counts, homes, nowMs } = this.#input;
    counts.wrong(senders.size > 0 ? 'host' : 'origin', rangeBytes(piece));
    blame(this.#input, senders, homes(piece), nowMs());
  }

  #onWrong(wrong: ByteRange, senders: ReadonlySet<PeerId>, mode: FetchMode): void {
    const { counts, homes: homesOf, nowMs } = this.#input;
    const homes = homesOf(wrong);
    const isOfOthers = [...senders].some((peer) => !homes.includes(peer));
    this.#disputed.add(wrong);
    if (mode !== 'verifying' || !isOfOthers) this.#ofOrigin.add(wrong);
    counts.wrong(senders.size > 0 ? 'host' : 'origin', rangeBytes(wrong));
    // Where a home has sent wrong bytes after others it may be the digest that is wrong.
    if (mode === 'verifying') suspect(this.#input, senders, homes, nowMs());
    this.#accusations.add(wrong, senders);
  }

  #onRight(right: ByteRange): void {
    const { homes, nowMs } = this.#input;
    for (const senders of this.#accusations.take(right)) {
      blame(this.#input, senders, homes(right), nowMs());
    }
  }
}
