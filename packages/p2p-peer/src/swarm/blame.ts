/**
 * Who is not asked any more after wrong bytes. Of one sender it is certain. Of several one has lied,
 * and it is not a home where another can have been: a home has no more than its origin gave it.
 */
import type { PeerId } from '../identity/peer-id.ts';
import type { Bans } from '../select/bans.ts';

export function blame(
  bans: Bans,
  senders: ReadonlySet<PeerId>,
  homes: readonly PeerId[],
  nowMs: number,
): void {
  const others = [...senders].filter((peer) => !homes.includes(peer));
  const accused = others.length > 0 ? others : [...senders];
  for (const peer of accused) {
    if (accused.length === 1) bans.liar(peer, nowMs);
    else bans.suspect(peer, nowMs);
  }
}
