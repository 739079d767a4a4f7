/**
 * Who of those that sent wrong bytes is not asked any more where nobody can say which of them lied. Of one
 * sender it is certain when a home has said what the bytes must be. Of several one has lied, and it is not
 * a home where another can have been: a home has no more than its origin gave it.
 */
import type { PeerId } from '../identity/peer-id.ts';
import type { Bans } from '../select/bans.ts';
import type { PeerCredits } from '../select/credits.ts';
import { type SentParts, sentBytes } from './senders.ts';

export type Judges = {
  readonly bans: Bans;
  readonly credits: PeerCredits;
};

/** They may have sent wrong bytes; returns who is left out for a while. */
export function suspect(
  { bans, credits }: Judges,
  sent: SentParts,
  homes: readonly PeerId[],
  nowMs: number,
): readonly PeerId[] {
  const suspects = likely(withoutHomes(sent, homes), credits);
  for (const peer of suspects) bans.suspect(peer, nowMs);
  return suspects;
}

/**
 * One of them has, and it will not be known who: what they gave before counts half. Who has given much is
 * left out in the end too, if it goes on like this.
 */
export function doubt(
  judges: Judges,
  sent: SentParts,
  homes: readonly PeerId[],
  nowMs: number,
): void {
  suspect(judges, sent, homes, nowMs);
  for (const peer of withoutHomes(sent, homes)) {
    judges.credits.doubt(peer, sentBytes(sent.get(peer) ?? []));
  }
}

/** One of them has. */
export function blame(
  judges: Judges,
  sent: SentParts,
  homes: readonly PeerId[],
  nowMs: number,
): void {
  const [only, another] = withoutHomes(sent, homes);
  if (only !== undefined && another === undefined) judges.bans.liar(only, nowMs);
  else doubt(judges, sent, homes, nowMs);
}

function withoutHomes(sent: SentParts, homes: readonly PeerId[]): readonly PeerId[] {
  const others = [...sent.keys()].filter((peer) => !homes.includes(peer));
  return others.length > 0 ? others : [...sent.keys()];
}

/** Whoever has given many right bytes is not left out where one can have lied who has not. */
function likely(accused: readonly PeerId[], credits: PeerCredits): readonly PeerId[] {
  const unproven = accused.filter((peer) => !credits.isProven(peer));
  return unproven.length > 0 ? unproven : accused;
}
