/**
 * Who sent what was found wrong, and what it was, until the right bytes are known. Then each one's part is
 * compared with them: whoever sent other bytes has lied, and whoever sent the same has not, for an image may
 * name digests that no bytes have.
 */
import type { PeerId } from '../identity/peer-id.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { ReadCredit } from '../select/credits.ts';
import type { Evidence, Exhibit } from './judged-read.ts';
import { ACCUSATIONS_MAX } from './limits.ts';
import { type SentParts, sentBytes } from './senders.ts';

export type Accusation = {
  readonly range: ByteRange;
  readonly sent: SentParts;
  /** Never rejects. */
  readonly evidence: Promise<Evidence>;
  /** What the suspects are not asked for meanwhile, of whatever blob. */
  readonly credit: ReadCredit;
};

export type Findings = {
  readonly liars: readonly PeerId[];
  /** All that they sent was right. */
  readonly honest: readonly PeerId[];
};

/** The oldest are forgotten. */
export class Accusations {
  #open: Accusation[] = [];

  add(accusation: Accusation): void {
    if (accusation.sent.size === 0) return;
    this.#open.push(accusation);
    if (this.#open.length > ACCUSATIONS_MAX) this.#open.shift()?.credit.close();
  }

  /** Takes out those about bytes of the range that are ready for it. */
  take(
    { start, end }: ByteRange,
    isReady: (accusation: Accusation) => boolean,
  ): readonly Accusation[] {
    const taken = this.#open.filter(
      (each) => each.range.start < end && each.range.end > start && isReady(each),
    );
    if (taken.length > 0) this.#open = this.#open.filter((each) => !taken.includes(each));
    return taken;
  }

  /** Somebody still says so. */
  isAccused(peer: PeerId): boolean {
    return this.#open.some(({ sent }) => sent.has(peer));
  }
}

/** `hash` is SHA-256 of the right bytes; undefined where they are not known any more. */
export async function compare(
  sent: SentParts,
  evidence: Evidence,
  hash: (range: ByteRange) => Promise<Buffer | undefined>,
): Promise<Findings> {
  const liars = new Set<PeerId>();
  const rightBytes = new Map<PeerId, number>();
  const look = async ({ peer, range, hash: accused }: Exhibit) => {
    const right = await hash(range);
    if (right === undefined) return;
    if (!right.equals(accused)) liars.add(peer);
    else rightBytes.set(peer, (rightBytes.get(peer) ?? 0) + rangeBytes(range));
  };
  await Promise.all(evidence.map(look));
  const isHonest = ([peer, parts]: readonly [PeerId, readonly ByteRange[]]) =>
    !liars.has(peer) && rightBytes.get(peer) === sentBytes(parts);
  return { liars: [...liars], honest: [...sent].filter(isHonest).map(([peer]) => peer) };
}
