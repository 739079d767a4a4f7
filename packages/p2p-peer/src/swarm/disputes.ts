/**
 * What the readers of a blob found wrong, and who sent it: until they are held those bytes come from their
 * home, which reads them once for all, and from the origin where that was wrong too. Who sent them is
 * left out of this blob; for long, and of all blobs, when right ones have come and are others.
 */
import type { PeerId } from '../identity/peer-id.ts';
import type { PeerCounts } from '../peer-counts.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import type { Bans } from '../select/bans.ts';
import type { PeerCredits } from '../select/credits.ts';
import { UNPROVEN_BYTES_MAX } from '../select/limits.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import { type Accusation, Accusations, compare } from './accusations.ts';
import { doubt, type Judges, suspect, suspectCredit } from './blame.ts';
import { type Evidence, JudgedRead } from './judged-read.ts';
import type { SentParts } from './senders.ts';
import type { FetchMode } from './swarm-fetches.ts';
import { accuse, type SentPiece } from './wrong-piece.ts';

export type DisputesInput = {
  readonly stored: StoredBlob;
  readonly bans: Bans;
  /** Who may have lied, of this blob alone. */
  readonly suspects: Bans;
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
  /** Wrong bytes that are being hashed, and lie in the store until then. */
  readonly #looking = new Set<{
    readonly range: ByteRange;
    readonly evidence: Promise<Evidence>;
  }>();

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
      this.#decideHeld(range);
    }
  }

  /** A read whose bytes its reader will judge. */
  openRead(range: ByteRange): JudgedRead {
    const { stored, credits } = this.#input;
    const mode = this.mode(range);
    return new JudgedRead({
      range,
      deposit: stored.deposit(),
      credit: credits.openRead(),
      hash: (part) => stored.hashUnsettled(part),
      whenFree: (wanted) => this.#whenFree(wanted),
      onWrong: (wrong, sent, evidence) => this.#onWrong(wrong, sent, { mode, evidence }),
      onRight: (right) => this.#onRight(right),
    });
  }

  /** A piece is not what its home has said; what it returns hears of the right one, unless none can be had. */
  wrongPiece(piece: SentPiece): (right: Buffer | undefined) => void {
    const { bans, suspects, credits, counts, homes, nowMs } = this.#input;
    counts.wrong(piece.sent.size > 0 ? 'host' : 'origin', rangeBytes(piece.range));
    return accuse({ bans, suspects, credits, nowMs, homes: homes(piece.range) }, piece);
  }

  #onWrong(
    wrong: ByteRange,
    sent: SentParts,
    { mode, evidence }: { readonly mode: FetchMode; readonly evidence: Promise<Evidence> },
  ): void {
    const { counts, homes: homesOf, nowMs } = this.#input;
    const homes = homesOf(wrong);
    const isOfOthers = [...sent.keys()].some((peer) => !homes.includes(peer));
    this.#disputed.add(wrong);
    if (mode !== 'verifying' || !isOfOthers) this.#ofOrigin.add(wrong);
    counts.wrong(sent.size > 0 ? 'host' : 'origin', rangeBytes(wrong));
    // Where a home has sent wrong bytes after others it may be the digest that is wrong.
    const suspects = mode === 'verifying' ? suspect(this.#judges, sent, homes, nowMs()) : [];
    this.#accusations.add({
      range: wrong,
      sent,
      evidence,
      credit: suspectCredit(this.#input.credits, suspects),
    });
    const looking = { range: wrong, evidence };
    this.#looking.add(looking);
    void evidence.then(() => this.#looking.delete(looking));
  }

  /** What is written there now would not be kept. */
  #whenFree({ start, end }: ByteRange): Promise<unknown> | undefined {
    if (this.#looking.size === 0) return undefined;
    const there = [...this.#looking].filter(({ range }) => range.start < end && range.end > start);
    return Promise.all(there.map(({ evidence }) => evidence));
  }

  #decideHeld(range: ByteRange): void {
    const { stored } = this.#input;
    const isHeld = (accusation: Accusation) => stored.isHeld(accusation.range);
    for (const accusation of this.#accusations.take(range, isHeld)) void this.#decide(accusation);
  }

  /** Its right bytes are held. */
  async #decide({ range, sent, evidence, credit }: Accusation): Promise<void> {
    const { stored, bans, suspects, homes, nowMs } = this.#input;
    const exhibits = await evidence;
    const { liars, honest } = await compare(sent, exhibits, (part) => stored.hashHeld(part));
    for (const peer of liars) {
      bans.liar(peer, nowMs());
      credit.unanswered(peer, UNPROVEN_BYTES_MAX);
    }
    for (const peer of honest) {
      credit.unanswered(peer, UNPROVEN_BYTES_MAX);
      if (!this.#accusations.isAccused(peer)) suspects.acquit(peer);
    }
    // Of some it cannot be said: they were not kept, or the right ones are gone already.
    const known = new Set([...liars, ...honest]);
    const others = new Map([...sent].filter(([peer]) => !known.has(peer)));
    if (liars.length === 0 && others.size > 0) {
      doubt(this.#judges, others, homes(range), nowMs());
    }
  }

  /** Where the right bytes cannot be kept nothing is compared. */
  #onRight(right: ByteRange): void {
    const { stored, homes, nowMs } = this.#input;
    this.#decideHeld(right);
    if (stored.isHeld(right)) return;
    for (const { range, sent } of this.#accusations.take(right, () => true)) {
      doubt(this.#judges, sent, homes(range), nowMs());
    }
  }

  /** Of what only readers have said: an image may name digests that no bytes have. */
  get #judges(): Judges {
    return { bans: this.#input.suspects, credits: this.#input.credits };
  }
}
