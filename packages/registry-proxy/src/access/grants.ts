/**
 * Whom an upstream has authorised for which repository, remembered for a short while: within it, what
 * the proxy has is given without asking. An authorization is known by its hash.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { GRANT_MS, GRANTS_MAX, STALE_MS_MAX } from '../limits.ts';

export type GrantPlace = {
  readonly upstream: string;
  readonly repository: string;
  /** By `identityOf`. */
  readonly identity: string;
};

export class Grants {
  readonly #grantedAtMs = new LRUCache<string, number>({ max: GRANTS_MAX });
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(place: GrantPlace): void {
    this.#grantedAtMs.set(keyOf(place), this.#clock());
  }

  /** The upstream refused: what it said before is void. */
  revoke(place: GrantPlace): void {
    this.#grantedAtMs.delete(keyOf(place));
  }

  has(place: GrantPlace): boolean {
    return this.#ageMs(place) < GRANT_MS;
  }

  /**
   * While the upstream cannot be asked. What anybody could read, and what our own credentials could,
   * goes on for as long as tags do; somebody's authorization no longer than ever.
   */
  hasWithoutUpstream(place: GrantPlace): boolean {
    const isOurs = place.identity === 'own' || place.identity === 'anonymous';
    return this.#ageMs(place) < (isOurs ? STALE_MS_MAX : GRANT_MS);
  }

  #ageMs(place: GrantPlace): number {
    const grantedAtMs = this.#grantedAtMs.get(keyOf(place));
    return grantedAtMs === undefined ? Number.POSITIVE_INFINITY : this.#clock() - grantedAtMs;
  }
}

function keyOf({ upstream, repository, identity }: GrantPlace): string {
  return `${upstream} ${repository} ${identity}`;
}
