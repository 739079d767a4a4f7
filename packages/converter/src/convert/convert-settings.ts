/**
 * Options with their defaults, checked before anything is opened: what cannot be meant is wrong
 * use, not a failed conversion.
 */
import type { ImageReference } from '@shoal/oci';
import { formatReference } from '@shoal/oci';
import type { Digester } from '@shoal/rafs';
import { CHUNK_SIZE_MAX, CHUNK_SIZE_MIN, isChunkSize } from '@shoal/rafs';
import { isPathWithin, isSameReference } from '@shoal/registry-client/stores';
import type { Compressor, ImageFormat } from '../blob/image-format.ts';
import { ConvertOptionsError } from '../errors.ts';
import type { PrefetchPattern } from '../layer/first-reads.ts';
import { CHUNK_DICTS_MAX, PREFETCH_PATTERNS_MAX } from '../limits.ts';
import type { ConvertOptions, PlatformChoice } from './convert-options.ts';

const CHUNK_SIZE_BYTES = 1 << 20;
const COMPRESSORS: readonly Compressor[] = ['zstd', 'lz4_block', 'none'];
const DIGESTERS: readonly Digester[] = ['sha256', 'blake3'];

export type ConvertSettings = {
  readonly source: ImageReference;
  readonly target: ImageReference;
  readonly format: ImageFormat;
  readonly platforms: PlatformChoice;
  readonly mergePlatform: boolean;
  readonly withReferrer: boolean;
  readonly torrent: boolean | 'if-possible';
  readonly prefetchPatterns: readonly PrefetchPattern[];
  readonly chunkDicts: readonly ImageReference[];
};

/** Throws `ConvertOptionsError`. */
export function checkConvertOptions(options: ConvertOptions): ConvertSettings {
  const format: ImageFormat = {
    compressor: options.compressor ?? 'zstd',
    digester: options.digester ?? 'sha256',
    chunkSizeBytes: options.chunkSizeBytes ?? CHUNK_SIZE_BYTES,
  };
  checkFormat(format);
  checkEnds(options);
  checkBuildCache(options);
  const chunkDicts = options.chunkDicts ?? [];
  if (chunkDicts.length > CHUNK_DICTS_MAX) {
    throw wrong(`${chunkDicts.length} chunk dictionaries`, `give at most ${CHUNK_DICTS_MAX}`);
  }
  if (chunkDicts.some(({ kind }) => kind === 'directory')) {
    throw wrong('a directory is not a chunk dictionary', 'give a converted image');
  }
  return {
    source: options.source,
    target: options.target,
    format,
    platforms: options.platforms ?? { kind: 'host' },
    mergePlatform: options.mergePlatform ?? false,
    withReferrer: options.withReferrer ?? false,
    torrent: options.torrent ?? false,
    prefetchPatterns: checkPrefetchPatterns(options.prefetchPatterns ?? []),
    chunkDicts,
  };
}

function checkFormat({ compressor, digester, chunkSizeBytes }: ImageFormat): void {
  if (!COMPRESSORS.includes(compressor)) {
    throw wrong(`compressor ${compressor}`, `choose one of ${COMPRESSORS.join(', ')}`);
  }
  if (!DIGESTERS.includes(digester)) {
    throw wrong(`digester ${digester}`, `choose one of ${DIGESTERS.join(', ')}`);
  }
  if (!isChunkSize(chunkSizeBytes)) {
    throw wrong(
      `chunk size of ${chunkSizeBytes} bytes`,
      `give a power of two from ${CHUNK_SIZE_MIN} to ${CHUNK_SIZE_MAX}`,
    );
  }
}

function checkEnds(options: ConvertOptions): void {
  const { source, target } = options;
  if (target.kind === 'directory') {
    throw wrong(
      `target ${formatReference(target)} is a plain directory`,
      'give a registry, oci:DIR, oci-archive:FILE or docker-archive:FILE',
    );
  }
  if (target.kind === 'registry' && target.digest !== undefined) {
    throw wrong(
      `target ${formatReference(target)} names a digest, which is known only afterwards`,
      'give a tag',
    );
  }
  if (isSameReference(source, target)) {
    throw wrong(
      `source and target are both ${formatReference(target)}`,
      'give the target another name: the original would be replaced',
    );
  }
  const isLocal = target.kind !== 'registry';
  if (source.kind === 'directory' && isLocal && isPathWithin(target.path, source.path)) {
    throw wrong(
      `target ${formatReference(target)} lies inside the source directory`,
      'give a place outside: it would become part of the image',
    );
  }
  if (source.kind === 'directory' && (options.mergePlatform || options.withReferrer)) {
    throw wrong(
      'a directory has no original manifest to merge with or refer to',
      'leave --merge-platform and --with-referrer out',
    );
  }
  if (source.kind === 'directory' && options.platforms?.kind === 'all') {
    throw wrong('a directory has one platform', 'leave --all-platforms out');
  }
}

/** A cache that takes the place of an image, or lies in one, would destroy it. */
function checkBuildCache({ buildCache, source, target }: ConvertOptions): void {
  if (buildCache === undefined) return;
  for (const end of [source, target]) {
    const isTaken =
      buildCache.kind === 'image'
        ? isSameReference(buildCache.reference, end)
        : (end.kind === 'layout' || end.kind.endsWith('-archive')) &&
          'path' in end &&
          isPathWithin(buildCache.path, end.path);
    if (isTaken) {
      throw wrong(
        `the build cache and ${formatReference(end)} are in the same place`,
        'give the build cache a place of its own',
      );
    }
  }
}

function checkPrefetchPatterns(patterns: readonly PrefetchPattern[]): readonly PrefetchPattern[] {
  if (patterns.length > PREFETCH_PATTERNS_MAX) {
    throw wrong(`${patterns.length} prefetch patterns`, `give at most ${PREFETCH_PATTERNS_MAX}`);
  }
  const relative = patterns.find(({ path }) => !path.startsWith('/') || path.includes('\0'));
  if (relative !== undefined) {
    throw wrong(
      `prefetch pattern ${JSON.stringify(relative.path)} is not an absolute path`,
      'write one path of the image per line, each starting with /',
    );
  }
  return patterns;
}

function wrong(message: string, remedy: string): ConvertOptionsError {
  return new ConvertOptionsError(message, remedy);
}
