/** The build cache a location names. */
import type { ClientOptions } from '@shoal/registry-client';
import type { BuildCache } from './build-cache.ts';
import type { BuildCacheLocation } from './convert-options.ts';
import { DirectoryCache } from './directory-cache.ts';
import { ImageCache } from './image-cache.ts';

/** Throws `BuildCacheError` when it cannot be used, before anything is converted. */
export async function openBuildCache(
  location: BuildCacheLocation,
  client: ClientOptions,
  signal: AbortSignal,
): Promise<BuildCache> {
  if (location.kind === 'directory') return await DirectoryCache.open(location.path);
  return await ImageCache.open(location.reference, client, signal);
}
