/**
 * Scores for rendezvous hashing: every host computes the same number for a host and a key, so all
 * agree on an order without a word. Two 32-bit mixes (murmur3's finalizer), 53 bits kept; blob ids
 * are SHA-256 already. Whoever chooses names or blobs to get a certain home gains nothing by it.
 */
import type { BlobId } from '@shoal/oci';
import type { HostName } from '../identity/host.ts';
import { HASHED_NAMES_MAX } from './limits.ts';

/** What the hosts are ranked for. */
export type RendezvousKey = { readonly high: number; readonly low: number };

const names = new Map<HostName, RendezvousKey>();

function mix(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

export function extentKey(blobId: BlobId, extent: number): RendezvousKey {
  const high = Number.parseInt(blobId.slice(0, 8), 16);
  const low = Number.parseInt(blobId.slice(8, 16), 16);
  return {
    high: mix(high ^ mix(extent + 0x9e3779b9)),
    low: mix(low ^ mix(extent + 0x7f4a7c15)),
  };
}

/** 0 or more, below 2 ** 53: the higher, the nearer to the key. */
export function rendezvousScore(host: HostName, { high, low }: RendezvousKey): number {
  const name = names.get(host) ?? rememberName(host);
  const upper = mix(name.high ^ high) >>> 0;
  const lower = mix(name.low ^ low ^ upper) >>> 0;
  return upper * 0x200000 + (lower >>> 11);
}

function rememberName(host: HostName): RendezvousKey {
  let high = 0x811c9dc5;
  let low = 0xc9dc5118;
  for (let index = 0; index < host.length; index++) {
    const unit = host.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x85ebca6b) ^ (low >>> 15);
  }
  const key = { high: mix(high), low: mix(low) };
  if (names.size >= HASHED_NAMES_MAX) names.clear();
  names.set(host, key);
  return key;
}
