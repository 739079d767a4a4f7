/**
 * URLs that a registry redirected blobs to, kept until they expire.
 */
import type { Digest } from '@shoal/oci';
import { LOCATION_LIFETIME_MS, LOCATION_MARGIN_MS, LOCATIONS_MAX } from '../limits.ts';

export type BlobLocation = {
  readonly url: URL;
  /** By the clock that never jumps (`performance.now()`). */
  readonly expiresAtMs: number;
};

export class BlobLocations {
  readonly #byDigest = new Map<Digest, BlobLocation>();

  find(digest: Digest, nowMs: number = performance.now()): BlobLocation | undefined {
    const found = this.#byDigest.get(digest);
    if (found === undefined) return undefined;
    if (found.expiresAtMs - LOCATION_MARGIN_MS > nowMs) return found;
    this.#byDigest.delete(digest);
    return undefined;
  }

  /** The host's clock is asked once: how long the URL lives is not changed by setting it. */
  add(
    digest: Digest,
    url: URL,
    nowMs: number = performance.now(),
    wallClockMs: number = Date.now(),
  ): void {
    const expiresAtMs = nowMs + expiryOf(url, wallClockMs) - wallClockMs;
    this.#byDigest.delete(digest);
    this.#byDigest.set(digest, { url, expiresAtMs });
    if (this.#byDigest.size <= LOCATIONS_MAX) return;
    const [oldest] = this.#byDigest.keys();
    if (oldest !== undefined) this.#byDigest.delete(oldest);
  }

  /** Forgets a location that was refused, unless a newer one has taken its place. */
  drop(digest: Digest, location: BlobLocation): void {
    if (this.#byDigest.get(digest) === location) this.#byDigest.delete(digest);
  }
}

/**
 * When a presigned URL ends, by what it says of itself: S3 and Google (lifetime in seconds from
 * now, so that clocks need not agree), Azure (`se`), CloudFront and older S3 (`Expires`, seconds
 * since the epoch). Without any of them: a fixed lifetime.
 */
export function expiryOf(url: URL, nowMs: number): number {
  const query = new Map([...url.searchParams].map(([name, value]) => [name.toLowerCase(), value]));
  const lifetime = query.get('x-amz-expires') ?? query.get('x-goog-expires');
  if (lifetime !== undefined && /^\d{1,9}$/.test(lifetime)) return nowMs + Number(lifetime) * 1000;
  const epoch = query.get('expires');
  if (epoch !== undefined && /^\d{1,12}$/.test(epoch)) return Number(epoch) * 1000;
  const azure = Date.parse(query.get('se') ?? '');
  return Number.isNaN(azure) ? nowMs + LOCATION_LIFETIME_MS : azure;
}
