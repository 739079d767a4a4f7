/**
 * Who is not asked any more after wrong bytes. Whether they are wrong is known only when the origin has
 * given right ones: an image may name digests that no bytes have. Until then those who sent some are
 * left out for a while. Of one sender it is certain then. Of several one has lied, and it is not a home
 * where another can have been: a home has no more than its origin gave it.
 */
import type { PeerId } from '../identity/peer-id.ts';
import { ACCUSATIONS_MAX } from '../limits.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { Bans } from '../select/bans.ts';

/** They may have sent wrong bytes. */
export function suspect(
  bans: Bans,
  senders: ReadonlySet<PeerId>,
  homes: readonly PeerId[],
  nowMs: number,
): void {
  for (const peer of accusedOf(senders, homes)) bans.suspect(peer, nowMs);
}

/** One of them has. */
export function blame(
  bans: Bans,
  senders: ReadonlySet<PeerId>,
  homes: readonly PeerId[],
  nowMs: number,
): void {
  const accused = accusedOf(senders, homes);
  for (const peer of accused) {
    if (accused.length === 1) bans.liar(peer, nowMs);
    else bans.suspect(peer, nowMs);
  }
}

function accusedOf(senders: ReadonlySet<PeerId>, homes: readonly PeerId[]): readonly PeerId[] {
  const others = [...senders].filter((peer) => !homes.includes(peer));
  return others.length > 0 ? others : [...senders];
}

type Accusation = { readonly range: ByteRange; readonly senders: ReadonlySet<PeerId> };

/** Who sent what was wrong, until the right bytes are known; the oldest are forgotten. */
export class Accusations {
  #open: Accusation[] = [];

  add(range: ByteRange, senders: ReadonlySet<PeerId>): void {
    if (senders.size === 0) return;
    this.#open.push({ range, senders });
    if (this.#open.length > ACCUSATIONS_MAX) this.#open.shift();
  }

  /** Those about bytes of the range. */
  take({ start, end }: ByteRange): readonly ReadonlySet<PeerId>[] {
    const isAbout = ({ range }: Accusation) => range.start < end && range.end > start;
    const taken = this.#open.filter(isAbout);
    this.#open = this.#open.filter((accusation) => !isAbout(accusation));
    return taken.map(({ senders }) => senders);
  }
}
