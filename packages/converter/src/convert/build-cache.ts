/**
 * Records of converted layers, kept between conversions: in a directory, or as an image whose
 * layers are the records. A record's key stands for the layer, everything below it and everything
 * that decides its bytes, so a record that is found is right.
 */
import { createHash } from 'node:crypto';
import type { Digest } from '@shoal/oci';
import type { ConvertSettings } from './convert-settings.ts';

declare const cacheKeyBrand: unique symbol;

/** 64 hexadecimal digits. */
export type CacheKey = string & { readonly [cacheKeyBrand]: true };

export interface BuildCache extends AsyncDisposable {
  /** For messages. */
  readonly description: string;
  /** The stored record; undefined when there is none or it is damaged. */
  read(key: CacheKey, signal: AbortSignal): Promise<Buffer | undefined>;
  write(key: CacheKey, record: Buffer, signal: AbortSignal): Promise<void>;
  /** Makes what was written visible to the next conversion. */
  publish(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The key below the first layer: whatever decides how bytes are made. */
export function rootCacheKey(
  versions: { readonly shoal: string; readonly zstd: string },
  { format, prefetchPatterns }: ConvertSettings,
  dictIdentities: readonly string[],
): CacheKey {
  const parts = [versions.shoal, versions.zstd, format, dictIdentities];
  // What is listed goes to other places in the blobs.
  return keyOf(
    JSON.stringify(prefetchPatterns.length === 0 ? parts : [...parts, prefetchPatterns]),
  );
}

/** The key of a layer on top of what `below` stands for. */
export function layerCacheKey(below: CacheKey, digest: Digest, diffId: Digest): CacheKey {
  return keyOf(`${below} ${digest} ${diffId}`);
}

function keyOf(text: string): CacheKey {
  return createHash('sha256').update(text).digest('hex') as CacheKey;
}
