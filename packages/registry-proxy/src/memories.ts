/** Everything the proxy remembers between requests. All of it is bounded, none of it is a secret. */
import type { Digest } from '@shoal/oci';
import { Grants } from './access/grants.ts';
import { Memberships } from './access/memberships.ts';
import type { Refusal } from './answer/refusal.ts';
import { AgedMap } from './cache/aged-map.ts';
import type { ManifestCache } from './cache/manifest-cache.ts';
import type { Clock } from './clock.ts';
import { MISSING_MAX, TAGS_MAX } from './limits.ts';

/** What a tag meant for one set of accepted media types. */
export type TagMeaning = {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
};

export type Memories = {
  readonly grants: Grants;
  readonly members: Memberships;
  readonly manifests: ManifestCache;
  readonly tags: AgedMap<TagMeaning>;
  /** What an upstream has just said it does not have, and how. */
  readonly missing: AgedMap<Refusal>;
};

export function openMemories(manifests: ManifestCache, clock: Clock): Memories {
  return {
    grants: new Grants(clock),
    members: new Memberships(clock),
    manifests,
    tags: new AgedMap(TAGS_MAX, clock),
    missing: new AgedMap(MISSING_MAX, clock),
  };
}
