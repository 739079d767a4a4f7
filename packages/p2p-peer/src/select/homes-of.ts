/**
 * Who fetches an extent of a blob from its origin for all the others: the first host of a rendezvous
 * hash over the seeds of the own zone. When a host goes, only the extents it was home of move.
 */
import type { BlobId } from '@shoal/oci';
import type { HostFacts } from '../identity/host.ts';
import { HOME_RANKS } from '../limits.ts';
import { extentKey, rendezvousScore } from './rendezvous.ts';

/** Where one stands, to find the homes that are near. */
export type Place = Pick<HostFacts, 'zone'>;

/**
 * At most `ranks` hosts, the home first; they are the same for all hosts of a zone that know the same
 * `hosts`. The seeds of the own zone, else all seeds, else the peers of the own zone, else all
 * peers: `hosts` are those believed to live, oneself among them. Costs one hash of 10 ns a host.
 */
export function homesOf(
  blobId: BlobId,
  extent: number,
  hosts: readonly HostFacts[],
  self: Place,
  ranks = HOME_RANKS,
): HostFacts[] {
  const key = extentKey(blobId, extent);
  const best: { facts: HostFacts; score: number }[] = [];
  for (const facts of homeCandidates(hosts, self)) {
    const score = rendezvousScore(facts.host, key);
    const last = best.at(-1);
    if (best.length >= ranks && last !== undefined && score < last.score) continue;
    // Equal scores, one pair in 2 ** 53, are told apart by name.
    let place = best.findIndex(
      (other) => score > other.score || (score === other.score && facts.host < other.facts.host),
    );
    if (place === -1) place = best.length;
    best.splice(place, 0, { facts, score });
    if (best.length > ranks) best.pop();
  }
  return best.map(({ facts }) => facts);
}

/** Those of `hosts` among whom the homes of a zone are. */
export function homeCandidates(hosts: readonly HostFacts[], { zone }: Place): readonly HostFacts[] {
  const seeds = hosts.filter(({ role }) => role === 'seed');
  const all = seeds.length > 0 ? seeds : hosts;
  const near = all.filter((facts) => facts.zone === zone);
  return near.length > 0 ? near : all;
}
