/**
 * Which digests are known to be in which repository, and how large they are there: content is the same
 * everywhere, but who may read one repository may not read another.
 */
import type { Digest } from '@shoal/oci';
import { AgedMap } from '../cache/aged-map.ts';
import type { Clock } from '../clock.ts';
import { MEMBER_MS, MEMBERS_MAX, STALE_MS_MAX } from '../limits.ts';
import type { GrantPlace } from './grants.ts';

export type Member = {
  /** Undefined while the upstream has not told. */
  readonly size: number | undefined;
};

type Repository = Pick<GrantPlace, 'upstream' | 'repository'>;

export class Memberships {
  readonly #members: AgedMap<Member>;

  constructor(clock: Clock) {
    this.#members = new AgedMap(MEMBERS_MAX, clock);
  }

  add(place: Repository, digest: Digest, size: number | undefined): void {
    this.#members.set(keyOf(place, digest), { size });
  }

  remove(place: Repository, digest: Digest): void {
    this.#members.delete(keyOf(place, digest));
  }

  find(place: Repository, digest: Digest): Member | undefined {
    return this.#members.fresh(keyOf(place, digest), MEMBER_MS);
  }

  /** While the upstream cannot be asked. */
  findWithoutUpstream(place: Repository, digest: Digest): Member | undefined {
    return this.#members.fresh(keyOf(place, digest), STALE_MS_MAX);
  }
}

function keyOf({ upstream, repository }: Repository, digest: Digest): string {
  return `${upstream} ${repository} ${digest}`;
}
