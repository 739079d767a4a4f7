/**
 * The caches of a daemon: the default one, and one for each directory that a mount names. They share
 * codec threads and one bound for what they fetch at once.
 */
import { join } from 'node:path';
import type { CacheEvent, FetchCause, VerbatimListener } from '@shoal/blob-store';
import { ChunkCache, type CodecPool, ReadGate } from '@shoal/blob-store';
import { errorFields, makePrivateDirectory } from '@shoal/snapshotter';
import type { NodeConfig } from './config/config.ts';
import type { DaemonPaths } from './config/paths.ts';
import type { Log } from './log/log.ts';

export type CachesInput = {
  readonly defaultDirectory: string;
  readonly config: NodeConfig;
  readonly codecs: CodecPool;
  readonly log: Log;
  readonly onFetched: (source: string, cause: FetchCause, bytes: number) => void;
  readonly onEvent: (event: CacheEvent) => void;
};

export class Caches {
  readonly #input: CachesInput;
  readonly #gate = new ReadGate();
  readonly #open = new Set<ChunkCache>();
  readonly #verbatimListeners = new Set<VerbatimListener>();
  #isRestored = false;

  constructor(input: CachesInput) {
    this.#input = input;
  }

  /** Closed by whoever opens it. */
  async open(directory: string): Promise<ChunkCache> {
    makePrivateDirectory(directory);
    const { codecs, config, defaultDirectory, log, onFetched, onEvent } = this.#input;
    const evictsAtOnce = this.#isRestored;
    const limits = directory === defaultDirectory ? limitsOf(config) : {};
    const readahead = config.readsAhead ? {} : { readaheadBytesMax: 0 };
    const cache = await ChunkCache.open(
      { directory, evictsAtOnce, ...limits, ...readahead },
      {
        pool: codecs,
        gate: this.#gate,
        onFetched,
        onVerbatim: config.peer === undefined ? undefined : this.#onVerbatim,
        onEvent: (event) => {
          logCacheEvent(log, directory, event);
          onEvent(event);
        },
      },
    );
    this.#open.add(cache);
    if (this.#isRestored && !evictsAtOnce) await cache.startEviction();
    return cache;
  }

  /** Caches opened while mounts are restored evict only afterwards: their blobs look unused before. */
  async startEviction(): Promise<void> {
    this.#isRestored = true;
    await Promise.all([...this.#open].map((cache) => cache.startEviction()));
  }

  get defaultDirectory(): string {
    return this.#input.defaultDirectory;
  }

  all(): readonly ChunkCache[] {
    return [...this.#open];
  }

  /** The image of these blobs is gone from containerd. */
  markRemoved(directory: string, blobIds: Iterable<string>): void {
    const cache = this.all().find((each) => each.directory === directory);
    cache?.upkeep.markRemoved(blobIds);
  }

  /** Of the default cache. */
  get limitBytes(): number | undefined {
    return this.#input.config.cacheBytesMax;
  }

  /** One of them has every chunk of the blob, and a mount uses it. */
  hasAllOf(blobId: string): boolean {
    return this.all().some((cache) => cache.hasAllOf(blobId));
  }

  /** Tells of stored bytes that lie in device files just as they are; returns what ends it. */
  watchVerbatim(listener: VerbatimListener): () => void {
    this.#verbatimListeners.add(listener);
    return () => this.#verbatimListeners.delete(listener);
  }

  readonly #onVerbatim: VerbatimListener = (blob, more) => {
    for (const tell of this.#verbatimListeners) tell(blob, more);
  };

  /** Bytes that their files take on the disk. */
  get bytes(): number {
    return [...this.#open].reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

function limitsOf({ cacheBytesMax, cacheBytesLow }: NodeConfig) {
  return {
    ...(cacheBytesMax === undefined ? {} : { cacheBytesMax }),
    ...(cacheBytesLow === undefined ? {} : { cacheBytesLow }),
  };
}

export function cacheDirectoryOf(config: NodeConfig, paths: DaemonPaths): string {
  return config.cacheDirectory ?? join(paths.root, 'cache');
}

function logCacheEvent(log: Log, cache: string, event: CacheEvent): void {
  const { kind, message, error } = event;
  const level =
    kind === 'evicted' || kind === 'adopted' || kind === 'disk-writable' ? 'info' : 'warn';
  log[level](
    { event: `cache-${kind}`, cache, kind, ...(error === undefined ? {} : errorFields(error)) },
    message,
  );
}
