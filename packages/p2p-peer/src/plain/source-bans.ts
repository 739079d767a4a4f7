/**
 * Addresses from which no standard client is a source of reads for a while: an id says nothing about it, since it takes
 * another one whenever it likes. What it sent is often judged when it has left already, so the places of ids are
 * remembered beyond their wires.
 */
import { LRUCache } from 'lru-cache';
import type { PeerId } from '../identity/peer-id.ts';
import { LIAR_BAN_MS } from '../select/limits.ts';
import type { AddressGroup } from '../wire/address-group.ts';
import { PLAIN_SOURCES_REMEMBERED_MAX } from './limits.ts';

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

  /** For as long as its id is. Whether it was a source. */
  banLiar(peer: PeerId): boolean {
    const from = this.#places.get(peer);
    if (from === undefined) return false;
    this.#bannedUntil.set(from, this.#nowMs() + LIAR_BAN_MS);
    return true;
  }
}
