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
import type { PeerCredits } from '../select/credits.ts';

export type Judges = {
  readonly bans: Bans;
  readonly credits: PeerCredits;
};

/** They may have sent wrong bytes. */
export function suspect(
  { bans, credits }: Judges,
  senders: ReadonlySet<PeerId>,
  homes: readonly PeerId[],
  nowMs: number,
): void {
  for (const peer of likely(withoutHomes(senders, homes), credits)) bans.suspect(peer, nowMs);
}

/** One of them has. */
export function blame(
  { bans, credits }: Judges,
  senders: ReadonlySet<PeerId>,
  homes: readonly PeerId[],
  nowMs: number,
): void {
  const accused = withoutHomes(senders, homes);
  const [only, another] = accused;
  if (only !== undefined && another === undefined) bans.liar(only, nowMs);
  else for (const peer of likely(accused, credits)) bans.suspect(peer, nowMs);
}

function withoutHomes(senders: ReadonlySet<PeerId>, homes: readonly PeerId[]): readonly PeerId[] {
  const others = [...senders].filter((peer) => !homes.includes(peer));
  return others.length > 0 ? others : [...senders];
}

/** Whoever has given many right bytes is not left out where one can have lied who has not. */
function likely(accused: readonly PeerId[], credits: PeerCredits): readonly PeerId[] {
  const unproven = accused.filter((peer) => !credits.isProven(peer));
  return unproven.length > 0 ? unproven : accused;
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
