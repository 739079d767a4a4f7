/**
 * Addresses from which no standard client is a source of reads for a while: an id says nothing about it, since it takes
 * another one whenever it likes. What it sent is often judged when it has left already, so the places of ids are
 * remembered beyond their wires.
 */
import { LRUCache } from 'lru-cache';
import type { PeerId } from '../identity/peer-id.ts';
import { PLAIN_SOURCES_REMEMBERED_MAX } from '../limits.ts';
import { LIAR_BAN_MS, type Offence, SUSPECT_BAN_MS } from '../select/bans.ts';
import type { AddressGroup } from '../wire/address-group.ts';

export class SourceBans {
  readonly #nowMs: () => number;
  readonly #places = new LRUCache<PeerId, AddressGroup>({ max: PLAIN_SOURCES_REMEMBERED_MAX });
  /** In ms, until when. */
  readonly #bannedUntil = new LRUCache<AddressGroup, number>({ max: PLAIN_SOURCES_REMEMBERED_MAX });

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * Whether it may be a source. An id is that of whoever had it first: another one could be found out as a liar with
   * it, at the cost of the first.
   */
  admit(peer: PeerId, from: AddressGroup): boolean {
    if (this.isBanned(from)) return false;
    const known = this.#places.get(peer);
    if (known === undefined) this.#places.set(peer, from);
    return known === undefined || known === from;
  }

  isBanned(from: AddressGroup): boolean {
    return (this.#bannedUntil.get(from) ?? 0) > this.#nowMs();
  }

  /** For as long as its id is. Whether there is no use in its wires any more: nobody is left out so for being slow. */
  ban(peer: PeerId, offence: Offence): boolean {
    const banMs = banMsOf(offence);
    const from = this.#places.get(peer);
    if (banMs === undefined || from === undefined) return false;
    const untilMs = Math.max(this.#nowMs() + banMs, this.#bannedUntil.get(from) ?? 0);
    this.#bannedUntil.set(from, untilMs);
    return true;
  }
}

function banMsOf(offence: Offence): number | undefined {
  if (offence === 'lied') return LIAR_BAN_MS;
  return offence === 'suspect' ? SUSPECT_BAN_MS : undefined;
}
