/**
 * Who of those that may have sent wrong bytes is left out until it is known who did, or where it never will
 * be. It is not a home where another can have been: a home has no more than its origin gave it.
 */
import type { PeerId } from '../identity/peer-id.ts';
import type { Bans } from '../select/bans.ts';
import type { PeerCredits, ReadCredit } from '../select/credits.ts';
import { SUSPECT_BAN_MS, UNPROVEN_BYTES_MAX } from '../select/limits.ts';
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

/** Until it is known who lied a suspect is asked for a chunk less, of whatever blob. */
export function suspectCredit(credits: PeerCredits, suspects: readonly PeerId[]): ReadCredit {
  const credit = credits.openRead();
  for (const peer of suspects) credit.asked(peer, UNPROVEN_BYTES_MAX);
  if (suspects.length > 0) setTimeout(() => credit.close(), SUSPECT_BAN_MS).unref();
  return credit;
}

/** A home only where nobody else can have done it. */
export function withoutHomes(sent: SentParts, homes: readonly PeerId[]): readonly PeerId[] {
  const others = [...sent.keys()].filter((peer) => !homes.includes(peer));
  return others.length > 0 ? others : [...sent.keys()];
}

/** Whoever has given many right bytes is not left out where one can have lied who has not. */
function likely(accused: readonly PeerId[], credits: PeerCredits): readonly PeerId[] {
  const unproven = accused.filter((peer) => !credits.isProven(peer));
  return unproven.length > 0 ? unproven : accused;
}
