/**
 * Which of the peers that hold a range is asked: of the nearest class that has one free, the less
 * busy of two drawn at random. The least busy of all would be everybody's choice at once.
 */
import type { PeerId } from '../identity/peer-id.ts';
import { BLOCK_BYTES_MAX } from '../limits.ts';
import { type Candidate, DISTANCES } from './candidate.ts';

/**
 * Nobody when all are banned or full. `random` gives numbers of [0, 1). `addedBytes`: what the
 * caller has decided to ask of each since the candidates were looked at.
 */
export function chooseHolder(
  candidates: readonly Candidate[],
  random: () => number,
  addedBytes?: ReadonlyMap<PeerId, number>,
): Candidate | undefined {
  const free = candidates.filter(({ isBanned, isFull }) => !isBanned && !isFull);
  if (free.length <= 1) return free[0];
  for (const distance of DISTANCES) {
    const near = free.filter((candidate) => candidate.distance === distance);
    const first = near[Math.floor(random() * near.length)];
    if (first === undefined) continue;
    const others = near.filter((candidate) => candidate !== first);
    const second = others[Math.floor(random() * others.length)];
    if (second === undefined) return first;
    return load(second, addedBytes) < load(first, addedBytes) ? second : first;
  }
  return undefined;
}

/** How long one more block would take, in no unit. */
function load(candidate: Candidate, addedBytes: ReadonlyMap<PeerId, number> | undefined): number {
  const bytes = candidate.outstandingBytes + (addedBytes?.get(candidate.peer) ?? 0);
  return (bytes + BLOCK_BYTES_MAX) * candidate.latencyMs;
}
