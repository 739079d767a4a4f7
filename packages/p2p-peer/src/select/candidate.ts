/** A peer that could be asked, as a choice sees it: how near it is, and how busy. */
import type { HostFacts } from '../identity/host.ts';
import type { PeerId } from '../identity/peer-id.ts';
import type { Willingness } from './refusal-streaks.ts';

/** How far away a host is; the nearest first. */
export const DISTANCES = ['rack', 'zone', 'other'] as const;
export type Distance = (typeof DISTANCES)[number];

export type Candidate = {
  readonly peer: PeerId;
  readonly distance: Distance;
  /** What has been asked of it on its wire and not come yet. */
  readonly outstandingBytes: number;
  /** Average round trip of a block on its wire, ms; what is usual at its distance before the first. */
  readonly latencyMs: number;
  /** Of twenty blocks nineteen were here sooner, ms. */
  readonly p95Ms: number;
  /** As much is outstanding as the wire takes. */
  readonly isFull: boolean;
  readonly isBanned: boolean;
  /** What may be asked of it besides as a holder, until its bytes were judged: `PeerCredits`. */
  readonly creditBytes: number;
  /** A block is given up after so long though the peer lives. @default that of all hosts */
  readonly patienceMs?: number;
  /** Whether it gives what it is asked for, as far as it was asked of late. */
  readonly willingness: Willingness;
};

/** Hosts that nobody has told a zone for are all in one; without a rack a host is in none. */
export function distanceBetween(
  one: Pick<HostFacts, 'zone' | 'rack'>,
  other: Pick<HostFacts, 'zone' | 'rack'>,
): Distance {
  if (one.zone !== other.zone) return 'other';
  if (one.rack !== '' && one.rack === other.rack) return 'rack';
  return 'zone';
}
