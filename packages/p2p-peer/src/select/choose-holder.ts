/**
 * Which of the peers that hold a range is asked: of the nearest class that has one free, the less
 * busy of two drawn at random. The least busy of all would be everybody's choice at once.
 */
import type { PeerId } from '../identity/peer-id.ts';
import { BLOCK_BYTES_MAX } from '../limits.ts';
import { type Candidate, DISTANCES } from './candidate.ts';

/**
 * Nobody when all are banned or full. `random` gives numbers of [0, 1). `addedBytes`: what the
 * caller has decided to ask of each since the candidates were looked at. `isLeftOut`: others that
 * are not asked now.
 */
export function chooseHolder(
  candidates: readonly Candidate[],
  random: () => number,
  addedBytes?: ReadonlyMap<PeerId, number>,
  isLeftOut?: (candidate: Candidate) => boolean,
): Candidate | undefined {
  let near: Candidate[] = [];
  let nearest: number = DISTANCES.length;
  for (const candidate of candidates) {
    const distance = DISTANCES.indexOf(candidate.distance);
    if (distance > nearest || candidate.isFull || candidate.isBanned) continue;
    if (isLeftOut?.(candidate) === true) continue;
    if (distance < nearest) near = [];
    nearest = distance;
    near.push(candidate);
  }
  const [only] = near;
  if (near.length <= 1) return only;
  const index = Math.floor(random() * near.length);
  // Another one than the first.
  const other = (index + 1 + Math.floor(random() * (near.length - 1))) % near.length;
  const [first, second] = [near[index], near[other]];
  if (first === undefined || second === undefined) return first ?? second;
  return load(second, addedBytes) < load(first, addedBytes) ? second : first;
}

/** How long one more block would take, in no unit. */
function load(candidate: Candidate, addedBytes: ReadonlyMap<PeerId, number> | undefined): number {
  const bytes = candidate.outstandingBytes + (addedBytes?.get(candidate.peer) ?? 0);
  return (bytes + BLOCK_BYTES_MAX) * candidate.latencyMs;
}
