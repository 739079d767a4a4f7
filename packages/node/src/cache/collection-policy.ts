/**
 * Which unused blobs of a cache go, and why: by age, and by watermarks of the cache's own size and of
 * the disk it lies on. Pure; blobs that a mount uses never come here.
 */
import type { UnusedBlob } from '@shoal/blob-store';

export type CollectionPolicy = {
  /** Of the cache's files; undefined: no limit. */
  readonly highBytes: number | undefined;
  readonly lowBytes: number | undefined;
  /** Use of the disk, in percent; undefined: does not count. */
  readonly highPercent: number | undefined;
  readonly lowPercent: number | undefined;
  /** Longest time without a user; undefined: any. */
  readonly unusedMsMax: number | undefined;
};

export type CacheFacts = {
  /** Of the cache's files, those in use included. */
  readonly bytes: number;
  readonly diskBytes: number;
  readonly diskFreeBytes: number;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
};

export type CollectionReason = 'age' | 'cache size' | 'disk use' | 'asked for';
export type Condemned = UnusedBlob & { readonly reason: CollectionReason };

/** `unused` in the order in which blobs go. */
export function condemn(
  unused: readonly UnusedBlob[],
  facts: CacheFacts,
  policy: CollectionPolicy,
): readonly Condemned[] {
  const old = unused.filter((blob) => isTooOld(blob, facts, policy));
  const condemned: Condemned[] = old.map((blob) => ({ ...blob, reason: 'age' }));
  const rest = unused.filter((blob) => !old.includes(blob));
  let freed = bytesOf(old);
  for (const blob of rest) {
    const reason = reasonOf(freed, facts, policy, condemned.at(-1)?.reason);
    if (reason === undefined) break;
    condemned.push({ ...blob, reason });
    freed += blob.bytes;
  }
  return condemned;
}

function isTooOld(
  { lastUseMs }: UnusedBlob,
  { nowMs }: CacheFacts,
  { unusedMsMax }: CollectionPolicy,
): boolean {
  return unusedMsMax !== undefined && nowMs - lastUseMs > unusedMsMax;
}

/** A collection that a high mark started goes on down to the low one. */
function reasonOf(
  freed: number,
  { bytes, diskBytes, diskFreeBytes }: CacheFacts,
  policy: CollectionPolicy,
  before: CollectionReason | undefined,
): CollectionReason | undefined {
  const { highBytes, lowBytes = highBytes, highPercent, lowPercent = highPercent } = policy;
  const size = bytes - freed;
  const isShrinking = before === 'cache size';
  if (size > ((isShrinking ? lowBytes : highBytes) ?? Number.POSITIVE_INFINITY))
    return 'cache size';
  const used = diskBytes === 0 ? 0 : (100 * (diskBytes - diskFreeBytes - freed)) / diskBytes;
  const isMakingRoom = before === 'disk use';
  if (used > ((isMakingRoom ? lowPercent : highPercent) ?? 100)) return 'disk use';
  return undefined;
}

function bytesOf(blobs: readonly UnusedBlob[]): number {
  return blobs.reduce((sum, { bytes }) => sum + bytes, 0);
}
